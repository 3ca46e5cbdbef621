# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
#
#   make demo     see the collection at work, on an emulated KMS
#   make test     everything that has to hold; `make units`, `make lint` and so on run one part of it
#   make quick    of it what a minute suffices for: to be run again and again while one works
#   make bench    how long things take
#   make fuzz     random tasks on random keys, other ones each time; ARGS="--fuzz-examples=5000 --hypothesis-seed=7"
#   make matrix   unit and module tests on every supported ansible-core for which a Python is there
#   make lock     pin every Python package, with hashes: scripts/requirements/*.txt, made from the *.in beside them
#   make clean    throw away .build, where all of the above keep what they install and write
#
# PYTHON=/path/to/python3.12 chooses the interpreter, ARGS="-k expiry" reaches the command of a single part.

PYTHON ?=
ARGS ?=
export PYTHON

PARTS := ansible-lint bench demo docs emulator examples integration leaks module molecule report role sanity scripts terraform types units

.PHONY: all help test quick lint fuzz importer matrix lock clean $(PARTS)

all: test

help:
	@sed -n 's/^#   //p' Makefile
	@echo "parts: $(sort $(PARTS) lint fuzz importer)"

test:
	@scripts/run-gates

quick:
	@scripts/run-gates quick

$(PARTS):
	@scripts/gate $@ $(ARGS)

lint:
	@scripts/gate lint
	@scripts/gate ansible-lint

fuzz:
	@scripts/gate fuzz --fuzz-examples=500 $(ARGS)

importer:
	@scripts/gate importer
	@scripts/gate installed

matrix:
	@scripts/matrix $(ARGS)

lock:
	@scripts/lock $(ARGS)

clean:
	@target=$$(readlink -f .build) && rm -rf "$$target" .build
