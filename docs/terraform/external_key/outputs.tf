# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

output "key_arn" {
  description = "ARN of the key, for what has to wait until the key has its material."
  value       = module.material.key_arn
}

output "key_id" {
  description = "ID of the key."
  value       = aws_kms_external_key.this.id
}

output "replica_arns" {
  description = "ARN of each replica, by Region, for what has to wait until the replica has its material."
  value       = { for region, replica in module.replica : region => replica.key_arn }
}

output "material_version" {
  description = "The version of the material that the key has."
  value       = module.material.material_version
}
