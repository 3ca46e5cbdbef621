# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door for secrets: what comes through, what is refused and with which words, and that no word holds a secret."""

from __future__ import annotations

import base64
import errno
import hashlib
import hmac
import os
import threading

import cryptography
import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import SYMMETRIC
from ansible_collections.byok.aws.plugins.module_utils._kms.key.specs import RAW_LENGTHS
from ansible_collections.byok.aws.plugins.module_utils._kms.secret import files
from ansible_collections.byok.aws.plugins.module_utils._kms.secret import material
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import INVALID_INPUT
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ACCOUNT
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ALIAS
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import KEY_ID
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import encoded
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import encoded_public
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import everything_said
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import leaks
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import private_key
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization import NoEncryption
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.hazmat.primitives.serialization import PublicFormat

RSA_SPECS = ("RSA_2048", "RSA_3072", "RSA_4096")
CURVE_SPECS = ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1")
ED25519 = "ECC_NIST_EDWARDS25519"
PRIVATE_SPECS = RSA_SPECS + CURVE_SPECS + (ED25519,)
PASSWORD = BestAvailableEncryption(b"password")


def secret_bytes(length):
    """Bytes with a look of their own: none of them stands in any message."""
    stream = b"".join(hashlib.sha256(b"canary %d" % number).digest() for number in range(-(-length // 32)))
    return stream[:length]


KEY32 = secret_bytes(32)
HEX32 = KEY32.hex().encode()
BASE64_32 = base64.b64encode(KEY32)


def refusal(secret, function, *arguments):
    """The refusal of bad input, after a look at whether it tells the secret."""
    with pytest.raises(AnsibleKMSError) as caught:
        function(*arguments)
    assert caught.value.code == INVALID_INPUT
    assert leaks(everything_said(caught.value), secret) == []
    assert str(caught.value.message).count("\n") == 0
    return str(caught.value.message)


# -- base64 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        BASE64_32.decode(),
        BASE64_32.decode() + "\n",
        "\n".join(BASE64_32.decode()[start : start + 16] for start in range(0, 44, 16)),
        "  " + BASE64_32.decode().replace("=", " ="),
    ],
)
def test_base64_may_have_white_space(text):
    assert material.decode_base64("key_material", text) == KEY32


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("%% " + BASE64_32.decode(), "is not base64"),
        (BASE64_32.decode()[:-1], "is not base64"),
        (BASE64_32.decode() + "=", "is not base64"),
        (BASE64_32.decode() + BASE64_32.decode(), "is not base64"),
        (BASE64_32.decode() + "ключ", "is not base64"),
        ("=", "is not base64"),
        (base64.urlsafe_b64encode(b"\xfb\xef\xff" + KEY32).decode(), "is not base64"),
        (encoded(private_key("ECC_NIST_P256"), "PEM").decode(), "holds PEM text"),
        ("\n" + encoded(private_key("RSA_2048"), "PEM", "TraditionalOpenSSL").decode(), "holds PEM text"),
    ],
)
@pytest.mark.parametrize("option", ["key_material", "encrypted_key_material", "import_token"])
def test_what_is_not_base64(option, text, said):
    message = refusal(text.encode(), material.decode_base64, option, text)
    assert option in message
    assert said in message


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.fixture(name="secret_file")
def fixture_secret_file(tmp_path):
    def write(content=KEY32, mode=0o600):
        path = tmp_path / "material.bin"
        path.write_bytes(content)
        path.chmod(mode)
        return str(path)

    return write


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_the_owners_alone_is_read(secret_file, mode):
    assert material.read_file(secret_file(mode=mode), False) == KEY32


@pytest.mark.parametrize("content", [b"\x00" * 32, KEY32 + b"\n", b"\r\n", secret_bytes(64 * 1024)])
def test_a_file_is_read_as_it_is(secret_file, content):
    assert material.read_file(secret_file(content), False) == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o660, 0o777])
def test_a_file_that_others_get_at_is_refused_unless_allowed(secret_file, mode):
    path = secret_file(mode=mode)
    message = refusal(KEY32, material.read_file, path, False)
    assert f"key_material_file {path}" in message
    assert f"{mode:04o}" in message
    assert "0600" in message
    assert "set allow to loose_file" in message
    assert material.read_file(path, True) == KEY32


def test_a_symbolic_link_is_judged_by_what_it_leads_to(secret_file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(secret_file(mode=0o644))
    assert "0644" in refusal(KEY32, material.read_file, str(link), False)
    os.chmod(secret_file(), 0o600)
    assert material.read_file(str(link), False) == KEY32


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", os.strerror(errno.ENOENT)),
        ("file/below", os.strerror(errno.ENOTDIR)),
        ("loop", os.strerror(errno.ELOOP)),
        ("directory", "is a directory"),
        ("link to directory", "is a directory"),
        ("empty", "is empty"),
        ("huge", "65537 bytes"),
        ("x" * 300, os.strerror(errno.ENAMETOOLONG)),
        ("nul\0byte", "nul"),
    ],
)
def test_what_is_no_file_with_material(tmp_path, name, said, force):
    (tmp_path / "file").write_bytes(KEY32)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "directory").mkdir()
    (tmp_path / "link to directory").symlink_to("directory")
    for child, content in (("empty", b""), ("huge", bytes(65537))):
        (tmp_path / child).write_bytes(content)
        (tmp_path / child).chmod(0o600)
    message = refusal(KEY32, material.read_file, f"{tmp_path}/{name}", force)
    assert "key_material_file" in message
    assert said in message


def test_a_file_without_permission(secret_file, monkeypatch):
    """Patched, because root may read everything."""

    def refuse(*_arguments, **_options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    path = secret_file()
    monkeypatch.setattr(files.os, "open", refuse)
    message = refusal(KEY32, material.read_file, path, False)
    assert f"key_material_file {path} cannot be read" in message
    assert os.strerror(errno.EACCES) in message


def test_a_pipe_with_a_writer_is_no_file(tmp_path):
    path = str(tmp_path / "pipe")
    os.mkfifo(path, 0o600)
    writer = os.open(path, os.O_RDWR)
    try:
        assert "not a regular file" in refusal(KEY32, material.read_file, path, True)
    finally:
        os.close(writer)


def test_a_pipe_without_a_writer_is_refused_and_not_waited_for(tmp_path):
    path = str(tmp_path / "pipe")
    os.mkfifo(path, 0o600)
    messages = []
    reader = threading.Thread(
        target=lambda: messages.append(refusal(KEY32, material.read_file, path, False)), daemon=True
    )
    reader.start()
    reader.join(5)
    hangs = reader.is_alive()
    if hangs:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        reader.join(5)
    assert not hangs
    assert "not a regular file" in messages[0]


@pytest.mark.parametrize("content", [b"", KEY32])
def test_no_file_stays_open(secret_file, content):
    path = secret_file(content)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _repetition in range(3):
        if content:
            material.read_file(path, False)
        else:
            refusal(KEY32, material.read_file, path, False)
    assert before == (len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0)


# -- raw bytes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key_spec", "length"), RAW_LENGTHS.items())
def test_raw_material_of_the_right_length(key_spec, length):
    content = secret_bytes(length)
    secret = material.check(content, key_spec, ALIAS, "eu-central-1")
    assert secret.plaintext == content
    assert leaks(repr(secret) + str(secret), content) == []


@pytest.mark.parametrize(
    "content", [b"\n" * 32, bytes(32), b"  " + secret_bytes(28) + b"\r\n"], ids=["breaks", "zeros", "blanks"]
)
def test_raw_material_is_never_trimmed(content):
    assert material.check(content, SYMMETRIC, ALIAS).plaintext == content


@pytest.mark.parametrize(("region", "length"), [("cn-north-1", 16), ("cn-northwest-1", 16), ("us-east-1", 32)])
def test_symmetric_material_in_china_is_shorter(region, length):
    assert len(material.check(secret_bytes(length), SYMMETRIC, ALIAS, region).plaintext) == length
    assert f"{length} bytes are needed" in refusal(
        secret_bytes(48 - length), material.check, secret_bytes(48 - length), SYMMETRIC, ALIAS, region
    )


def test_hmac_material_in_china_has_the_usual_length():
    assert material.check(KEY32, "HMAC_256", ALIAS, "cn-north-1").plaintext == KEY32


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has 0 bytes"),
        (secret_bytes(31), "has 31 bytes"),
        (secret_bytes(33), "has 33 bytes"),
        (secret_bytes(16), "has 16 bytes"),
        (secret_bytes(256), "256 bits are 32 bytes"),
        (KEY32 + b"\n", "line break"),
        (HEX32, "hexadecimal"),
        (HEX32.upper() + b"\n", "hexadecimal"),
        (BASE64_32, "base64"),
        (BASE64_32 + b"\n", "base64"),
        (encoded(private_key("ECC_NIST_P256"), "PEM"), "PEM"),
        (encoded(private_key("RSA_2048")), "bytes are needed"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
@pytest.mark.parametrize("key_spec", [SYMMETRIC, "HMAC_256"])
def test_wrong_raw_material(key_spec, content, said):
    message = refusal(content or KEY32, material.check, content, key_spec, ALIAS, "eu-central-1")
    assert said in message
    assert ALIAS in message
    assert key_spec in message
    assert "32 bytes are needed" in message


@pytest.mark.parametrize(
    ("key_spec", "length"),
    [
        (key_spec, length)
        for key_spec, right in RAW_LENGTHS.items()
        for length in sorted({1, right - 1, right + 1, right * 2, right * 8, *RAW_LENGTHS.values()} - {right})
    ],
)
def test_wrong_lengths_for_every_spec(key_spec, length):
    message = refusal(secret_bytes(length), material.check, secret_bytes(length), key_spec, ALIAS)
    assert f"has {length} bytes" in message
    assert f"{RAW_LENGTHS[key_spec]} bytes are needed" in message
    assert ("bits are" in message) is (length == RAW_LENGTHS[key_spec] * 8)


# -- private keys ------------------------------------------------------------------------------------------------------

LAYOUTS = [
    (key_spec, encoding, layout)
    for key_spec in PRIVATE_SPECS
    for encoding in ("DER", "PEM")
    for layout in ("PKCS8", "TraditionalOpenSSL")
    # Ed25519 knows PKCS#8 only.
    if not (key_spec == ED25519 and layout == "TraditionalOpenSSL")
]


@pytest.mark.parametrize(("key_spec", "encoding", "layout"), LAYOUTS)
def test_private_keys_become_pkcs8_der(key_spec, encoding, layout):
    own = private_key(key_spec)
    content = encoded(own, encoding, layout)
    secret = material.check(content, key_spec, ALIAS)
    assert secret.plaintext == encoded(own)
    assert secret.public_key() == encoded_public(own)
    assert leaks(repr(secret) + str(secret), secret.plaintext) == []


@pytest.mark.parametrize("key_spec", ["RSA_2048", "ECC_NIST_P256", ED25519])
@pytest.mark.parametrize("change", [lambda pem: b"\n  \n" + pem, lambda pem: pem + b"\n\n", lambda pem: pem.strip()])
def test_blank_lines_around_pem_do_not_matter(key_spec, change):
    own = private_key(key_spec)
    assert material.check(change(encoded(own, "PEM")), key_spec, ALIAS).plaintext == encoded(own)


@pytest.mark.parametrize(
    ("key_spec", "sizes"),
    [
        ("ECC_NIST_P256", {138}),
        ("ECC_NIST_P384", {185}),
        ("ECC_NIST_P521", {241}),
        ("ECC_SECG_P256K1", {135}),
        (ED25519, {48}),
    ],
)
def test_sizes_of_pkcs8_der(key_spec, sizes):
    assert len(material.check(encoded(private_key(key_spec), "PEM"), key_spec, ALIAS).plaintext) in sizes


@pytest.mark.parametrize(
    ("given", "wanted"),
    # To load a large RSA key takes its time: those are tried where they could be mistaken only.
    [
        (given, wanted)
        for given in PRIVATE_SPECS
        for wanted in PRIVATE_SPECS
        if given != wanted and (wanted in RSA_SPECS or given not in ("RSA_3072", "RSA_4096"))
    ],
)
def test_every_other_kind_size_and_curve_is_refused(given, wanted):
    content = encoded(private_key(given))
    message = refusal(content, material.check, content, wanted, ALIAS)
    needed = {"RSA": f"RSA key of {wanted[4:]} bits", "ECC": "elliptic curve key on"}[wanted[:3]]
    assert ALIAS in message
    assert wanted in message
    assert ("an Ed25519 key is needed" if wanted == ED25519 else needed) in message


def _x25519():
    return x25519.X25519PrivateKey.from_private_bytes(KEY32).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )


def _indefinite(der):
    """The same with an outer indefinite length (X.690, 8.1.3.6), as some HSMs write it."""
    header = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    return b"\x30\x80" + der[header:] + b"\x00\x00"


def _p224():
    return ec.derive_private_key(int.from_bytes(KEY32[:20], "big"), ec.SECP224R1())


def _explicit_or_foreign(encoding):
    return encoded(_p224(), encoding)


BAD_PRIVATE_KEYS = [
    ("encrypted PEM", "RSA_2048", encoded(private_key("RSA_2048"), "PEM", encryption=PASSWORD), "encrypted"),
    ("encrypted DER", "RSA_2048", encoded(private_key("RSA_2048"), "DER", encryption=PASSWORD), "encrypted"),
    (
        "encrypted PKCS#1 PEM",
        "RSA_2048",
        encoded(private_key("RSA_2048"), "PEM", "TraditionalOpenSSL", PASSWORD),
        "encrypted",
    ),
    (
        "encrypted SEC 1 PEM",
        "ECC_NIST_P256",
        encoded(private_key("ECC_NIST_P256"), "PEM", "TraditionalOpenSSL", PASSWORD),
        "encrypted",
    ),
    ("encrypted Ed25519", ED25519, encoded(private_key(ED25519), "PEM", encryption=PASSWORD), "encrypted"),
    ("public DER", "RSA_2048", encoded_public(private_key("RSA_2048")), "public key"),
    ("public DER of a curve", "ECC_NIST_P256", encoded_public(private_key("ECC_NIST_P256")), "public key"),
    ("public DER of Ed25519", ED25519, encoded_public(private_key(ED25519)), "public key"),
    (
        "public PEM",
        "RSA_2048",
        encoded_public(private_key("RSA_2048"), "PEM"),
        "holds no private key; give the private key",
    ),
    (
        "public PKCS#1 PEM",
        "RSA_2048",
        private_key("RSA_2048").public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        "holds no private key; give the private key",
    ),
    (
        "a certificate's armour",
        "RSA_2048",
        b"-----BEGIN CERTIFICATE-----\n" + BASE64_32 + b"\n-----END CERTIFICATE-----\n",
        "holds no private key; give the private key",
    ),
    ("BER RSA", "RSA_2048", _indefinite(encoded(private_key("RSA_2048"))), "BER with an indefinite length"),
    ("BER P256", "ECC_NIST_P256", _indefinite(encoded(private_key("ECC_NIST_P256"))), "BER with an indefinite length"),
    ("BER Ed25519", ED25519, _indefinite(encoded(private_key(ED25519))), "BER with an indefinite length"),
    ("raw bytes", "ECC_NIST_P256", KEY32, "PKCS#8"),
    ("the scalar alone", ED25519, KEY32, "PKCS#8"),
    ("nothing", "RSA_2048", b"", "PKCS#8"),
    ("one byte", "RSA_2048", b"\x30", "PKCS#8"),
    ("cut short", "RSA_2048", encoded(private_key("RSA_2048"))[:-1], "PKCS#8"),
    ("with a line break", "RSA_2048", encoded(private_key("RSA_2048")) + b"\n", "PKCS#8"),
    ("base64 of the DER", "ECC_NIST_P256", base64.b64encode(encoded(private_key("ECC_NIST_P256"))), "PKCS#8"),
    ("hex of the DER", "ECC_NIST_P256", encoded(private_key("ECC_NIST_P256")).hex().encode(), "PKCS#8"),
    ("cut PEM", "RSA_2048", encoded(private_key("RSA_2048"), "PEM")[:400], "PKCS#8"),
    ("X25519", ED25519, _x25519(), "of another kind"),
    ("P224", "ECC_NIST_P256", _explicit_or_foreign("DER"), "secp224r1"),
    ("P224 PEM", "ECC_NIST_P384", _explicit_or_foreign("PEM"), "secp224r1"),
]


# Before cryptography read private keys by itself, OpenSSL did, which takes BER, and DER with something behind it.
LENIENT = int(cryptography.__version__.split(".", maxsplit=1)[0]) < 46


def converted(key_spec: str, content: bytes) -> bytes:
    """What an older version of cryptography makes of it; nothing, if it refuses it too."""
    try:
        return material.check(content, key_spec, ALIAS).plaintext
    except AnsibleKMSError:
        return b""


@pytest.mark.parametrize(
    ("key_spec", "content", "said"), [row[1:] for row in BAD_PRIVATE_KEYS], ids=[row[0] for row in BAD_PRIVATE_KEYS]
)
def test_bad_private_keys(key_spec, content, said):
    if LENIENT and converted(key_spec, content):
        # What goes to KMS is DER all the same.
        assert converted(key_spec, content) == encoded(private_key(key_spec))
        return
    message = refusal(content or KEY32, material.check, content, key_spec, ALIAS)
    assert said in message
    assert ALIAS in message
    assert key_spec in message
    # Every way out is one that a person can take.
    assert any(hint in message for hint in ("openssl", "give the private key", "is needed"))


@pytest.mark.parametrize(
    ("key_spec", "said"),
    [
        ("ML_DSA_44", "does not import"),
        ("ML_KEM_768", "does not import"),
        ("SM2", "encrypted_key_material with its import_token"),
    ],
)
def test_specs_that_take_no_plaintext(key_spec, said):
    message = refusal(KEY32, material.check, KEY32, key_spec, ALIAS)
    assert said in message
    assert ALIAS in message


# -- fingerprint -------------------------------------------------------------------------------------------------------


def _hkdf(content, info):
    """RFC 5869 by hand: a fingerprint that is stored in KMS must never change from one version to the next."""
    extracted = hmac.new(bytes(32), content, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()[:16].hex()


def test_fingerprint_is_what_it_always_was():
    found = material.fingerprint(material.Secret(KEY32), ACCOUNT, KEY_ID)
    assert found == _hkdf(KEY32, f"byok.aws fingerprint 1\0{ACCOUNT}\0{KEY_ID}".encode())
    assert found == material.fingerprint(material.Secret(KEY32), ACCOUNT, KEY_ID)


def test_fingerprint_is_bound_to_bytes_account_and_key():
    found = {
        material.fingerprint(material.Secret(content), account, key_id)
        for content in (KEY32, secret_bytes(64)[32:])
        for account in (ACCOUNT, "444455556666")
        for key_id in (KEY_ID, "mrk-" + "0" * 32)
    }
    assert len(found) == 8
    for content in (KEY32, KEY_ID.encode() + KEY32, KEY32 + KEY_ID.encode()):
        for bare in (hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest()):  # noqa: S324
            assert bare[:32] not in found


def test_a_missing_library_is_told(monkeypatch):
    monkeypatch.setattr(material, "HAS_CRYPTOGRAPHY", False)
    for function, arguments in (
        (material.require_cryptography, ()),
        (material.check, (encoded(private_key(ED25519)), ED25519, ALIAS)),
        (material.fingerprint, (material.Secret(KEY32), ACCOUNT, KEY_ID)),
    ):
        with pytest.raises(AnsibleKMSError, match="library cryptography is needed"):
            function(*arguments)
