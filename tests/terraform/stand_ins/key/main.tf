# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Stands in for data "aws_kms_key": reads what was seen of the key, when that one would be read.

variable "key_id" { type = string }

variable "region" {
  type    = string
  default = null
}

data "terraform_remote_state" "this" {
  backend = "local"
  config = {
    path = "${path.root}/observed-${coalesce(var.region, split(":", var.key_id)[3])}.json"
  }
  # The path alone would be known before the key has its material.
  workspace = var.key_id == "" ? "" : "default"
}

output "key_state" {
  value = data.terraform_remote_state.this.outputs.key_state
}

output "key_spec" {
  value = data.terraform_remote_state.this.outputs.key_spec
}

output "valid_to" {
  value = data.terraform_remote_state.this.outputs.valid_to
}
