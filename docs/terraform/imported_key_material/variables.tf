# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything here lands in the plan and in the state. Nothing here is material: only where it can be found. And everything is
# data, but for two: key_material_lookup is an expression that Ansible evaluates, ansible_playbook a command that the shell runs.

variable "key_arn" {
  description = "ARN of the KMS key of origin EXTERNAL whose material this is. It says which Region is meant, too."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.key_arn))
    error_message = "key_arn has to be the ARN of a key; an alias or a bare key ID does not do."
  }
}

variable "material_version" {
  description = "Any text that stands for the material. When it changes, the material that the reference leads to by then is brought in."
  type        = string
  nullable    = false
}

variable "key_material_file" {
  description = "Where the material is: a file on the machine that runs Terraform, as raw bytes, DER or unencrypted PEM. Exactly one of the three is set."
  type        = string
  default     = null
}

variable "key_material_env" {
  description = "Where the material is: the NAME of an environment variable of Terraform's that holds it as base64."
  type        = string
  default     = null

  validation {
    condition     = var.key_material_env == null || can(regex("^[A-Za-z_][A-Za-z0-9_]*$", var.key_material_env))
    error_message = "key_material_env has to be the name of an environment variable, not what is in it."
  }

  validation {
    condition     = var.key_material_env == null || !can(regex("^TF_", var.key_material_env))
    error_message = "key_material_env must not begin with TF_: Terraform itself reads such variables, and keeps them in plan and state."
  }
}

variable "key_material_lookup" {
  description = "Where the material is: an Ansible expression whose value is the material as base64, such as lookup('community.hashi_vault.vault_kv2_get', 'byok/payments').secret.material. It can run commands: take it from nobody whom you do not trust with them."
  type        = string
  default     = null

  validation {
    condition     = var.key_material_lookup == null || can(regex("(lookup|query|q) *[(]", var.key_material_lookup))
    error_message = "key_material_lookup has to be an Ansible expression with a lookup, without {{ }}. Material itself must not stand in a configuration."
  }

  validation {
    condition     = var.key_material_lookup == null || !can(regex("[{][{%#]|[#%}][}]", var.key_material_lookup))
    error_message = "key_material_lookup is the expression alone, without {{ }}."
  }
}

variable "strategy" {
  description = "What a change of material_version means. on_demand: new bytes, put to work without an interruption (symmetric keys). present: the same bytes. reimport: the same bytes, deleted and imported again."
  type        = string
  default     = "on_demand"
  nullable    = false

  validation {
    condition     = contains(["on_demand", "present", "reimport"], var.strategy)
    error_message = "strategy has to be on_demand, present or reimport."
  }
}

variable "regions" {
  description = "For the primary of a multi-Region key: the Regions that get the material, [\"all\"] or names. Without it, the one Region of key_arn."
  type        = list(string)
  default     = null
}

variable "valid_to" {
  description = "When KMS deletes the material by itself, as RFC 3339 in UTC, such as 2030-01-31T12:00:00Z. A change imports the same material again, without an interruption."
  type        = string
  default     = null

  validation {
    condition     = var.valid_to == null || can(timecmp(var.valid_to, var.valid_to))
    error_message = "valid_to has to be an instant as RFC 3339, such as 2030-01-31T12:00:00Z."
  }
}

variable "valid_for_days" {
  description = "The same as a number of days from the import, 1 to 364. With observed_valid_to set, an apply renews it when it is due."
  type        = number
  default     = null

  validation {
    condition     = var.valid_for_days == null || try(var.valid_for_days >= 1 && var.valid_for_days <= 364 && floor(var.valid_for_days) == var.valid_for_days, false)
    error_message = "valid_for_days has to be a whole number from 1 to 364."
  }
}

variable "renew_before_days" {
  description = "With valid_for_days: renew once less than so many days are left. The default is a third of valid_for_days."
  type        = number
  default     = null
}

variable "expiration_model" {
  description = "KEY_MATERIAL_DOES_NOT_EXPIRE takes an expiry away that the material has. Otherwise leave it out."
  type        = string
  default     = null

  validation {
    condition     = var.expiration_model == null || try(contains(["KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"], var.expiration_model), false)
    error_message = "expiration_model has to be KEY_MATERIAL_EXPIRES or KEY_MATERIAL_DOES_NOT_EXPIRE."
  }
}

variable "lift_cut_off" {
  description = "Import the material into a key that was cut off in an emergency, and remove its tag byok:cut-off. Set it for the one apply that brings the key back."
  type        = bool
  default     = false
  nullable    = false
}

variable "key_material_description" {
  description = "A text that KMS keeps with the material. Symmetric keys only; of a multi-Region key only the primary."
  type        = string
  default     = null
}

variable "allow" {
  description = "What is refused for the sake of the material, and is to be done nevertheless: loose_file, weak_material, plaintext_file_transfer, unverified_endpoint."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.allow, ["loose_file", "plaintext_file_transfer", "unverified_endpoint", "weak_material"])) == 0
    error_message = "allow takes loose_file, weak_material, plaintext_file_transfer and unverified_endpoint."
  }
}

variable "observed_key_state" {
  description = "The state of the key as a data source reads it at plan time, such as data.aws_kms_key.this.key_state. PendingImport makes the next apply import the material again."
  type        = string
  default     = null
}

variable "observed_valid_to" {
  description = "When the material expires, as the same data source reads it. Makes an apply renew the material when valid_for_days says so."
  type        = string
  default     = null
}

variable "delete_material_on_destroy" {
  description = "Whether the current material of the key is deleted when this is destroyed, which makes the key unusable at once."
  type        = bool
  default     = true
  nullable    = false
}

variable "delete_all_materials_on_destroy" {
  description = "With delete_material_on_destroy: delete every material that the key has loaded, not only the current one, and mark the key as cut off (lift_cut_off)."
  type        = bool
  default     = false
  nullable    = false
}

variable "connection" {
  description = "Further connection options of amazon.aws, such as profile or endpoint_url. Credentials come from the environment, as the AWS provider takes them."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.connection), ["aws_ca_bundle", "endpoint_url", "profile", "validate_certs"])) == 0
    error_message = "connection takes aws_ca_bundle, endpoint_url, profile and validate_certs. Credentials would lie in the state; leave them in the environment."
  }
}

variable "expected_account" {
  description = "The account in which the key has to be, as 12 digits. A key of another account is refused. Any account when not set."
  type        = string
  default     = null

  validation {
    condition     = var.expected_account == null || can(regex("^[0-9]{12}$", var.expected_account))
    error_message = "expected_account has to have 12 digits."
  }
}

variable "ansible_playbook" {
  description = "The command that runs Ansible's playbooks, with the collection byok.aws where it finds it. May have arguments."
  type        = string
  default     = "ansible-playbook"
  nullable    = false
}
