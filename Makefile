# Everything a person types. Each target sets up what it needs, and does so once.
# Written for the make that macOS ships (GNU make 3.81) as well as Debian's.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test check bench crash large lock clean system

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"
BUILD := setuptools>=77,<83

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: .make/core ## Send a campaign to 5,000 invented members and open the console (ARGS=--no-serve ends after the table)
	@TEXTLEDGER_ENVIRONMENT=demo $(BIN)/flask --app wsgi demo $(ARGS)

test: .make/dev system check ## Check, then run every test (ARGS="-k consent" runs some)
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: .make/dev ## Lint, formatting, strict types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: .make/dev ## Print how fast it is on this machine
	@$(BIN)/python -m tests.bench $(ARGS)

crash: .make/dev ## Kill everything 480 times and show that nobody was texted twice (ARGS="postgres --kills 50" for a part)
	@.ci/system postgresql
	@$(BIN)/python -m tests.crash $(ARGS)

large: .make/dev ## Send one campaign to 200,000 through a pause, a kill and a database crash (ARGS="--people 5000")
	@.ci/system postgresql
	@$(BIN)/python -m tests.crash.large $(ARGS)

lock: .make/dev ## Write both lock files anew (ARGS=--upgrade takes newer versions)
	@echo "$(BUILD)" | $(LOCK) $(ARGS) --all-extras pyproject.toml - -o requirements-dev.lock
	@echo "$(BUILD)" | $(LOCK) --extra analytics -c requirements-dev.lock pyproject.toml - -o requirements.lock

clean: ## Remove the environment and everything generated
	@rm -rf .venv .make .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

system: # Chromium and PostgreSQL, which the tests drive
	@.ci/system chromium postgresql

.venv/pyvenv.cfg:
	@python=$$(.ci/system python) && echo "Creating .venv with $$python" && "$$python" -m venv --clear .venv

.make/core: .venv/pyvenv.cfg requirements.lock pyproject.toml
	@echo "Installing Textledger into .venv (once, about a minute)"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --no-index -e .
	@mkdir -p .make && touch $@

.make/dev: .venv/pyvenv.cfg requirements-dev.lock pyproject.toml
	@echo "Installing Textledger and its test tools into .venv (once, a minute or two)"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation --no-index -e .
	@mkdir -p .make && touch .make/core $@
