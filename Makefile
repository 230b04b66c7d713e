# Two commands matter: `make demo` runs everything, `make test` proves it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# grafana-client pulls in a fork of urllib3 that takes its place; built from source with this set, it does not.
export URLLIB3_NO_OVERRIDE := 1
export PIP_NO_BINARY := urllib3-future
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-deps promqltest check format lock compose-secrets clean help

help:
	@echo "make demo       the concert stack, Showcall, a surge, an incident and its mitigation"
	@echo "make test       every test (make test-deps first adds Chromium and promtool where apt is there)"
	@echo "make promqltest the evaluations of Prometheus' own PromQL tests, and what is left out of them"
	@echo "make check      ruff, format, mypy, imports, docs"
	@echo "make lock       write the lock files anew from pyproject.toml"
	@echo "make compose-secrets   random passwords for the stack in containers, see docs/compose.md"
	@echo "make clean      remove the virtual environment and everything a run has written"

demo: $(VENV)/.installed
	@$(BIN)/showcall demo

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --dist loadgroup

promqltest: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.metrics.promqltest_count

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/python -m pytest tests/house -n 0

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test-deps:
	@sh tests/install-deps.sh

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1): want Python 3.11 or newer (make PYTHON=python3.12 ...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what requirements.lock pins into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what requirements-dev.lock pins into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.installed

lock: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --extra build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --extra build --extra dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --constraint requirements.lock stack/requirements.in -o stack/requirements.lock

# What the stack in containers needs and git must not have; then `docker compose -f stack/compose.yaml up --build`.
compose-secrets:
	@sh stack/compose/prepare.sh

clean:
	@[ ! -x $(BIN)/showcall ] || $(BIN)/showcall stack down --purge >/dev/null 2>&1 || true
	rm -rf $(VENV) var stack/run build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
