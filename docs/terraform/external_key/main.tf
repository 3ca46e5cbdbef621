# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

locals {
  multi_region = length(var.replica_regions) > 0
}

# The key, always without its material. What is ignored here belongs to the collection, and why is said in guide_terraform.rst.
resource "aws_kms_external_key" "this" {
  description             = var.description
  policy                  = var.policy
  tags                    = var.tags
  enabled                 = var.enabled
  key_spec                = var.key_spec
  key_usage               = var.key_usage
  multi_region            = local.multi_region
  deletion_window_in_days = var.deletion_window_in_days

  bypass_policy_lockout_safety_check = var.bypass_policy_lockout_safety_check

  lifecycle {
    ignore_changes = [
      key_material_base64,
      valid_to,
      key_spec,
      key_usage,
      tags["byok:restore-state"],
      tags_all["byok:restore-state"],
      tags["byok:cut-off"],
      tags_all["byok:cut-off"],
    ]
  }
}

resource "aws_kms_alias" "this" {
  for_each = var.aliases

  name          = each.value
  target_key_id = aws_kms_external_key.this.id
}

module "material" {
  source = "../imported_key_material"

  key_arn                         = aws_kms_external_key.this.arn
  material_version                = var.material_version
  key_material_file               = var.key_material_file
  key_material_env                = var.key_material_env
  key_material_lookup             = var.key_material_lookup
  strategy                        = var.strategy
  regions                         = local.multi_region ? ["all"] : null
  valid_to                        = var.valid_to
  valid_for_days                  = var.valid_for_days
  renew_before_days               = var.renew_before_days
  key_material_description        = var.key_material_description
  lift_cut_off                    = var.lift_cut_off
  delete_material_on_destroy      = var.delete_material_on_destroy
  delete_all_materials_on_destroy = var.delete_all_materials_on_destroy
  allow                           = var.allow
  connection                      = var.connection
  expected_account                = var.expected_account
  ansible_playbook                = var.ansible_playbook
  observed_key_state              = data.aws_kms_key.this.key_state
  observed_valid_to               = data.aws_kms_key.this.valid_to
}

# Read while a plan is made; when an import is planned, after the import.
data "aws_kms_key" "this" {
  key_id = module.material.observe_key_arn
}

# KMS makes replicas of a key that has its material, and of no other: hence the ARN that waits for the material.
module "replica" {
  source   = "./replica"
  for_each = var.replica_regions

  region                             = each.value
  primary_key_arn                    = module.material.key_arn
  description                        = var.description
  policy                             = var.policy
  tags                               = var.tags
  enabled                            = var.enabled
  deletion_window_in_days            = var.deletion_window_in_days
  bypass_policy_lockout_safety_check = var.bypass_policy_lockout_safety_check
  material_version                   = var.material_version
  key_material_file                  = var.key_material_file
  key_material_env                   = var.key_material_env
  key_material_lookup                = var.key_material_lookup
  valid_to                           = var.valid_to
  valid_for_days                     = var.valid_for_days
  renew_before_days                  = var.renew_before_days
  delete_material_on_destroy         = var.delete_material_on_destroy
  delete_all_materials_on_destroy    = var.delete_all_materials_on_destroy
  allow                              = var.allow
  lift_cut_off                       = var.lift_cut_off
  connection                         = var.connection
  expected_account                   = var.expected_account
  ansible_playbook                   = var.ansible_playbook
}

# What lifecycle keeps quiet about would otherwise stay unsaid.
check "key_spec" {
  assert {
    condition     = var.key_spec == null || data.aws_kms_key.this.key_spec == var.key_spec
    error_message = "The key spec of a key never changes. A key of spec ${coalesce(var.key_spec, "SYMMETRIC_DEFAULT")} is another key: make it beside this one, and move the alias."
  }
}
