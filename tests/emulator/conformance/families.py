# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HMAC, RSA and ECC keys, and the refusal of ML-DSA, in 179 calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from conformance import crypto
from conformance.rows import Instant
from conformance.rows import Judged
from conformance.rows import Material
from conformance.rows import Row
from conformance.rows import refused

NEVER: dict[str, Any] = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
ZEROS = "0" * 64
INVALID = "ValidationException"
BAD_BLOB = "InvalidCiphertextException"
MAC_MESSAGE = b"imported HMAC"
SIGN_MESSAGE = b"imported asymmetric signing"

HMAC_LENGTHS = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
RSA = ("RSA_2048", "RSA_3072", "RSA_4096")
ECC_DIGESTS = {"ECC_NIST_P256": 256, "ECC_NIST_P384": 384, "ECC_NIST_P521": 512, "ECC_SECG_P256K1": 256}
EDWARDS = "ECC_NIST_EDWARDS25519"
RSA_ALGORITHMS = [f"RSASSA_{scheme}_SHA_{bits}" for scheme in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512)]
TOO_SMALL_FOR = ("ECC_NIST_P521", EDWARDS)


class Family:
    """The rows of one key spec."""

    def __init__(self, spec: str, usage: str, algorithms: dict[str, list[str]]) -> None:
        self.spec = spec
        self.usage = usage
        self.algorithms = algorithms
        self.key = {"KeyId": f"{{key_{spec}}}"}
        self.arn = f"arn:aws:kms:us-east-1:{{account}}:key/{{key_{spec}}}"

    def row(self, case: str, operation: str, answer: Any = None, **request: Any) -> Row:
        return Row(f"{self.spec}_{case}", operation, {**self.key, **request}, answer)

    def refused(self, case: str, operation: str, code: str, message: str = "", **request: Any) -> Row:
        return refused(f"{self.spec}_{case}", operation, {**self.key, **request}, code, message)

    def create(self) -> Row:
        request = {"Origin": "EXTERNAL", "KeySpec": self.spec, "KeyUsage": self.usage, "MultiRegion": False}
        return Row(f"{self.spec}_create", "create_key", request, self.metadata("PendingImport"))

    def metadata(self, state: str, **expiration: str) -> dict[str, Any]:
        return {
            "KeyMetadata": {
                "AWSAccountId": "{account}",
                "KeyId": self.key["KeyId"],
                "Arn": self.arn,
                "CreationDate": Instant(f"{self.spec} created"),
                "Enabled": state == "Enabled",
                "Description": "",
                "KeyUsage": self.usage,
                "KeyState": state,
                "Origin": "EXTERNAL",
                "KeyManager": "CUSTOMER",
                "CustomerMasterKeySpec": self.spec,
                "KeySpec": self.spec,
                "MultiRegion": False,
                **self.algorithms,
                **expiration,
            }
        }

    def described(self) -> Row:
        return self.row("metadata", "describe_key", self.metadata("Enabled", **NEVER))

    def history(self) -> Row:
        text = "Input parameter includeKeyMaterial can only be used with symmetric keys."
        return self.refused("history", "list_key_rotations", INVALID, text, IncludeKeyMaterial="ALL_KEY_MATERIAL")

    def parameters(self, case: str, algorithm: str, spec: str) -> Row:
        answer = {
            "KeyId": self.arn,
            "ImportToken": Judged(lambda token, _scene: 0 < len(token) <= 6144, "a token"),
            "PublicKey": Judged(lambda der, _scene: crypto.is_rsa_public_key(der, int(spec[4:])), f"an {spec} key"),
            "ParametersValidTo": Instant(f"{self.spec} {case} end", ahead=86400),
        }
        request = {"WrappingAlgorithm": algorithm, "WrappingKeySpec": spec}
        return self.row(case, "get_parameters_for_import", answer, **request)

    def no_direct(self) -> Row:
        text = (
            "Wrapping algorithm RSAES_OAEP_SHA_256 and wrapping key spec RSA_2048 "
            f"cannot be used to import a {self.spec} key."
        )
        request = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
        return self.refused("direct_2048", "get_parameters_for_import", INVALID, text, **request)

    def loading(self, plaintext: Callable[[], bytes]) -> dict[str, Any]:
        return {"material": Material(plaintext, f"{self.spec}_parameters"), **NEVER}

    def imported(self, case: str, plaintext: Callable[[], bytes]) -> Row:
        return self.row(case, "import_key_material", {"KeyId": self.arn}, **self.loading(plaintext))

    def no_option(self, name: str, value: str, plaintext: Callable[[], bytes]) -> Row:
        member = name[0].lower() + name[1:]
        text = f"Input parameter {member} cannot be used with {self.spec} imported keys."
        return self.refused(name, "import_key_material", INVALID, text, **self.loading(plaintext), **{name: value})

    def deleted(self) -> Row:
        return self.row("delete", "delete_imported_key_material", {"KeyId": self.arn})


def _repeated(byte: bytes, length: int) -> bytes:
    return byte * length


def _in_ber(spec: str) -> bytes:
    return crypto.indefinite(crypto.pkcs8(spec))


def hmac_rows(spec: str) -> list[Row]:
    length, bits = HMAC_LENGTHS[spec], int(spec[5:])
    algorithm = f"HMAC_SHA_{bits}"
    family = Family(spec, "GENERATE_VERIFY_MAC", {"MacAlgorithms": [algorithm]})
    right = partial(_repeated, b"A", length)
    mac = {"Mac": crypto.mac(right(), MAC_MESSAGE, bits), "MacAlgorithm": algorithm, "KeyId": family.arn}
    short = family.loading(partial(_repeated, b"A", length - 1))
    other = family.loading(partial(_repeated, b"B", length))
    mismatch = f"Imported key material does not have the expected identifier ({{material_{spec}}})."
    return [
        family.create(),
        family.parameters("parameters", "RSAES_OAEP_SHA_256", "RSA_2048"),
        family.refused(f"length_{length - 1}", "import_key_material", BAD_BLOB, **short),
        family.imported(f"length_{length}", right),
        family.no_option("ImportType", "EXISTING_KEY_MATERIAL", right),
        family.no_option("KeyMaterialId", ZEROS, right),
        family.no_option("KeyMaterialDescription", "hmac description", right),
        family.described(),
        family.history(),
        family.row("mac", "generate_mac", mac, Message=MAC_MESSAGE, MacAlgorithm=algorithm),
        family.deleted(),
        family.refused("wrong_reimport", "import_key_material", "IncorrectKeyMaterialException", mismatch, **other),
        family.imported("restore", right),
    ]


def _wrapping(spec: str) -> str:
    """What the recorder used: the hybrid where it must be, and for P-521."""
    hybrid = spec in RSA or spec == "ECC_NIST_P521"
    return "RSA_AES_KEY_WRAP_SHA_256" if hybrid else "RSAES_OAEP_SHA_256"


def _signing(spec: str) -> tuple[str, list[str]]:
    """The algorithm that the recorder signed with, and all of the key's."""
    if spec in RSA:
        return "RSASSA_PSS_SHA_256", RSA_ALGORITHMS
    if spec == EDWARDS:
        return "ED25519_SHA_512", ["ED25519_PH_SHA_512", "ED25519_SHA_512"]
    return f"ECDSA_SHA_{ECC_DIGESTS[spec]}", [f"ECDSA_SHA_{ECC_DIGESTS[spec]}"]


def asymmetric_rows(spec: str) -> list[Row]:
    algorithm, algorithms = _signing(spec)
    family = Family(spec, "SIGN_VERIFY", {"SigningAlgorithms": algorithms})
    right = partial(crypto.pkcs8, spec)
    ber = partial(_in_ber, spec)
    no_direct = spec in RSA or spec in TOO_SMALL_FOR
    oaep = family.parameters("direct_2048", "RSAES_OAEP_SHA_256", "RSA_2048")
    no_ber = family.refused("ber_reimport", "import_key_material", BAD_BLOB, **family.loading(ber))
    return [
        family.create(),
        family.no_direct() if no_direct else oaep,
        family.parameters("parameters", _wrapping(spec), "RSA_3072"),
        family.imported("import", right),
        family.described(),
        family.history(),
        family.row("public", "get_public_key", _public_key(family, algorithms)),
        no_ber if spec == EDWARDS else family.imported("ber_reimport", ber),
        family.no_option("ImportType", "EXISTING_KEY_MATERIAL", right),
        family.no_option("KeyMaterialDescription", "asymmetric description", right),
        family.row("sign", "sign", _signed(family, algorithm), Message=SIGN_MESSAGE, SigningAlgorithm=algorithm),
        family.deleted(),
        family.refused(
            "public_missing", "get_public_key", "KMSInvalidStateException", f"{family.arn} is pending import."
        ),
        family.imported("restore", right),
    ]


def _public_key(family: Family, algorithms: list[str]) -> dict[str, Any]:
    return {
        "KeyId": family.arn,
        "PublicKey": Judged(lambda der, _scene: der == crypto.public_der(family.spec), "the public half"),
        "CustomerMasterKeySpec": family.spec,
        "KeySpec": family.spec,
        "KeyUsage": "SIGN_VERIFY",
        "SigningAlgorithms": algorithms,
    }


def _signed(family: Family, algorithm: str) -> dict[str, Any]:
    def judge(signature: bytes, _scene: Any) -> bool:
        return crypto.is_signature(family.spec, signature, SIGN_MESSAGE, algorithm)

    return {"KeyId": family.arn, "Signature": Judged(judge, "a signature"), "SigningAlgorithm": algorithm}


def ml_dsa_row(spec: str) -> Row:
    request = {"Origin": "EXTERNAL", "KeySpec": spec, "KeyUsage": "SIGN_VERIFY", "MultiRegion": False}
    text = f"KeySpec {spec} is not supported for Origin EXTERNAL"
    return refused(f"{spec}_external_create", "create_key", request, INVALID, text)


def cleanup_row(spec: str) -> Row:
    family = Family(spec, "", {})
    answer = {
        "KeyId": family.arn,
        "KeyState": "PendingDeletion",
        "PendingWindowInDays": 7,
        "DeletionDate": Instant(f"{spec} deletion", ahead=7 * 86400),
    }
    return Row("cleanup_us-east-1", "schedule_key_deletion", {**family.key, "PendingWindowInDays": 7}, answer)


ASYMMETRIC = (*RSA, *ECC_DIGESTS, EDWARDS)
ROWS = [
    *(row for spec in HMAC_LENGTHS for row in hmac_rows(spec)),
    *(row for spec in ASYMMETRIC for row in asymmetric_rows(spec)),
    *(ml_dsa_row(f"ML_DSA_{size}") for size in (44, 65, 87)),
    *(cleanup_row(spec) for spec in (*HMAC_LENGTHS, *ASYMMETRIC)),
]
