# make serve   from a clone to a browsable database on http://127.0.0.1:8001
# make test    all tests, with all their set-up
PYTHON ?= python3
BIN := .venv/bin

.PHONY: serve check fmt build export test stress bench lint lock clean help
help:
	@echo "make serve  check and build the package, serve it on http://127.0.0.1:8001"
	@echo "make test   run all tests"
	@echo "make check | fmt | build | export   what prc-reach does by these names"
	@echo "make stress prove with the full counts what make test proves with some: no wrong row gets in, nothing crashes or is lost (hours)"
	@echo "make bench  measure speed against other tools (minutes)"
	@echo "make lint | lock | clean   for maintainers"

serve check fmt build export: .venv/core
	@$(BIN)/prc-reach $@

test: .venv/test .readers/ready
	$(BIN)/ruff check .
	$(BIN)/python tests/chromium.py
	$(BIN)/python -m pytest

stress: .venv/test .readers/ready
	$(BIN)/python tests/chromium.py
	$(BIN)/python -m pytest tests/stress --full

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/zizmor --offline --quiet --persona auditor .github .pre-commit-config.yaml

bench: .venv/test .bench/ready
	$(BIN)/python tests/bench.py

# An environment from a lock file: exact versions, each with its hashes.
.venv/core: requirements/core.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "PRC Reach needs Python 3.11 or later: make PYTHON=python3.11 ..."; exit 2; }
	@test -x $(BIN)/python || { echo "making the environment in .venv (a minute, once)"; $(PYTHON) -m venv .venv; }
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements/core.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

.venv/test: .venv/core requirements/test.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements/test.txt
	@touch $@

.bench/ready: requirements/bench.txt
	@test -x .bench/bin/python || $(PYTHON) -m venv .bench
	@.bench/bin/pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements/bench.txt
	@touch $@

# What the tests read and validate the exports with.
.readers/ready: requirements/readers.txt
	@test -x .readers/bin/python || { echo "making the environment in .readers (a minute or two, once)"; $(PYTHON) -m venv .readers; }
	@.readers/bin/pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements/readers.txt
	@touch $@

# Resolve the newest versions that pyproject.toml allows, for every platform and Python from 3.11.
UV := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade
lock: .venv/test
	$(UV) pyproject.toml requirements/build.in -o requirements/core.txt
	$(UV) pyproject.toml requirements/build.in --extra test -o requirements/test.txt
	$(UV) requirements/bench.in -o requirements/bench.txt
	$(UV) requirements/readers.in -o requirements/readers.txt

clean:
	rm -rf .venv .bench .readers build dist .pytest_cache .ruff_cache
