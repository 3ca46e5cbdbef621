# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

terraform {
  # terraform_data is built in since 1.4, plantimestamp since 1.5. There is no provider to download.
  required_version = ">= 1.5.0"
}
