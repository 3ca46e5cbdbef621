# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# terraform init && terraform test: what the module refuses, and what it hands on. Nothing here talks to AWS: the command
# that would run the playbook is `true`.

variables {
  key_arn           = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  material_version  = "1"
  key_material_file = "/etc/byok/payments.bin"
  ansible_playbook  = "true"
}

run "an_alias_is_no_key_arn" {
  command = plan
  variables {
    key_arn = "arn:aws:kms:eu-central-1:111122223333:alias/payments"
  }
  expect_failures = [var.key_arn]
}

run "material_stands_in_no_configuration" {
  command = plan
  variables {
    key_material_file   = null
    key_material_lookup = "A0e5K8Xn0vPzTn6a3H4kJp4mCq2d3y8q1s5r7t9u0vw="
  }
  expect_failures = [var.key_material_lookup]
}

run "a_variable_of_terraform_is_no_place" {
  command = plan
  variables {
    key_material_file = null
    key_material_env  = "TF_VAR_payments"
  }
  expect_failures = [var.key_material_env]
}

run "one_place_is_needed" {
  command = plan
  variables {
    key_material_file = null
  }
  expect_failures = [terraform_data.life]
}

run "two_places_are_too_many" {
  command = plan
  variables {
    key_material_env = "PAYMENTS_MATERIAL"
  }
  expect_failures = [terraform_data.life]
}

run "credentials_do_not_belong_here" {
  command = plan
  variables {
    connection = { secret_key = "made up" }
  }
  expect_failures = [var.connection]
}

run "one_expiry_is_enough" {
  command = plan
  variables {
    valid_to       = "2030-01-31T12:00:00Z"
    valid_for_days = 90
  }
  expect_failures = [terraform_data.life]
}

run "a_first_import" {
  command = apply

  assert {
    condition     = output.key_arn == var.key_arn
    error_message = "The ARN has to come out once the material is imported."
  }
  assert {
    condition     = terraform_data.first_version.output == "1"
    error_message = "The first version has to be remembered."
  }
}

run "another_version" {
  command = apply
  variables {
    material_version = "2"
  }

  assert {
    condition     = terraform_data.first_version.output == "1"
    error_message = "The first version has to be remembered for good: every other one is a change."
  }
}
