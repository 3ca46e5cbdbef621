# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wrapping, tokens, formats and the bookkeeping of materials."""

from __future__ import annotations

from typing import Any

import pytest
from conformance.crypto import indefinite
from conformance.crypto import pkcs8
from conformance.crypto import private_key
from conformance.crypto import wrap
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding
from workbench import EXISTING
from workbench import NEVER
from workbench import NEW
from workbench import A
from workbench import B
from workbench import C
from workbench import Workbench
from workbench import first_material
from workbench import refusal

OAEP = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
HYBRID = ("RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256")
WRAPPING_SPECS = ("RSA_2048", "RSA_3072", "RSA_4096")
BAD_BLOB = ("InvalidCiphertextException", "")
# What each key spec takes: algorithms, and the wrapping key specs for OAEP.
MATRIX = {
    "SYMMETRIC_DEFAULT": (OAEP, WRAPPING_SPECS),
    "HMAC_256": (OAEP, WRAPPING_SPECS),
    "RSA_2048": (HYBRID, ()),
    "ECC_NIST_P256": (OAEP + HYBRID, WRAPPING_SPECS),
    "ECC_SECG_P256K1": (OAEP + HYBRID, WRAPPING_SPECS),
    "ECC_NIST_P384": (OAEP + HYBRID, WRAPPING_SPECS),
    "ECC_NIST_P521": (OAEP + HYBRID, WRAPPING_SPECS[1:]),
    "ECC_NIST_EDWARDS25519": (OAEP + HYBRID, WRAPPING_SPECS[1:]),
}


class TestWrapping:
    @pytest.mark.parametrize("spec", MATRIX)
    def test_matrix(self, bench: Workbench, kms: Any, spec: str) -> None:
        """Every choice either carries the material into the key or is refused by name."""
        key = bench.create(spec)
        algorithms, oaep_specs = MATRIX[spec]
        for algorithm in (*OAEP, *HYBRID, "RSAES_PKCS1_V1_5"):
            for wrapping_spec in WRAPPING_SPECS:
                allowed = algorithm in algorithms and (algorithm in HYBRID or wrapping_spec in oaep_specs)
                if allowed:
                    bench.load(key, first_material(spec), bench.parameters(key, algorithm, wrapping_spec))
                    continue
                request = {"WrappingAlgorithm": algorithm, "WrappingKeySpec": wrapping_spec}
                assert refusal(kms.get_parameters_for_import, KeyId=key, **request) == (
                    "ValidationException",
                    (
                        f"Wrapping algorithm {algorithm} and wrapping key spec {wrapping_spec} "
                        f"cannot be used to import a {spec} key."
                    ),
                )
        assert bench.state(key) == "Enabled"

    @pytest.mark.parametrize(("oaep", "mgf"), [(hashes.SHA1(), hashes.SHA1()), (hashes.SHA256(), hashes.SHA1())])  # noqa: S303
    def test_wrong_hash(self, bench: Workbench, kms: Any, oaep: Any, mgf: Any) -> None:
        key = bench.create()
        parameters = bench.parameters(key)
        public: Any = serialization.load_der_public_key(parameters["PublicKey"])
        blob = public.encrypt(A, padding.OAEP(padding.MGF1(mgf), oaep, None))
        request = {"ImportToken": parameters["ImportToken"], "EncryptedKeyMaterial": blob, "ExpirationModel": NEVER}
        assert refusal(kms.import_key_material, KeyId=key, **request) == BAD_BLOB

    def test_parts_of_a_hybrid_in_the_wrong_order(self, bench: Workbench, kms: Any) -> None:
        key = bench.create("RSA_2048")
        parameters = bench.parameters(key)
        blob = wrap(pkcs8("RSA_2048", 0), parameters["PublicKey"], parameters["WrappingAlgorithm"])
        swapped = blob[256:] + blob[:256]
        request = {"ImportToken": parameters["ImportToken"], "ExpirationModel": NEVER}
        assert refusal(kms.import_key_material, KeyId=key, EncryptedKeyMaterial=swapped, **request) == BAD_BLOB

    def test_a_length_that_cannot_be_right(self, bench: Workbench, kms: Any) -> None:
        key = bench.create()
        request = {"ImportToken": bench.parameters(key)["ImportToken"], "ExpirationModel": NEVER}
        expected = ("ValidationException", "Invalid encrypted key size.")
        assert refusal(kms.import_key_material, KeyId=key, EncryptedKeyMaterial=b"x" * 344, **request) == expected

    def test_only_external_keys(self, bench: Workbench, kms: Any) -> None:
        key = bench.create(Origin="AWS_KMS")
        text = f"{bench.metadata(key)['Arn']} origin is AWS_KMS which is not valid for this operation."
        wrapping = {"WrappingAlgorithm": OAEP[1], "WrappingKeySpec": "RSA_2048"}
        blobs = {"ImportToken": b"x", "EncryptedKeyMaterial": b"x", "ExpirationModel": NEVER}
        expected = ("UnsupportedOperationException", text)
        assert refusal(kms.get_parameters_for_import, KeyId=key, **wrapping) == expected
        assert refusal(kms.import_key_material, KeyId=key, **blobs) == expected
        assert refusal(kms.delete_imported_key_material, KeyId=key) == expected


class TestTokens:
    def test_sets_are_fresh_and_whole(self, bench: Workbench) -> None:
        key = bench.create()
        sets = [bench.parameters(key) for _attempt in range(20)]
        assert len({each["ImportToken"] for each in sets}) == 20
        for each in sets:
            bench.load(key, A, each)

    def test_a_token_of_another_call_does_not_unwrap(self, bench: Workbench, kms: Any) -> None:
        key = bench.create()
        one = bench.parameters(key)
        for _attempt in range(20):
            other = bench.parameters(key)
            if other["PublicKey"] != one["PublicKey"]:
                break
        assert other["PublicKey"] != one["PublicKey"]
        mixed = {**one, "ImportToken": other["ImportToken"]}
        assert refusal(bench.load, key=key, plaintext=A, parameters=mixed) == BAD_BLOB

    def test_garbled_or_of_another_key(self, bench: Workbench) -> None:
        key, other = bench.create(), bench.create()
        parameters = bench.parameters(key)
        garbled = {**parameters, "ImportToken": b"\0" + parameters["ImportToken"][1:]}
        expected = ("InvalidImportTokenException", "")
        assert refusal(bench.load, key=key, plaintext=A, parameters=garbled) == expected
        assert refusal(bench.load, key=other, plaintext=A, parameters=parameters) == expected
        assert refusal(bench.load, key=key, plaintext=A, parameters={**garbled, "ImportToken": b"x"}) == expected

    def test_of_another_region(self, bench: Workbench) -> None:
        key = bench.filled(MultiRegion=True)
        west = bench.replicate(key)
        mismatch = refusal(west.load, key=key, plaintext=A, parameters=bench.parameters(key))
        assert mismatch == ("InvalidImportTokenException", "")

    def test_expires_after_a_day(self, bench: Workbench) -> None:
        key = bench.create()
        parameters = bench.parameters(key)
        bench.advance(24 * 3600 - 60)
        bench.load(key, A, parameters)
        bench.advance(120)
        assert refusal(bench.load, key=key, plaintext=A, parameters=parameters)[0] == "ExpiredImportTokenException"


class TestFormats:
    def refused(self, bench: Workbench, spec: str, material: bytes) -> None:
        key = bench.create(spec)
        parameters = bench.parameters(key, HYBRID[1] if "_DEFAULT" not in spec else "")
        assert refusal(bench.load, key=key, plaintext=material, parameters=parameters) == BAD_BLOB
        assert bench.state(key) == "PendingImport"

    @pytest.mark.parametrize("length", [16, 31, 33, 64])
    def test_length_of_a_symmetric_key(self, bench: Workbench, length: int) -> None:
        self.refused(bench, "SYMMETRIC_DEFAULT", b"x" * length)

    def test_traditional_encodings(self, bench: Workbench) -> None:
        for spec in ("RSA_2048", "ECC_NIST_P256"):
            traditional = private_key(spec, 0).private_bytes(
                serialization.Encoding.DER,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
            self.refused(bench, spec, traditional)

    def test_encrypted_and_pem(self, bench: Workbench) -> None:
        key = private_key("ECC_NIST_P256", 0)
        form = serialization.PrivateFormat.PKCS8
        self.refused(
            bench,
            "ECC_NIST_P256",
            key.private_bytes(serialization.Encoding.DER, form, serialization.BestAvailableEncryption(b"p")),
        )
        pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        self.refused(bench, "ECC_NIST_P256", pem)

    def test_another_curve_or_size(self, bench: Workbench) -> None:
        self.refused(bench, "ECC_NIST_P256", pkcs8("ECC_SECG_P256K1", 0))
        self.refused(bench, "RSA_3072", pkcs8("RSA_2048", 0))

    def test_bytes_behind_the_key(self, bench: Workbench) -> None:
        self.refused(bench, "ECC_NIST_P256", pkcs8("ECC_NIST_P256", 0) + b"\0")

    def test_another_version_of_pkcs8(self, bench: Workbench) -> None:
        material = pkcs8("ECC_NIST_P256", 0)
        version = material.index(b"\x02\x01\x00") + 2
        self.refused(bench, "ECC_NIST_P256", material[:version] + b"\x01" + material[version + 1 :])

    def test_ber_is_the_same_material(self, bench: Workbench) -> None:
        key = bench.filled("ECC_NIST_P384")
        bench.load(key, indefinite(pkcs8("ECC_NIST_P384", 0)))
        mismatch = refusal(bench.load, key=key, plaintext=pkcs8("ECC_NIST_P384", 1))
        assert mismatch[0] == "IncorrectKeyMaterialException"
        assert mismatch[1].startswith("Imported key material does not have the expected identifier (")


class TestBookkeeping:
    def test_the_same_bytes_in_two_keys(self, bench: Workbench) -> None:
        assert bench.load(bench.create(), A) != bench.load(bench.create(), A)

    def test_an_id_names_its_own_bytes_only(self, bench: Workbench, kms: Any) -> None:
        key = bench.create()
        first = bench.load(key, A)
        second = bench.load(key, B, ImportType=NEW)
        kms.rotate_key_on_demand(KeyId=key)
        bench.advance(3)
        text = "Imported key material does not have the expected identifier (%s)."
        for sent, material in ((first, B), (second, A)):
            mismatch = refusal(bench.load, key=key, plaintext=material, ImportType=EXISTING, KeyMaterialId=sent)
            assert mismatch == ("IncorrectKeyMaterialException", text % sent)
        assert bench.load(key, A, ImportType=EXISTING, KeyMaterialId=first) == first
        assert refusal(bench.load, key=key, plaintext=C)[1] == text % second

    def test_staged_bytes_are_associated(self, bench: Workbench) -> None:
        key = bench.filled()
        staged = bench.load(key, B, ImportType=NEW)
        text = (
            f"Key material (id: {staged}) being imported as NEW_KEY_MATERIAL "
            f"is already associated with KMS key {bench.metadata(key)['Arn']}."
        )
        again = refusal(bench.load, key=key, plaintext=B, ImportType=NEW)
        assert again == ("IncorrectKeyMaterialException", text)

    def test_descriptions(self, bench: Workbench, kms: Any) -> None:
        key = bench.create()
        first = bench.load(key, A, KeyMaterialDescription="one")

        def described() -> list[Any]:
            return [entry.get("KeyMaterialDescription") for entry in bench.rotations(key)]

        bench.load(key, A)
        kms.delete_imported_key_material(KeyId=key, KeyMaterialId=first)
        assert described() == ["one"]
        bench.load(key, A)
        assert described() == ["one"]
        bench.load(key, A, KeyMaterialDescription="two")
        assert described() == ["two"]
        staged = bench.load(key, B, ImportType=NEW, KeyMaterialDescription="staged")
        kms.delete_imported_key_material(KeyId=key, KeyMaterialId=staged)
        bench.load(key, B, ImportType=NEW)
        assert described() == ["two", None]

    def test_staging_while_an_older_one_is_missing(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        kms.delete_imported_key_material(KeyId=key)
        bench.load(key, B, ImportType=NEW)
        assert bench.state(key) == "PendingImport"
        assert bench.states(key) == [("CURRENT", "PENDING_IMPORT"), ("PENDING_ROTATION", "IMPORTED")]
        assert refusal(kms.rotate_key_on_demand, KeyId=key)[1].endswith("is pending import.")

    def test_all_missing_ones_must_come_back(self, bench: Workbench, kms: Any) -> None:
        key = bench.create()
        parameters = bench.parameters(key)
        first = bench.load(key, A, parameters)
        second = bench.load(key, B, parameters, ImportType=NEW)
        kms.rotate_key_on_demand(KeyId=key)
        bench.advance(3)
        for material in (first, second):
            kms.delete_imported_key_material(KeyId=key, KeyMaterialId=material)
        bench.load(key, B, parameters)
        assert bench.state(key) == "PendingImport"
        bench.load(key, A, parameters)
        assert bench.state(key) == "Enabled"

    def test_a_refused_import_changes_nothing(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        kms.disable_key(KeyId=key)
        before = bench.metadata(key), bench.rotations(key)
        assert refusal(bench.load, key=key, plaintext=B)[0] == "IncorrectKeyMaterialException"
        assert (bench.metadata(key), bench.rotations(key)) == before

    def test_existing_on_a_key_without_history(self, bench: Workbench) -> None:
        key = bench.create()
        code, _text = refusal(bench.load, key=key, plaintext=A, ImportType=EXISTING)
        assert code == "IncorrectKeyMaterialException"
        assert bench.load(key, A, ImportType=NEW) == bench.metadata(key)["CurrentKeyMaterialId"]

    def test_keys_of_one_material(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled("HMAC_256")
        assert "CurrentKeyMaterialId" not in bench.metadata(key)
        assert refusal(bench.load, key=key, plaintext=B)[0] == "IncorrectKeyMaterialException"
        assert kms.list_key_rotations(KeyId=key)["Rotations"] == []
        assert "KeyMaterialId" not in kms.delete_imported_key_material(KeyId=key)
