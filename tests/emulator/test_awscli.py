# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real AWS CLI and OpenSSL, with the recipe of AWS's documentation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import venv
from pathlib import Path
from typing import Any

import pytest
from emulator_process import EmulatorProcess

CACHE = Path(__file__).resolve().parents[2] / ".build" / "awscli-venv"

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the command openssl")


@pytest.fixture(scope="session")
def aws_command() -> str:
    """The AWS CLI in an environment of its own: it pins a botocore that others cannot live with."""
    directory = Path(os.environ.get("BYOK_AWSCLI_VENV") or CACHE)
    command = directory / "bin" / "aws"
    if not command.exists():
        venv.create(directory, with_pip=True, symlinks=True)
        pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--disable-pip-version-check", "awscli"], check=True, stdin=subprocess.DEVNULL)
    return str(command)


class Shell:
    """Runs the commands of the recipe in one directory."""

    def __init__(self, aws: str, emulator: EmulatorProcess, directory: Path) -> None:
        self.aws = aws
        self.directory = directory
        settings = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_PAGER": ""}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
        self.environment = {**inherited, **emulator.environment(), **settings, "AWS_MAX_ATTEMPTS": "1"}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.directory, env=self.environment, capture_output=True, text=True, check=False
        )

    def kms(self, *arguments: str) -> Any:
        done = self.run(self.aws, "kms", *arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, *arguments: str) -> str:
        done = self.run(self.aws, "kms", *arguments)
        assert done.returncode != 0
        return done.stderr.strip()

    def openssl(self, *arguments: str) -> None:
        done = self.run("openssl", *arguments)
        assert done.returncode == 0, done.stderr

    def fetch_parameters(self, key: str, algorithm: str = "RSAES_OAEP_SHA_256", spec: str = "RSA_3072") -> None:
        wrapping = ("--wrapping-algorithm", algorithm, "--wrapping-key-spec", spec)
        answer = self.kms("get-parameters-for-import", "--key-id", key, *wrapping)
        for member, name in (("PublicKey", "public.b64"), ("ImportToken", "token.b64")):
            (self.directory / name).write_text(answer[member])
            binary = name.replace(".b64", ".bin")
            self.openssl("enc", "-d", "-base64", "-A", "-in", name, "-out", binary)

    def wrap(self, material: str, digest: str = "sha256", mask: str = "sha256") -> None:
        self.openssl(
            "pkeyutl", "-encrypt", "-in", material, "-out", "wrapped.bin", "-inkey", "public.bin", "-keyform", "DER",
            "-pubin", "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", f"rsa_oaep_md:{digest}",
            "-pkeyopt", f"rsa_mgf1_md:{mask}",
        )  # fmt: skip

    def importing(self, key: str, *more: str) -> tuple[str, ...]:
        blobs = ("--encrypted-key-material", "fileb://wrapped.bin", "--import-token", "fileb://token.bin")
        return ("import-key-material", "--key-id", key, *blobs, *more)


NEVER = ("--expiration-model", "KEY_MATERIAL_DOES_NOT_EXPIRE")


@pytest.fixture
def shell(aws_command: str, emulator: EmulatorProcess, tmp_path: Path) -> Shell:
    return Shell(aws_command, emulator, tmp_path)


@needs_openssl
def test_import_with_openssl(shell: Shell) -> None:
    key = shell.kms("create-key", "--origin", "EXTERNAL")["KeyMetadata"]
    assert key["KeyState"] == "PendingImport"
    shell.fetch_parameters(key["KeyId"])
    shell.openssl("rand", "-out", "right.bin", "32")
    shell.openssl("rand", "-out", "wrong.bin", "32")

    shell.wrap("right.bin")
    answer = shell.kms(*shell.importing(key["KeyId"], *NEVER, "--key-material-description", "by openssl"))
    assert answer["KeyId"] == key["Arn"]

    shell.wrap("wrong.bin")
    text = (
        "An error occurred (IncorrectKeyMaterialException) when calling the ImportKeyMaterial operation: "
        f"Imported key material does not have the expected identifier ({answer['KeyMaterialId']})."
    )
    assert text in shell.refused(*shell.importing(key["KeyId"], *NEVER))

    shell.wrap("right.bin", mask="sha1")
    assert "(InvalidCiphertextException)" in shell.refused(*shell.importing(key["KeyId"], *NEVER))

    shell.kms("delete-imported-key-material", "--key-id", key["KeyId"])
    shell.wrap("right.bin")
    shell.kms(*shell.importing(key["KeyId"], *NEVER))
    metadata = shell.kms("describe-key", "--key-id", key["KeyId"])["KeyMetadata"]
    assert (metadata["KeyState"], metadata["CurrentKeyMaterialId"]) == ("Enabled", answer["KeyMaterialId"])


@needs_openssl
def test_hybrid_with_openssl(shell: Shell) -> None:
    """RSA material: a one-time AES key by OAEP, the private key by AES key wrap with padding."""
    usage = ("--key-spec", "RSA_2048", "--key-usage", "SIGN_VERIFY")
    key = shell.kms("create-key", "--origin", "EXTERNAL", *usage)["KeyMetadata"]["KeyId"]
    shell.fetch_parameters(key, "RSA_AES_KEY_WRAP_SHA_256")
    shell.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "k.pem")
    shell.openssl("pkcs8", "-topk8", "-nocrypt", "-in", "k.pem", "-outform", "DER", "-out", "p8.der")
    shell.openssl("rand", "-out", "aes.bin", "32")
    aes = (shell.directory / "aes.bin").read_bytes().hex()
    wrap = ("enc", "-id-aes256-wrap-pad", "-iv", "A65959A6", "-K", aes, "-in", "p8.der", "-out", "wrapped-key.bin")
    shell.openssl(*wrap)
    shell.wrap("aes.bin")
    parts = [(shell.directory / name).read_bytes() for name in ("wrapped.bin", "wrapped-key.bin")]
    (shell.directory / "wrapped.bin").write_bytes(b"".join(parts))
    shell.kms(*shell.importing(key, *NEVER))
    shell.openssl("rsa", "-inform", "DER", "-in", "p8.der", "-pubout", "-out", "ours.pem")
    theirs = shell.kms("get-public-key", "--key-id", key)["PublicKey"]
    ours = "".join((shell.directory / "ours.pem").read_text().splitlines()[1:-1])
    assert theirs == ours
