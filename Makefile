# make serve   from a clone to a browsable database on http://127.0.0.1:8001
# make test    all tests, with all their set-up
PYTHON ?= python3
BIN := .venv/bin

.PHONY: serve check fmt build export test stress bench lint lock audit sbom clean help
help:
	@echo "make serve  check and build the package, serve it on http://127.0.0.1:8001"
	@echo "make test   run all tests"
	@echo "make check | fmt | build | export   what prc-reach does by these names"
	@echo "make stress prove with the full counts what make test proves with some: no wrong row gets in, nothing crashes or is lost (hours)"
	@echo "make bench  measure speed against other tools (minutes)"
	@echo "make lint | lock | audit | sbom | clean   for maintainers"

serve check fmt build export: .venv/core
	@$(BIN)/prc-reach $@

test: .venv/test .readers/ready
	$(BIN)/ruff check .
	$(BIN)/python tests/chromium.py
	$(BIN)/python -m pytest

stress: .venv/test .readers/ready
	$(BIN)/python tests/chromium.py
	$(BIN)/python -m pytest tests/stress --full
	@$(MAKE) --no-print-directory audit

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/zizmor --offline --quiet --persona auditor .github .pre-commit-config.yaml

# Known holes, licences, and whether what is locked fits together.
audit: .venv/test .bench/ready .readers/ready
	@$(BIN)/python requirements/audit.py $(AUDIT)

# What a release is made of, as CycloneDX. Not in dist/, which holds what an export writes, and nothing else.
sbom: .venv/test
	@$(BIN)/python requirements/sbom.py build/prc-reach.cdx.json

bench: .venv/test .bench/ready
	$(BIN)/python tests/bench.py

# An environment from a lock file: exact versions, each with its hashes. Nothing is built, since what builds a
# package is fetched without a hash, but the few that a .in file names, by the tools that build.txt locks.
LOCKED := install -qq --disable-pip-version-check --require-hashes --no-deps --only-binary :all:
SOURCES = --no-build-isolation $(shell grep -e ^--no-binary requirements/$(1).in)

.venv/core: requirements/core.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "PRC Reach needs Python 3.11 or later: make PYTHON=python3.11 ..."; exit 2; }
	@test -x $(BIN)/python || { echo "making the environment in .venv (a minute, once)"; $(PYTHON) -m venv .venv; }
	@$(BIN)/pip $(LOCKED) -r requirements/core.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

.venv/test: .venv/core requirements/test.txt
	@$(BIN)/pip $(LOCKED) -r requirements/test.txt
	@touch $@

.bench/ready: requirements/bench.txt requirements/build.txt
	@test -x .bench/bin/python || $(PYTHON) -m venv .bench
	@.bench/bin/pip $(LOCKED) -r requirements/build.txt
	@.bench/bin/pip $(LOCKED) $(call SOURCES,bench) -r requirements/bench.txt
	@touch $@

# What the tests read and validate the exports with.
.readers/ready: requirements/readers.txt requirements/build.txt
	@test -x .readers/bin/python || { echo "making the environment in .readers (a minute or two, once)"; $(PYTHON) -m venv .readers; }
	@.readers/bin/pip $(LOCKED) -r requirements/build.txt
	@.readers/bin/pip $(LOCKED) $(call SOURCES,readers) -r requirements/readers.txt
	@touch $@

# Resolve the newest versions that pyproject.toml allows, for every platform and Python from 3.11.
UV := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade
lock: .venv/test
	$(UV) pyproject.toml requirements/build.in -o requirements/core.txt
	$(UV) pyproject.toml requirements/build.in --extra test -o requirements/test.txt
	$(UV) requirements/build.in -o requirements/build.txt
	$(UV) requirements/bench.in -o requirements/bench.txt
	$(UV) requirements/readers.in -o requirements/readers.txt

clean:
	rm -rf .venv .bench .readers build dist .pytest_cache .ruff_cache
