# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real PKCS#11 tokens without hardware: SoftHSM 2, and NSS softoken behind p11-kit's proxy."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PIN = "correct horse 8301"
OTHER = "other"
_NOBODY = 65534
_SOFTHSM = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
_MULTIARCH = Path("/usr/lib")


@dataclass(frozen=True)
class Lab:
    """A token, as the suboptions of the option pkcs11 name it."""

    library: str
    token_label: str
    pin: str | None

    def options(self, **others: Any) -> dict[str, Any]:
        return {"library": self.library, "token_label": self.token_label, "pin": self.pin, **others}


_MADE: list[Lab] = []


def softhsm(folder: Path, label: str = "lab") -> Lab | None:
    """A new token of SoftHSM's in the folder, beside one with the label OTHER; None where SoftHSM is not installed."""
    if _MADE:
        # The library reads its settings once in a process.
        return _MADE[0]
    library = next((path for path in _SOFTHSM if os.path.exists(path)), None)
    if library is None or shutil.which("softhsm2-util") is None:
        return None
    (folder / "tokens").mkdir(parents=True, exist_ok=True)
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    # SoftHSM sees the tokens that are there when it is loaded.
    for name in (label, OTHER):
        command = ["softhsm2-util", "--init-token", "--free", "--label", name, "--so-pin", "87654321", "--pin", PIN]
        subprocess.run(command, check=True, capture_output=True)
    _MADE.append(Lab(library, label, PIN))
    return _MADE[0]


def nss(folder: Path) -> Lab | None:
    """A new database of NSS's in the folder; None where it is not installed.

    p11-kit reads the settings of a user who is not root: see as_a_user.
    """
    library = next(_MULTIARCH.glob("*/p11-kit-proxy.so"), None)
    softoken = next(_MULTIARCH.glob("*/libsoftokn3.so"), None)
    if library is None or softoken is None or shutil.which("certutil") is None:
        return None
    database, modules = folder / "nss", folder / ".config" / "pkcs11" / "modules"
    database.mkdir(parents=True)
    modules.mkdir(parents=True)
    subprocess.run(["certutil", "-N", "-d", f"sql:{database}", "--empty-password"], check=True, capture_output=True)
    start = f"configdir='sql:{database}' certPrefix='' keyPrefix='' secmod='secmod.db' flags="
    (modules / "nss.module").write_text(f"module: {softoken}\nx-init-reserved: {start}\n")
    (modules.parent / "pkcs11.conf").write_text("user-config: only\n")
    for place in (folder, *folder.rglob("*")):
        place.chmod(0o777 if place.is_dir() else 0o666)
    return Lab(str(library), "NSS Certificate DB", None)


def as_a_user(folder: Path) -> None:
    """In a child process: be a user whose home is the folder, and who is not root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    os.environ["HOME"] = str(folder)
    os.environ["XDG_CONFIG_HOME"] = str(folder / ".config")
