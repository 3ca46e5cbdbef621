# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Beside the module's own tests, one that reaches an emulated KMS. Variables come from the environment.

run "imported" {
  command = apply

  assert {
    condition     = output.key_arn == var.key_arn
    error_message = "The ARN has to come out once the material is imported."
  }
}
