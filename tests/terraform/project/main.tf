# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What a user writes, for a machine that cannot download the AWS provider. The key was made elsewhere, and in place of
# data "aws_kms_key" another data source, which is built in, reads what was seen of the key. It is read when that one is.

variable "material" {
  type = any
}

module "material" {
  source = "./imported_key_material"

  key_arn                         = var.material.key_arn
  material_version                = var.material.version
  key_material_file               = try(var.material.file, null)
  key_material_env                = try(var.material.env, null)
  key_material_lookup             = try(var.material.lookup, null)
  strategy                        = try(var.material.strategy, "on_demand")
  regions                         = try(var.material.regions, null)
  valid_to                        = try(var.material.valid_to, null)
  valid_for_days                  = try(var.material.valid_for_days, null)
  renew_before_days               = try(var.material.renew_before_days, null)
  expiration_model                = try(var.material.expiration_model, null)
  key_material_description        = try(var.material.description, null)
  lift_cut_off                    = try(var.material.lift_cut_off, false)
  delete_material_on_destroy      = try(var.material.delete, true)
  delete_all_materials_on_destroy = try(var.material.delete_all, false)
  allow                           = try(var.material.allow, [])
  connection                      = try(var.material.connection, {})
  expected_account                = try(var.material.account, null)
  ansible_playbook                = var.material.ansible_playbook
  observed_key_state              = data.terraform_remote_state.observed.outputs.key_state
  observed_valid_to               = data.terraform_remote_state.observed.outputs.valid_to
}

data "terraform_remote_state" "observed" {
  backend = "local"
  config = {
    path = module.material.observe_key_arn == "" ? "" : "${path.root}/observed-us-east-1.json"
  }
}

output "key_arn" {
  value = module.material.key_arn
}

output "material_version" {
  value = module.material.material_version
}
