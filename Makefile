# The commands a person or CI needs. `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
ARGS ?=

.PHONY: help setup demo test check format bench chaos lock clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## install into .venv, from the locked hashes

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v[:2] <= (3, 13) else "Python 3.11 to 3.13 is needed; this is %d.%d. Name another: make PYTHON=python3.12 …" % v[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## run a Slack workspace, the bot and an agent fleet on this machine
	$(BIN)/membrane demo $(ARGS)

test: setup ## run all tests
	$(BIN)/python -m pytest $(ARGS)

check: setup ## check lint, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## fix and format the code with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## measure speed and memory (ARGS=--json for machines)
	$(BIN)/python -m tests.bench $(ARGS)

chaos: setup ## kill the bot many times and check its state (ARGS="--kills 500 --seed 7")
	$(BIN)/python -m tests.chaos $(ARGS)

lock: ## update requirements.lock from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --quiet --custom-compile-command "make lock" --output-file requirements.lock

clean: ## remove the files of setup and demo
	rm -rf .venv .membrane build dist
