# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Terraform owns the keys and knows nothing of their material. import.yml and rotate.yml beside this do the rest.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.11.0"
    }
  }
}

variable "names" {
  description = "Names of the keys: each has an alias, and a file with its material where Ansible's modules run."
  type        = set(string)
  default     = ["payments", "orders"]
}

resource "aws_kms_external_key" "this" {
  for_each = var.names

  description = "${each.value}, material held by the security office"

  lifecycle {
    prevent_destroy = true
    # Why each of them: guide_terraform.rst of the collection byok.aws.
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
  for_each = aws_kms_external_key.this

  name          = "alias/${each.key}"
  target_key_id = each.value.id
}

# Just as the option keys of byok.aws.kms_imported_material takes it. The files are references, and never read by Terraform.
output "byok_keys" {
  value = [
    for name, key in aws_kms_external_key.this : {
      key_id            = key.arn
      key_material_file = "/etc/byok/${name}.bin"
    }
  ]
}
