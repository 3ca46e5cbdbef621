# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# As in the module above, which hands all of it on.

variable "region" {
  type = string
}

variable "primary_key_arn" {
  type = string
}

variable "description" {
  type = string
}

variable "policy" {
  type = string
}

variable "bypass_policy_lockout_safety_check" {
  type = bool
}

variable "tags" {
  type = map(string)
}

variable "enabled" {
  type = bool
}

variable "deletion_window_in_days" {
  type = number
}

variable "material_version" {
  type = string
}

variable "key_material_file" {
  type = string
}

variable "key_material_env" {
  type = string
}

variable "key_material_lookup" {
  type = string
}

variable "valid_to" {
  type = string
}

variable "valid_for_days" {
  type = number
}

variable "renew_before_days" {
  type = number
}

variable "delete_material_on_destroy" {
  type = bool
}

variable "delete_all_materials_on_destroy" {
  type = bool
}

variable "lift_cut_off" {
  type     = bool
  nullable = false
}

variable "allow" {
  type = list(string)
}

variable "connection" {
  type = map(string)
}

variable "expected_account" {
  type = string
}

variable "ansible_playbook" {
  type = string
}
