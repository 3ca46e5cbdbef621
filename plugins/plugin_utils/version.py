# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What made a report: the version of this collection, and the name of the controller."""

from __future__ import annotations

import json
import platform
import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def collection_version() -> str:
    """The version of this collection: an installed one has a manifest, a checkout has galaxy.yml."""
    try:
        manifest = json.loads((_ROOT / "MANIFEST.json").read_text(encoding="utf-8"))
        return str(manifest["collection_info"]["version"])
    except FileNotFoundError:
        found = re.search(r"^version: *(\S+)", (_ROOT / "galaxy.yml").read_text(encoding="utf-8"), re.MULTILINE)
        return found[1] if found else "unknown"


def controller_name() -> str:
    """The host name of the controller."""
    return platform.node()
