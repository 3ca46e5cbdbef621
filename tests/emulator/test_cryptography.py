# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imported material at work: what comes out is checked with the bytes that went in."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from conformance.crypto import is_signature
from conformance.crypto import mac
from conformance.crypto import pkcs8
from conformance.crypto import private_key
from conformance.crypto import public_der
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import padding
from kms_emulator import ed25519ph
from workbench import NEW
from workbench import A
from workbench import B
from workbench import Workbench
from workbench import refusal

RSA_SIGNING = [f"RSASSA_{scheme}_SHA_{bits}" for scheme in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512)]
CURVES = {"ECC_NIST_P256": 256, "ECC_NIST_P384": 384, "ECC_NIST_P521": 512, "ECC_SECG_P256K1": 256}
SIGNING = [("RSA_2048", algorithm) for algorithm in RSA_SIGNING]
SIGNING += [(spec, f"ECDSA_SHA_{bits}") for spec, bits in CURVES.items()]


class TestSymmetric:
    def test_round_trip_with_context(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        context = {"purpose": "test", "table": "x"}
        blob = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=context)["CiphertextBlob"]
        answer = kms.decrypt(CiphertextBlob=blob, EncryptionContext=dict(reversed(context.items())))
        assert answer["Plaintext"] == b"secret"
        assert answer["KeyMaterialId"] == bench.metadata(key)["CurrentKeyMaterialId"]
        assert refusal(kms.decrypt, CiphertextBlob=blob) == ("InvalidCiphertextException", "")

    def test_header_of_the_blob(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        current = bench.metadata(key)["CurrentKeyMaterialId"]
        encrypted = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        data_key = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
        assert encrypted[:37].hex() == "0102020078" + current
        assert data_key["CiphertextBlob"][:37].hex() == "0102030078" + current
        assert data_key["KeyMaterialId"] == current

    def test_bytes_after_the_blob(self, bench: Workbench, kms: Any) -> None:
        blob = kms.encrypt(KeyId=bench.filled(), Plaintext=b"x")["CiphertextBlob"]
        assert refusal(kms.decrypt, CiphertextBlob=blob + b"\0") == ("InvalidCiphertextException", "")

    def test_the_same_bytes_in_another_key_do_not_decrypt(self, bench: Workbench, kms: Any) -> None:
        one, other = bench.filled(), bench.filled()
        blob = kms.encrypt(KeyId=one, Plaintext=b"x")["CiphertextBlob"]
        assert refusal(kms.decrypt, CiphertextBlob=blob, KeyId=other)[0] == "IncorrectKeyException"

    def test_old_ciphertext_names_the_old_material(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        old = bench.metadata(key)["CurrentKeyMaterialId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
        new = bench.load(key, B, ImportType=NEW)
        kms.rotate_key_on_demand(KeyId=key)
        bench.advance(3)
        assert bench.metadata(key)["CurrentKeyMaterialId"] == new
        assert kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == old
        moved = kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key)
        assert (moved["SourceKeyMaterialId"], moved["DestinationKeyMaterialId"]) == (old, new)
        assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"old"

    def test_data_keys(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        whole = kms.generate_data_key(KeyId=key, NumberOfBytes=24)
        assert len(whole["Plaintext"]) == 24
        assert kms.decrypt(CiphertextBlob=whole["CiphertextBlob"])["Plaintext"] == whole["Plaintext"]
        hidden = kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_128")
        assert "Plaintext" not in hidden
        assert len(kms.decrypt(CiphertextBlob=hidden["CiphertextBlob"])["Plaintext"]) == 16

    def test_data_key_pair(self, bench: Workbench, kms: Any) -> None:
        pair = kms.generate_data_key_pair(KeyId=bench.filled(), KeyPairSpec="ECC_NIST_P256")
        opened = kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"])["Plaintext"]
        assert opened == pair["PrivateKeyPlaintext"]
        private: Any = serialization.load_der_private_key(opened, None)
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        assert private.public_key().public_bytes(serialization.Encoding.DER, form) == pair["PublicKey"]

    def test_keys_of_kms_itself_work_and_rotate(self, bench: Workbench, kms: Any) -> None:
        key = bench.create(Origin="AWS_KMS")
        before = bench.metadata(key)
        assert (before["KeyState"], "ExpirationModel" in before) == ("Enabled", False)
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        kms.rotate_key_on_demand(KeyId=key)
        bench.advance(3)
        assert bench.metadata(key)["CurrentKeyMaterialId"] != before["CurrentKeyMaterialId"]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
        assert [entry["RotationType"] for entry in kms.list_key_rotations(KeyId=key)["Rotations"]] == ["ON_DEMAND"]


@pytest.mark.parametrize(("spec", "length"), [("HMAC_224", 28), ("HMAC_256", 32), ("HMAC_384", 48), ("HMAC_512", 64)])
def test_mac(bench: Workbench, kms: Any, spec: str, length: int) -> None:
    key = bench.filled(spec)
    algorithm = spec.replace("HMAC", "HMAC_SHA")
    answer = kms.generate_mac(KeyId=key, Message=b"message", MacAlgorithm=algorithm)
    assert answer["Mac"] == mac(b"A" * length, b"message", int(spec[5:]))
    request = {"KeyId": key, "Message": b"message", "MacAlgorithm": algorithm}
    assert kms.verify_mac(Mac=answer["Mac"], **request)["MacValid"] is True
    assert refusal(kms.verify_mac, Mac=b"\0" * 32, **request)[0] == "KMSInvalidMacException"


@pytest.mark.parametrize(("spec", "algorithm"), SIGNING)
def test_signatures(bench: Workbench, kms: Any, spec: str, algorithm: str) -> None:
    key = bench.filled(spec)
    digest = hashlib.new(f"sha{algorithm[-3:]}", b"message").digest()
    assert kms.get_public_key(KeyId=key)["PublicKey"] == public_der(spec, 0)
    for message, kind in ((b"message", "RAW"), (digest, "DIGEST")):
        request = {"KeyId": key, "Message": message, "MessageType": kind, "SigningAlgorithm": algorithm}
        signature = kms.sign(**request)["Signature"]
        assert is_signature(spec, signature, b"message", algorithm)
        assert kms.verify(Signature=signature, **request)["SignatureValid"] is True
        forged = signature[:-1] + bytes([signature[-1] ^ 1])
        assert refusal(kms.verify, Signature=forged, **request)[0] == "KMSInvalidSignatureException"


@pytest.mark.parametrize("spec", ["RSA_3072", "RSA_4096"])
def test_large_rsa_keys(bench: Workbench, kms: Any, spec: str) -> None:
    key = bench.filled(spec)
    signature = kms.sign(KeyId=key, Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_512")["Signature"]
    assert is_signature(spec, signature, b"m", "RSASSA_PSS_SHA_512")


class TestEdwards:
    SPEC = "ECC_NIST_EDWARDS25519"

    def test_pure(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled(self.SPEC)
        request = {"KeyId": key, "Message": b"message", "SigningAlgorithm": "ED25519_SHA_512"}
        signature = kms.sign(**request)["Signature"]
        assert is_signature(self.SPEC, signature, b"message", "ED25519_SHA_512")
        assert kms.verify(Signature=signature, **request)["SignatureValid"] is True

    def test_prehashed(self, bench: Workbench, kms: Any) -> None:
        digest = hashlib.sha512(b"message").digest()
        request = {
            "KeyId": bench.filled(self.SPEC),
            "Message": digest,
            "MessageType": "DIGEST",
            "SigningAlgorithm": "ED25519_PH_SHA_512",
        }
        signature = kms.sign(**request)["Signature"]
        assert not is_signature(self.SPEC, signature, digest, "ED25519_SHA_512")
        assert kms.verify(Signature=signature, **request)["SignatureValid"] is True
        request["Message"] = hashlib.sha512(b"other").digest()
        assert refusal(kms.verify, Signature=signature, **request)[0] == "KMSInvalidSignatureException"

    def test_prehashed_vector_of_rfc_8032(self) -> None:
        seed = bytes.fromhex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42")
        public = bytes.fromhex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf")
        expected = bytes.fromhex(
            "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
            "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
        )
        digest = hashlib.sha512(b"abc").digest()
        assert ed25519ph.sign(seed, digest) == expected
        ed25519ph.verify(public, digest, expected)


class TestRsaEncryption:
    @pytest.mark.parametrize(("algorithm", "room"), [("RSAES_OAEP_SHA_1", 214), ("RSAES_OAEP_SHA_256", 190)])
    def test_round_trip_and_room(self, bench: Workbench, kms: Any, algorithm: str, room: int) -> None:
        key = bench.filled("RSA_2048", "ENCRYPT_DECRYPT")
        request = {"KeyId": key, "EncryptionAlgorithm": algorithm}
        blob = kms.encrypt(Plaintext=b"x" * room, **request)["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob, **request)["Plaintext"] == b"x" * room
        code, text = refusal(kms.encrypt, Plaintext=b"x" * (room + 1), **request)
        assert code == "ValidationException"
        assert f"{room} bytes" in text

    def test_decrypts_what_others_encrypted(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled("RSA_2048", "ENCRYPT_DECRYPT")
        scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        blob = private_key("RSA_2048", 0).public_key().encrypt(b"from outside", scheme)
        answer = kms.decrypt(KeyId=key, CiphertextBlob=blob, EncryptionAlgorithm="RSAES_OAEP_SHA_256")
        assert answer["Plaintext"] == b"from outside"
        assert "KeyMaterialId" not in answer


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"])
def test_agreement(bench: Workbench, kms: Any, spec: str) -> None:
    key = bench.filled(spec, "KEY_AGREEMENT")
    answer = kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=public_der(spec, 1))
    expected = private_key(spec, 1).exchange(ec.ECDH(), private_key(spec, 0).public_key())
    assert answer["SharedSecret"] == expected
    assert answer["KeyOrigin"] == "EXTERNAL"
    assert kms.get_public_key(KeyId=key)["KeyAgreementAlgorithms"] == ["ECDH"]


class TestRefusals:
    def test_wrong_usage(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled("RSA_2048", "ENCRYPT_DECRYPT")
        code, text = refusal(kms.sign, KeyId=key, Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256")
        assert code == "InvalidKeyUsageException"
        assert text.endswith("key usage is ENCRYPT_DECRYPT which is not valid for Sign.")

    def test_wrong_algorithm(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled("HMAC_256")
        code, _text = refusal(kms.generate_mac, KeyId=key, Message=b"m", MacAlgorithm="HMAC_SHA_512")
        assert code == "InvalidKeyUsageException"

    def test_digest_of_another_length(self, bench: Workbench, kms: Any) -> None:
        request = {"KeyId": bench.filled("ECC_NIST_P256"), "SigningAlgorithm": "ECDSA_SHA_256"}
        code, _text = refusal(kms.sign, Message=b"short", MessageType="DIGEST", **request)
        assert code == "ValidationException"

    def test_no_public_key(self, bench: Workbench, kms: Any) -> None:
        assert refusal(kms.get_public_key, KeyId=bench.filled("HMAC_256"))[0] == "UnsupportedOperationException"

    def test_dry_run(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        expected = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
        assert refusal(kms.encrypt, KeyId=key, Plaintext=b"x", DryRun=True) == expected
        kms.disable_key(KeyId=key)
        assert refusal(kms.encrypt, KeyId=key, Plaintext=b"x", DryRun=True)[0] == "DisabledException"

    def test_foreign_ciphertext(self, bench: Workbench, kms: Any) -> None:
        blob = kms.encrypt(KeyId=bench.filled(), Plaintext=b"x")["CiphertextBlob"]
        unknown = blob[:5] + b"\1" * 32 + blob[37:]
        assert refusal(kms.decrypt, CiphertextBlob=unknown)[0] == "AccessDeniedException"
        assert refusal(kms.decrypt, CiphertextBlob=b"garbage")[0] == "InvalidCiphertextException"

    def test_material_is_used_as_it_is(self, bench: Workbench) -> None:
        """The helper's keys differ, so that equal public keys above mean something."""
        assert pkcs8("ECC_NIST_P256", 0) != pkcs8("ECC_NIST_P256", 1)
        assert A != B
