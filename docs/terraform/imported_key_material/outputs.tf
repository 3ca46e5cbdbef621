# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

output "key_arn" {
  description = "ARN of the key, for what has to wait until the key has its material. Known in every plan, so that nothing is replaced when the material changes."
  value       = var.key_arn
  depends_on  = [terraform_data.version]
}

output "observe_key_arn" {
  description = "The same ARN, for the data source that reads the state of the key, and for nothing else: it is not known while an import is planned, so that the data source is read after the import."
  value       = terraform_data.version.output
}

output "material_version" {
  description = "The version of the material that the key has."
  value       = var.material_version
  depends_on  = [terraform_data.version]
}
