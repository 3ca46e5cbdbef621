# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

terraform {
  required_version = ">= 1.5.0"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # key_spec of aws_kms_external_key came with 6.11, region of every resource with 6.0.
      version = ">= 6.11.0"
    }
  }
}
