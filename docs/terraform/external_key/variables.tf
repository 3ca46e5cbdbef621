# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The key.

variable "description" {
  description = "Description of the key."
  type        = string
  default     = null
}

variable "aliases" {
  description = "Aliases of the key, with alias/."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "policy" {
  description = "Key policy as JSON. Without it, the key gets the default policy of KMS."
  type        = string
  default     = null
}

variable "bypass_policy_lockout_safety_check" {
  description = "Whether KMS takes a policy that leaves the caller without the permission to change it again."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of the key. Tags that begin with byok: are the collection's."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "enabled" {
  description = "Whether the key is enabled. Without it that is left alone, so that an apply does not enable again what was disabled in an emergency."
  type        = bool
  default     = null
}

variable "key_spec" {
  description = "Key spec of a new key; SYMMETRIC_DEFAULT without it."
  type        = string
  default     = null
}

variable "key_usage" {
  description = "Key usage of a new key; needed for RSA and elliptic curve keys."
  type        = string
  default     = null
}

variable "replica_regions" {
  description = "Regions that get a replica. Makes the key a multi-Region key, which has to be so from the beginning."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "deletion_window_in_days" {
  description = "How many days KMS waits before it deletes a key that is destroyed here, 7 to 30."
  type        = number
  default     = 30
}

# Its material: as in ../imported_key_material, where each is explained.

variable "material_version" {
  description = "Any text that stands for the material."
  type        = string
  nullable    = false
}

variable "key_material_file" {
  description = "Where the material is: a file on the machine that runs Terraform."
  type        = string
  default     = null
}

variable "key_material_env" {
  description = "Where the material is: the name of an environment variable."
  type        = string
  default     = null
}

variable "key_material_lookup" {
  description = "Where the material is: an Ansible expression with a lookup."
  type        = string
  default     = null
}

variable "strategy" {
  description = "What a change of material_version means: on_demand, present or reimport."
  type        = string
  default     = "on_demand"
  nullable    = false
}

variable "valid_to" {
  description = "When KMS deletes the material by itself."
  type        = string
  default     = null
}

variable "valid_for_days" {
  description = "The same as a number of days from the import."
  type        = number
  default     = null
}

variable "renew_before_days" {
  description = "With valid_for_days: renew once less than so many days are left."
  type        = number
  default     = null
}

variable "lift_cut_off" {
  description = "Import the material into a key that was cut off in an emergency, and remove its tag byok:cut-off. Set it for the one apply that brings the key back."
  type        = bool
  default     = false
  nullable    = false
}

variable "key_material_description" {
  description = "A text that KMS keeps with the material of a symmetric key."
  type        = string
  default     = null
}

variable "delete_material_on_destroy" {
  description = "Whether the current material is deleted when the key is destroyed here."
  type        = bool
  default     = true
  nullable    = false
}

variable "delete_all_materials_on_destroy" {
  description = "Whether all other materials are deleted then, too."
  type        = bool
  default     = false
  nullable    = false
}

variable "allow" {
  description = "What is refused for the sake of the material, and is to be done nevertheless."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "connection" {
  description = "Further connection options of amazon.aws, without credentials."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "expected_account" {
  description = "The account in which the key has to be, as 12 digits. In another one no material is imported. Any account when not set."
  type        = string
  default     = null
}

variable "ansible_playbook" {
  description = "The command that runs Ansible's playbooks."
  type        = string
  default     = "ansible-playbook"
  nullable    = false
}
