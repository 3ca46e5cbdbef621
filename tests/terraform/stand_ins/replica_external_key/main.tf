# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Stands in for aws_kms_replica_external_key, which takes these arguments, and is replaced when primary_key_arn changes.

variable "region" { type = string }
variable "primary_key_arn" { type = string }
variable "description" { type = string }
variable "policy" { type = string }
variable "tags" { type = map(string) }
variable "enabled" { type = bool }
variable "deletion_window_in_days" { type = number }
variable "bypass_policy_lockout_safety_check" { type = bool }

resource "terraform_data" "this" {
  triggers_replace = [var.primary_key_arn]
  input            = replace(var.primary_key_arn, split(":", var.primary_key_arn)[3], var.region)

  provisioner "local-exec" {
    command = "$PYTHON -c \"$REPLICATE\" $ARN $REGION"
    environment = {
      ARN       = var.primary_key_arn
      REGION    = var.region
      REPLICATE = <<-PYTHON
        import boto3, os, sys
        arn, region = sys.argv[1:]
        kms = boto3.client("kms", region_name=arn.split(":")[3], endpoint_url=os.environ["AWS_ENDPOINT_URL"])
        kms.replicate_key(KeyId=arn, ReplicaRegion=region)
      PYTHON
    }
  }
}

output "arn" {
  value = terraform_data.this.output
}
