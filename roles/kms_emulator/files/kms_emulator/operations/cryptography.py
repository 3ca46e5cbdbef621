# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations that use a key."""

from __future__ import annotations

import os
from typing import Any

from kms_emulator import ciphertext
from kms_emulator import crypto
from kms_emulator import material
from kms_emulator import specs
from kms_emulator import states
from kms_emulator.errors import KmsError
from kms_emulator.errors import unsupported
from kms_emulator.errors import validation
from kms_emulator.identifiers import WRONG_KEY
from kms_emulator.identifiers import resolve
from kms_emulator.key import EmulatedKey
from kms_emulator.operations.base import Operation
from kms_emulator.operations.base import answer
from kms_emulator.operations.base import encoded

FOREIGN_CIPHERTEXT = (
    "The ciphertext refers to a customer master key that does not exist, "
    "does not exist in this region, or you are not allowed to access."
)
DATA_KEY_LENGTHS = {"AES_128": 16, "AES_256": 32}


class CryptoOperations(Operation):
    """Encrypt and decrypt, data keys, MACs, signatures, agreement."""

    def _key_for(self, usage: str, member: str = "KeyId") -> EmulatedKey:
        key = self.usable_key(member)
        crypto.require_usage(key, usage, self.operation)
        return key

    def _stop_dry_run(self) -> None:
        """Everything would have worked: say so instead of doing it."""
        if self.params.get("DryRun"):
            raise KmsError(
                "DryRunOperationException", "The request would have succeeded, but the DryRun option is set."
            )

    # -- encryption ---------------------------------------------------------------------------------------------

    def encrypt(self) -> str:
        key = self._key_for(specs.ENCRYPT_DECRYPT)
        algorithm = self.params.get("EncryptionAlgorithm") or specs.SYMMETRIC
        crypto.require_algorithm(key, algorithm)
        self._stop_dry_run()
        blob = crypto.seal(key, self.blob("Plaintext"), self.params.get("EncryptionContext") or {}, algorithm)
        return answer({"CiphertextBlob": encoded(blob), "KeyId": key.arn, "EncryptionAlgorithm": algorithm})

    def decrypt(self) -> str:
        algorithm = self.params.get("EncryptionAlgorithm") or specs.SYMMETRIC
        key, plaintext, material_id = self._opened("KeyId", algorithm, self.params.get("EncryptionContext") or {})
        self._stop_dry_run()
        return answer(
            {
                "KeyId": key.arn,
                "Plaintext": encoded(plaintext),
                "EncryptionAlgorithm": algorithm,
                "KeyMaterialId": material_id,
            }
        )

    def re_encrypt(self) -> str:
        source_algorithm = self.params.get("SourceEncryptionAlgorithm") or specs.SYMMETRIC
        source_context = self.params.get("SourceEncryptionContext") or {}
        source, plaintext, source_id = self._opened("SourceKeyId", source_algorithm, source_context)
        key = self._key_for(specs.ENCRYPT_DECRYPT, "DestinationKeyId")
        algorithm = self.params.get("DestinationEncryptionAlgorithm") or specs.SYMMETRIC
        crypto.require_algorithm(key, algorithm)
        self._stop_dry_run()
        context = self.params.get("DestinationEncryptionContext") or {}
        return answer(
            {
                "CiphertextBlob": encoded(crypto.seal(key, plaintext, context, algorithm)),
                "SourceKeyId": source.arn,
                "KeyId": key.arn,
                "SourceEncryptionAlgorithm": source_algorithm,
                "DestinationEncryptionAlgorithm": algorithm,
                "SourceKeyMaterialId": source_id,
                "DestinationKeyMaterialId": _current_id(key),
            }
        )

    def _opened(self, member: str, algorithm: str, context: dict[str, str]) -> tuple[EmulatedKey, bytes, str | None]:
        """The key of a ciphertext, the plaintext and the ID of the material that made it."""
        if algorithm != specs.SYMMETRIC:
            key = self._key_for(specs.ENCRYPT_DECRYPT, member)
            crypto.require_algorithm(key, algorithm)
            return key, crypto.unseal_rsa(key, self.blob("CiphertextBlob"), algorithm), None
        blob = ciphertext.parse(self.blob("CiphertextBlob"))
        key = self._key_of(blob, self.params.get(member))
        states.check(self.operation, key)
        return key, crypto.unseal(key, blob, context), blob.material_id

    def _key_of(self, blob: ciphertext.Blob, named: str | None) -> EmulatedKey:
        backend = self.kms_backend
        owner = backend.live_key(backend.account.material_owners.get(blob.material_id, ""))
        if named is not None:
            self.resolved = resolve(backend, named, "Decrypt")
            if owner is not self.resolved:
                raise KmsError("IncorrectKeyException", WRONG_KEY)
        if owner is None:
            raise KmsError("AccessDeniedException", FOREIGN_CIPHERTEXT)
        self.resolved = owner
        return owner

    # -- data keys ----------------------------------------------------------------------------------------------

    def generate_data_key(self) -> str:
        return answer(self._data_key())

    def generate_data_key_without_plaintext(self) -> str:
        return answer({**self._data_key(), "Plaintext": None})

    def _data_key(self) -> dict[str, Any]:
        key = self._symmetric_key()
        plaintext = os.urandom(_data_key_length(self.params))
        self._stop_dry_run()
        return {
            "CiphertextBlob": encoded(self._sealed_data_key(key, plaintext)),
            "Plaintext": encoded(plaintext),
            "KeyId": key.arn,
            "KeyMaterialId": _current_id(key),
        }

    def generate_data_key_pair(self) -> str:
        return answer(self._data_key_pair())

    def generate_data_key_pair_without_plaintext(self) -> str:
        return answer({**self._data_key_pair(), "PrivateKeyPlaintext": None})

    def _data_key_pair(self) -> dict[str, Any]:
        key = self._symmetric_key()
        spec = self.params["KeyPairSpec"]
        if not specs.is_asymmetric(spec):
            raise unsupported()
        self._stop_dry_run()
        secret = material.generated(spec)
        return {
            "PrivateKeyCiphertextBlob": encoded(self._sealed_data_key(key, secret)),
            "PrivateKeyPlaintext": encoded(secret),
            "PublicKey": encoded(crypto.public_der(material.private_key(secret))),
            "KeyId": key.arn,
            "KeyPairSpec": spec,
            "KeyMaterialId": _current_id(key),
        }

    def _symmetric_key(self) -> EmulatedKey:
        key = self._key_for(specs.ENCRYPT_DECRYPT)
        crypto.require_algorithm(key, specs.SYMMETRIC)
        return key

    def _sealed_data_key(self, key: EmulatedKey, plaintext: bytes) -> bytes:
        context = self.params.get("EncryptionContext") or {}
        return crypto.seal(key, plaintext, context, prefix=ciphertext.BY_DATA_KEY)

    # -- MACs and signatures ------------------------------------------------------------------------------------

    def generate_mac(self) -> str:
        key, algorithm, mac = self._mac()
        return answer({"Mac": encoded(mac), "MacAlgorithm": algorithm, "KeyId": key.arn})

    def verify_mac(self) -> str:
        key, algorithm, mac = self._mac()
        if mac != self.blob("Mac"):
            raise KmsError("KMSInvalidMacException")
        return answer({"KeyId": key.arn, "MacValid": True, "MacAlgorithm": algorithm})

    def _mac(self) -> tuple[EmulatedKey, str, bytes]:
        key = self._key_for(specs.GENERATE_VERIFY_MAC)
        algorithm = self.params["MacAlgorithm"]
        crypto.require_algorithm(key, algorithm)
        self._stop_dry_run()
        return key, algorithm, crypto.mac(key, self.blob("Message"), algorithm)

    def sign(self) -> str:
        key, algorithm, kind = self._signing()
        signature = crypto.sign(key, self.blob("Message"), algorithm, kind)
        return answer({"KeyId": key.arn, "Signature": encoded(signature), "SigningAlgorithm": algorithm})

    def verify(self) -> str:
        key, algorithm, kind = self._signing()
        crypto.verify(key, self.blob("Message"), self.blob("Signature"), algorithm, kind)
        return answer({"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": algorithm})

    def _signing(self) -> tuple[EmulatedKey, str, str]:
        key = self._key_for(specs.SIGN_VERIFY)
        algorithm = self.params["SigningAlgorithm"]
        crypto.require_algorithm(key, algorithm)
        self._stop_dry_run()
        return key, algorithm, self.params.get("MessageType") or "RAW"

    # -- public keys and agreement ------------------------------------------------------------------------------

    def get_public_key(self) -> str:
        key = self.usable_key()
        if not specs.is_asymmetric(key.key_spec):
            raise unsupported()
        return answer(
            {
                "KeyId": key.arn,
                "PublicKey": encoded(crypto.public_key(key)),
                "CustomerMasterKeySpec": key.key_spec,
                "KeySpec": key.key_spec,
                "KeyUsage": key.key_usage,
                **specs.algorithm_lists(key.key_spec, key.key_usage),
            }
        )

    def derive_shared_secret(self) -> str:
        key = self._key_for(specs.KEY_AGREEMENT)
        crypto.require_algorithm(key, self.params["KeyAgreementAlgorithm"])
        self._stop_dry_run()
        secret = crypto.derive_shared_secret(key, self.blob("PublicKey"))
        return answer(
            {
                "KeyId": key.arn,
                "SharedSecret": encoded(secret),
                "KeyAgreementAlgorithm": self.params["KeyAgreementAlgorithm"],
                "KeyOrigin": key.origin,
            }
        )

    def generate_random(self) -> str:
        return answer({"Plaintext": encoded(os.urandom(self.params.get("NumberOfBytes") or 0))})


def _current_id(key: EmulatedKey) -> str | None:
    return key.lineage.current.material_id if key.is_symmetric and key.lineage.current else None


def _data_key_length(params: dict[str, Any]) -> int:
    spec, count = params.get("KeySpec"), params.get("NumberOfBytes")
    if (spec is None) == (count is None):
        raise validation("Please specify either number of bytes or key spec.")
    return int(count) if count is not None else DATA_KEY_LENGTHS[str(spec)]
