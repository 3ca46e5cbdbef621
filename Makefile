# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
#
#   make demo     see the collection at work, on an emulated KMS
#   make test     everything that has to hold; `make units`, `make lint` and so on run one part of it
#   make quick    the parts of it that finish within a minute, to be run again and again during work
#   make bench    how long things take
#   make fuzz     random tasks on random keys, other ones each time; ARGS="--fuzz-examples=5000 --hypothesis-seed=7"
#   make matrix   unit and module tests on every supported ansible-core for which a Python is there
#   make newest   unit, module, emulator and role tests with the newest ansible-core, AWS SDK and moto
#   make tree     copy the checkout to .build/tree, where the tests run
#   make lock     pin every Python package, with hashes: scripts/requirements/*.txt, made from the *.in beside them
#   make clean    delete .build, where all of the above keep what they install and write
#
# PYTHON=/path/to/python3.12 chooses the interpreter, ARGS="-k expiry" reaches the command of a single part.

PYTHON ?=
ARGS ?=
export PYTHON

PARTS := ansible-lint bench demo docs emulator examples integration leaks module molecule report role sanity scripts tables terraform types units
SESSION := @scripts/nox --sessions

.PHONY: all help test quick lint fuzz importer matrix newest tree lock clean $(PARTS)

all: test

help:
	@sed -n 's/^#   //p' Makefile
	@echo "parts: $(sort $(PARTS) lint fuzz importer)"

test quick matrix newest tree lock $(PARTS):
	$(SESSION) $@ -- $(ARGS) </dev/null

lint:
	$(SESSION) lint ansible-lint </dev/null

importer:
	$(SESSION) importer installed </dev/null

fuzz:
	$(SESSION) fuzz -- --fuzz-examples=500 $(ARGS) </dev/null

clean:
	@target=$$(readlink -f .build) && rm -rf "$$target" .build
