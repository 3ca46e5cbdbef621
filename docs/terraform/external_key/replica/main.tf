# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# A replica of a multi-Region key, with its material. Part of the module above.
resource "aws_kms_replica_external_key" "this" {
  region                  = var.region
  primary_key_arn         = var.primary_key_arn
  description             = var.description
  policy                  = var.policy
  tags                    = var.tags
  enabled                 = var.enabled
  deletion_window_in_days = var.deletion_window_in_days

  bypass_policy_lockout_safety_check = var.bypass_policy_lockout_safety_check

  lifecycle {
    ignore_changes = [
      key_material_base64,
      valid_to,
      tags["byok:restore-state"],
      tags_all["byok:restore-state"],
      tags["byok:cut-off"],
      tags_all["byok:cut-off"],
    ]
  }
}

# A change of the version has reached the replica from the primary key by then; only the first import remains.
module "material" {
  source = "../../imported_key_material"

  key_arn                         = aws_kms_replica_external_key.this.arn
  material_version                = var.material_version
  key_material_file               = var.key_material_file
  key_material_env                = var.key_material_env
  key_material_lookup             = var.key_material_lookup
  strategy                        = "present"
  valid_to                        = var.valid_to
  valid_for_days                  = var.valid_for_days
  renew_before_days               = var.renew_before_days
  delete_material_on_destroy      = var.delete_material_on_destroy
  delete_all_materials_on_destroy = var.delete_all_materials_on_destroy
  allow                           = var.allow
  lift_cut_off                    = var.lift_cut_off
  connection                      = var.connection
  expected_account                = var.expected_account
  ansible_playbook                = var.ansible_playbook
  observed_key_state              = data.aws_kms_key.this.key_state
  observed_valid_to               = data.aws_kms_key.this.valid_to
}

data "aws_kms_key" "this" {
  region = var.region
  key_id = module.material.observe_key_arn
}

output "key_arn" {
  description = "ARN of the replica, for what has to wait until the replica has its material."
  value       = module.material.key_arn
}
