# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of antsibull-nox that antsibull-nox.toml names; `make test` runs them, and those in scripts/gates.py."""

import antsibull_nox
import nox

nox.options.reuse_venv = "yes"
nox.options.download_python = "never"

antsibull_nox.load_antsibull_nox_toml()
