# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Stands in for aws_kms_external_key, which takes these arguments. The key was made by another client.

variable "description" { type = string }
variable "policy" { type = string }
variable "tags" { type = map(string) }
variable "enabled" { type = bool }
variable "key_spec" { type = string }
variable "key_usage" { type = string }
variable "multi_region" { type = bool }
variable "deletion_window_in_days" { type = number }
variable "bypass_policy_lockout_safety_check" { type = bool }

resource "terraform_data" "this" {
  input = file("${path.root}/key_arn")
}

output "arn" {
  value = terraform_data.this.output
}

output "id" {
  value = split("/", terraform_data.this.output)[1]
}
