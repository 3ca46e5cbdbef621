# SPDX-FileCopyrightText: byok.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is private to the collection: it can change, or go, in any release.

from __future__ import annotations


class ModuleDocFragment:
    """The options that mean the same in every module that takes material, for one key or for many.

    Ansible merges options, but not suboptions: each module documents its own O(keys).
    """

    DOCUMENTATION = r"""
options:
  key_material:
    description:
      - The plaintext material, as base64. Raw bytes for symmetric and HMAC keys; a private key in PKCS#8 DER for RSA and
        elliptic curve keys.
      - The module converts private keys in PKCS#1, SEC 1 or PEM.
      - Ansible sends it to the target through a pipe. It appears in no result, log or temporary file.
      - Some tasks cannot use a pipe. These are tasks with C(async), with C(aws_ssm), and with a connection or a become method
        without pipelining. Such a task is refused, unless you set O(allow=plaintext_file_transfer).
    type: str
  key_material_file:
    description:
      - A file with the material, on the machine where the module runs. It holds raw bytes, DER or unencrypted PEM.
      - The module refuses a file on which group or others have any permission, unless you set O(allow=loose_file).
      - The file and every directory and symlink on the way to it must belong to root or to the user who runs the module. Group and
        others must not have write access to these directories, except to a directory with the sticky bit, such as C(/tmp).
    type: path
  components:
    description:
      - The material as components (split knowledge), two or more of one length. No single file or option holds the key.
      - The module first compares each component with its check value. Then it makes the material, the exclusive or of all
        components, in memory.
      - The module refuses a component of zeros, and the same component twice.
      - For a private key, these are the components of its PKCS#8 DER encoding.
    type: list
    elements: dict
    suboptions:
      key_material:
        description: The component, as base64. Set either this or O(components[].key_material_file).
        type: str
      key_material_file:
        description: A file with the component, as raw bytes. The same rules as for O(key_material_file) apply.
        type: path
      check_value:
        description:
          - The check value of the component, 6, 8 or 10 hexadecimal digits.
          - For 16, 24 or 32 bytes it is the leading bytes of AES-CMAC (NIST SP 800-38B) of a block of 16 zero bytes, as in ANSI
            X9.24-1:2017. For any other length it is the leading bytes of HMAC-SHA-256, keyed with the component, of the same block.
        type: str
        required: true
  pkcs11:
    description:
      - The material is a key object in a PKCS#11 token, such as a hardware security module. The token wraps it under the public key of
        KMS, and its bytes never leave the token in plain.
      - For symmetric and HMAC keys. The token must allow that the object leaves it wrapped (CKA_EXTRACTABLE), and wrap with
        CKM_RSA_PKCS_OAEP. A token that knows only SHA-1 there needs O(wrapping_algorithm=RSAES_OAEP_SHA_1).
      - The token also proves the material, by a MAC of an HMAC key, and by AES-CMAC of a symmetric key, when the object may sign
        (CKA_SIGN). Otherwise KMS compares the material, and it is imported every time, which interrupts nothing.
      - The module needs the Python library C(python-pkcs11).
    type: dict
    suboptions:
      library:
        description: The PKCS#11 library of the token, where the module runs.
        type: path
        required: true
      token_label:
        description: The label of the token.
        type: str
        required: true
      pin:
        description:
          - The PIN of the user. It is a secret, as the material is.
          - The module tries it once for all keys of the task, because tokens lock themselves after wrong PINs.
        type: str
      pin_file:
        description: A file with the PIN. The same rules as for O(key_material_file) apply. Exclusive with O(pkcs11.pin).
        type: path
      key_label:
        description: The label of the key object (CKA_LABEL). Set either this or O(pkcs11.key_id).
        type: str
      key_id:
        description: The identifier of the key object (CKA_ID), as hexadecimal digits.
        type: str
      generate:
        description:
          - Makes a key object of the right kind when there is none with the label O(pkcs11.key_label), never when there is one.
          - In check mode, the module makes none and plans with material that the key does not know.
        type: bool
        default: false
  key_material_description:
    description:
      - A text that KMS keeps with the material. Up to 215 letters, digits, white space, colons, slashes, underscores, dots and hyphens.
      - The module appends a fingerprint, by which it recognises the material, and O(valid_for) if there is room. It removes both
        when it shows the text.
      - Symmetric keys only; of a multi-Region key, only the primary key has descriptions. Without this option the module keeps the
        text that the material has.
    type: str
  valid_for:
    description:
      - How long the material is valid from now on, such as V(90d), V(12h) or V(1d12h). The maximum is V(365d).
      - Exclusive with O(valid_to).
      - The module keeps this lifetime in the description of symmetric material. A later rotation or restoration uses it again
        when its task says nothing about the expiry.
    type: str
  renew_before:
    description:
      - Needs O(valid_for). The module imports the same material again, with a new expiry, only when less time than this is left.
      - The default is a third of O(valid_for).
    type: str
  allow:
    description:
      - Allows things that the module otherwise refuses to protect the material.
      - V(loose_file) - read a file with material, or a preparation
        (O(byok.aws.kms_imported_material#module:stage_path)), on which group or others have a permission.
      - V(weak_material) - import material that somebody can guess. These are raw bytes that are all equal, are a sequence, repeat a
        few bytes, or are a text (32 hexadecimal digits have 128 bits, not 256); an RSA key with a public exponent under 65537; and an
        elliptic curve key whose scalar is close to zero or looks like such bytes.
      - V(plaintext_file_transfer) - write O(key_material) to temporary files on the controller and on the target, where no pipe is
        possible. With C(aws_ssm) it is written to an S3 bucket, too. Ansible removes these files afterwards, unless its setting
        C(keep_remote_files) is on; then a warning names them.
      - V(unverified_endpoint) - wrap material for an endpoint that no certificate proves to be KMS. That is so with
        O(validate_certs=false), with an O(endpoint_url) that uses http and is not on this machine, and behind a proxy that reads the
        traffic. Without this value, only material that is already wrapped
        (O(byok.aws.kms_imported_material#module:encrypted_key_material)) is sent to such an endpoint.
    type: list
    elements: str
    choices: [loose_file, weak_material, plaintext_file_transfer, unverified_endpoint]
  request_rates:
    description:
      - The request quotas of the account and Region, where they differ from the defaults of AWS. A dictionary of calls per second
        by API operation, for example C(ImportKeyMaterial) with 30. Each number is V(0.001) or more.
    type: dict
  journal_path:
    description:
      - A file on the machine where the module runs. The module appends one line of JSON for each key as soon as the key is finished.
        The file tells what was done even when somebody kills the task and its result is lost. It holds no material.
      - The module creates the file if it does not exist. An existing one must be a regular file of the user who runs the module or of
        C(root), and no other user may be able to replace it. A symbolic link is refused. Check mode checks all this, too.
      - When the module cannot write a line, it finishes the keys in progress and starts no others. A warning names the keys that the
        file lacks.
    type: path
"""
