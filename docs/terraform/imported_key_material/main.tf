# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

locals {
  ways = {
    for way, given in {
      file   = var.key_material_file
      env    = var.key_material_env
      lookup = var.key_material_lookup == null ? null : ""
    } : way => given if given != null
  }

  renew_before_hours = var.valid_for_days == null ? null : (
    var.renew_before_days == null ? var.valid_for_days * 8 : var.renew_before_days * 24
  )
  options = {
    for name, value in {
      valid_to                 = var.valid_to
      valid_for                = var.valid_for_days == null ? null : "${var.valid_for_days}d"
      renew_before             = local.renew_before_hours == null ? null : "${local.renew_before_hours}h"
      expiration_model         = var.expiration_model
      key_material_description = var.key_material_description
      lift_cut_off             = var.lift_cut_off ? true : null
    } : name => value if value != null
  }

  account = { for name, value in { expected_account = var.expected_account } : name => value if value != null }

  # To the playbook a request is text, whatever stands in the variables. The one expression goes a way of its own.
  key = merge(local.account, {
    key        = var.key_arn
    connection = merge(var.connection, { region = try(split(":", var.key_arn)[3], "") })
  })
  request = merge(local.key, {
    strategy = var.strategy
    version  = var.material_version
    options  = local.options
    regions  = var.regions
    allow    = var.allow
    way      = try(keys(local.ways)[0], "none")
    from     = try(values(local.ways)[0], "")
  })
  lookup = var.key_material_lookup == null ? {} : { terraform_material_lookup = "{{ ${var.key_material_lookup} }}" }

  ansible = {
    BYOK_ANSIBLE_PLAYBOOK              = var.ansible_playbook
    ANSIBLE_NOCOLOR                    = "true"
    ANSIBLE_LOCALHOST_WARNING          = "false"
    ANSIBLE_INVENTORY_UNPARSED_WARNING = "false"
    ANSIBLE_DISPLAY_SKIPPED_HOSTS      = "false"
    ANSIBLE_DEVEL_WARNING              = "false"
  }

  # Whether an import is needed, by what was read of the key while this was planned.
  missing = var.observed_key_state == "PendingImport"
  due     = local.renew_before_hours == null ? false : try(timecmp(timeadd(plantimestamp(), "${local.renew_before_hours}h"), var.observed_valid_to) >= 0, false)

  # A plan cannot know what timestamp() will be, so it cannot know this text either, and has to replace what depends on
  # it. While it is applied the text turns out to be the same as ever: the next plan sees nothing to do.
  healed = timestamp() == "" ? "" : "as given"
}

# Lives as long as the key has its material from here: a change of the version must not run what belongs to the end.
resource "terraform_data" "life" {
  triggers_replace = [var.key_arn]
  input = {
    environment = local.ansible
    request = jsonencode(merge(local.key, {
      event         = "destroy"
      delete        = var.delete_material_on_destroy
      all_materials = var.delete_all_materials_on_destroy
    }))
  }

  provisioner "local-exec" {
    when        = destroy
    command     = "exec $BYOK_ANSIBLE_PLAYBOOK byok.aws.terraform_material"
    environment = merge(self.input.environment, { BYOK_REQUEST = self.input.request })
  }

  lifecycle {
    precondition {
      condition     = length(local.ways) == 1
      error_message = "Say in exactly one of key_material_file, key_material_env and key_material_lookup where the material is."
    }
    precondition {
      condition     = var.expected_account == null || try(split(":", var.key_arn)[4], "") == var.expected_account
      error_message = "key_arn is the ARN of a key in another account than expected_account."
    }
    precondition {
      condition     = var.valid_to == null || var.valid_for_days == null
      error_message = "Set valid_to or valid_for_days, not both."
    }
  }
}

# The version with which this began: it is imported; every other one is a change.
resource "terraform_data" "first_version" {
  triggers_replace = [var.key_arn]
  input            = var.material_version

  lifecycle {
    ignore_changes = [input]
  }
}

resource "terraform_data" "version" {
  input            = var.key_arn
  triggers_replace = [var.key_arn, var.material_version]
  depends_on       = [terraform_data.life]

  provisioner "local-exec" {
    command = "exec $BYOK_ANSIBLE_PLAYBOOK byok.aws.terraform_material --extra-vars \"$BYOK_LOOKUP\""
    environment = merge(local.ansible, {
      BYOK_LOOKUP = jsonencode(local.lookup)
      BYOK_REQUEST = jsonencode(merge(local.request, {
        event = terraform_data.first_version.output == var.material_version ? "import" : "change"
      }))
    })
  }
}

# Whatever leaves the version as it is: material that was lost, an expiry that is due or that is to be another one.
resource "terraform_data" "upkeep" {
  triggers_replace = {
    key_arn  = var.key_arn
    options  = local.options
    material = local.missing || local.due ? local.healed : "as given"
  }
  depends_on = [terraform_data.version]

  provisioner "local-exec" {
    command = "exec $BYOK_ANSIBLE_PLAYBOOK byok.aws.terraform_material --extra-vars \"$BYOK_LOOKUP\""
    environment = merge(local.ansible, {
      BYOK_LOOKUP  = jsonencode(local.lookup)
      BYOK_REQUEST = jsonencode(merge(local.request, { event = "upkeep" }))
    })
  }
}
