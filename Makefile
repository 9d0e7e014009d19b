# Needs only Python >= 3.11 and make. Everything else comes from the lock files, into .venv.
#   make demo    set up and show the embedded example       make check   style, types, import contract
#   make test    the test suite with coverage               make nightly the slow lane and the benchmarks

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TMPDIR ?= /tmp
SHELL := /bin/bash
.DEFAULT_GOAL := help

# No program that we start reports to anyone.
export DO_NOT_TRACK := 1
export DAGSTER_DISABLE_TELEMETRY := 1
export GX_ANALYTICS_ENABLED := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Nothing of the shell that calls make leaks into the environment that is built here.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

PYTEST_ARGS ?=
# Two processes, a file of tests in one of them and files in their order (tests/conftest.py). `make test WORKERS=` runs in one process.
WORKERS ?= -n 2 --dist loadfile --no-loadscope-reorder
LOCK := --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-strip-extras --no-header --quiet

# $(call sync,ENVIRONMENT,LOCK): make the environment exactly what the lock says. uv takes seconds; where it cannot reach
# the package index (it does not read pip's settings) pip does the same in a minute and a half.
sync = $(BIN)/uv pip sync --quiet --require-hashes --python $(1)/bin/python $(2) \
	|| $(1)/bin/python -m pip install --quiet --require-hashes -r $(2)

.PHONY: help demo test check format docs messages nightly lock wheel-test clean

help:
	@grep -E '^#   ' Makefile | cut -c5-

demo: $(VENV)/.ready
	$(BIN)/beeld demo

test: $(VENV)/.ready
	rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -q -m "not nightly and not benchmark" $(WORKERS) --cov --cov-report=term $(PYTEST_ARGS)

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Every text that a reader sees, into the catalogues of translations (docs/engineer.md#languages).
messages: $(VENV)/.ready
	$(BIN)/python -m tests.messages

docs: $(VENV)/.ready
	$(BIN)/python -m tests.docs.write

nightly: $(VENV)/.ready
	$(BIN)/python -m pytest -q -m "nightly or benchmark" $(PYTEST_ARGS)
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -q tests/property
	$(BIN)/python -m tests.benchmarks.bench_refresh --national

# New pins only where pyproject.toml asks for them; `make lock UPGRADE=1` takes the newest of everything.
lock: $(VENV)/.uv
	$(BIN)/uv pip compile pyproject.toml $(LOCK) $(if $(UPGRADE),--upgrade) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra dask -c requirements.lock $(LOCK) $(if $(UPGRADE),--upgrade) -o requirements-dask.lock
	$(BIN)/uv pip compile pyproject.toml --group dev -c requirements.lock $(LOCK) $(if $(UPGRADE),--upgrade) -o requirements-dev.lock
	sed -i.bak '/^    #  *-c requirements.lock$$/d' requirements-dask.lock requirements-dev.lock
	rm requirements-dask.lock.bak requirements-dev.lock.bak

# What a user gets: the wheel, built from the sdist, without dev tools, far from the checkout.
wheel-test: $(VENV)/.ready
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist > /dev/null
	set -euo pipefail; work=$$(mktemp -d); trap 'chmod -R u+w "$$work"; rm -rf "$$work"' EXIT; \
	$(PYTHON) -m venv "$$work/venv"; \
	$(call sync,"$$work/venv",requirements.lock); \
	"$$work/venv/bin/python" -m pip install --quiet --no-deps --no-index dist/*.whl; \
	mkdir "$$work/empty"; cd "$$work/empty"; \
	env -u BEELD_HOME "$$work/venv/bin/beeld" demo | tee "$$work/out"; \
	page=$$(tail -n 1 "$$work/out"); page=$${page##* }; \
	test "$$(basename "$$page")" = index.html && test -s "$$page"; \
	echo "wheel-test: the wheel made $$page"

clean:
	chmod -R u+w build dist htmlcov 2> /dev/null || true
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find pipelines tests -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------- the environment

# uv itself: from the lock and with its hashes, by pip.
$(VENV)/.uv: requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; say make PYTHON=..." if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	awk '/^uv==/ { on = 1 } on { print } on && !/\\$$/ { exit }' requirements-dev.lock > $@.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r $@.lock
	touch $@

$(VENV)/.ready: requirements-dev.lock pyproject.toml $(VENV)/.uv
	$(call sync,$(VENV),requirements-dev.lock)
	$(BIN)/python -m pip install --quiet --no-deps --no-index --no-build-isolation --editable .
	touch $@
