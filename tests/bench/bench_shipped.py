# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible sends to a host for each module: our files without empty ones, and their KiB.

Prints figures, asserts none of them. Run by `make bench`; it needs nothing but Python, and takes the root of a checkout
as its argument, to compare two.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from imports import imports_of
from imports import reachable


def shipped(root: Path) -> None:
    imports = imports_of(root)
    print("What Ansible ships for a module, with the module itself")
    print(f"  {'':32}{'files':>8}{'KiB':>8}")
    for name in sorted(one for one in imports if one.startswith("plugins/modules/")):
        files = {name, *reachable(imports, name)}
        size = sum((root / one).stat().st_size for one in files) / 1024
        print(f"  {Path(name).stem:32}{len(files):>8}{size:>8.0f}")


if __name__ == "__main__":
    shipped(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
