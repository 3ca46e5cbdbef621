# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Stands in for aws_kms_alias.

variable "name" { type = string }
variable "target_key_id" { type = string }
