# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An AWS KMS on loopback that knows imported key material, built on moto."""

from __future__ import annotations

__version__ = "1.0.0"
