# SPDX-License-Identifier: MIT
# Everything lands in .venv, node_modules and build; `make help` says what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKS := tools/requirements
SOURCES := native_host kortilla

# Scripts read what `make demo` prints, up to the last line.
MAKEFLAGS += --no-print-directory --no-builtin-rules
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

# What the locks do not name must not come in from the machine's own settings.
unexport PIP_CONSTRAINT PIP_FIND_LINKS PIP_EXTRA_INDEX_URL PYTHONPATH PYTHONHOME
# Each worker would compile all that it runs.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP_INSTALL := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet \
  --progress-bar off --retries 10

.DEFAULT_GOAL := help
.PHONY: help program setup demo test check bench lock clean
.PHONY: packages-program packages-card packages-demo packages-test packages-check bytecode

help: ## Say what there is.
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: $(VENV)/dev.stamp node_modules/stamp bytecode ## Install all that the other targets need.

program: packages-card $(VENV)/program.stamp bytecode ## Install the program alone, for a person with a card.

demo: packages-demo $(VENV)/demo.stamp bytecode ## Log in with a mock card: [HEADLESS=1] [BROWSER=chromium|firefox].
	@$(BIN)/kortilla demo --output build/demo \
	  $(if $(BROWSER),--browser '$(BROWSER)') $(if $(filter-out 0,$(HEADLESS)),--headless)

test: $(VENV)/dev.stamp node_modules/stamp bytecode ## Run the tests.
	@status=0; \
	$(BIN)/python -m pytest -n 2 || status=1; \
	tests=$$(find tests -name '*.test.js' -o -name '*.test.mjs'); \
	if [ -n "$$tests" ]; then node --test --test-reporter=spec $$tests || status=1; fi; \
	exit $$status

check: packages-check $(VENV)/dev.stamp node_modules/stamp ## Check style, types and the extension.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	node_modules/.bin/tsc --project tsconfig.json
	$(BIN)/python tools/lint_extension.py
	$(BIN)/python -m pytest -q tests/repository

bench: $(VENV)/dev.stamp bytecode ## Measure the figures that Kortilla aims at.
	@$(BIN)/python -m tools.bench

lock: $(VENV)/dev.stamp ## Write the locks anew, with the newest releases allowed.
	tools/lock

clean: ## Remove all that was installed or built here.
	rm -rf $(VENV) node_modules build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The system's packages are looked for on each run, which takes no time to speak of.
packages-program: SETS := program
packages-card: SETS := program card
packages-demo: SETS := program demo $(filter firefox,$(BROWSER))
packages-test packages-check: SETS := program card demo firefox test check
packages-program packages-card packages-demo packages-test packages-check:
	@PYTHON='$(PYTHON)' tools/system-packages $(SETS)

$(BIN)/python: | packages-program
	$(PYTHON) -m venv $(VENV)

# In two stages, since pyscard is built from its source with what the first installs:
# a build environment of pip's own would bring in releases that no hash vouches for.
$(VENV)/build.stamp: $(LOCKS)/build.txt | $(BIN)/python
	@tools/registry pip $<
	$(PIP_INSTALL) --require-hashes -r $<
	@touch $@

# Each of the three has what those before it have.
$(VENV)/program.stamp: | packages-program
$(VENV)/demo.stamp: | packages-program
$(VENV)/dev.stamp: | packages-test
STAMPS := $(VENV)/program.stamp $(VENV)/demo.stamp $(VENV)/dev.stamp
$(STAMPS): $(VENV)/%.stamp: $(LOCKS)/%.txt pyproject.toml $(VENV)/build.stamp
	@tools/registry pip $< --no-build-isolation
	$(PIP_INSTALL) --require-hashes --no-build-isolation -r $<
	$(PIP_INSTALL) --no-deps --no-build-isolation --no-index --editable .
	@for stamp in $(STAMPS); do touch $$stamp; [[ $$stamp != $@ ]] || break; done

# Python compiles nothing where PYTHONDONTWRITEBYTECODE is set, and a host without
# bytecode takes a second to start.
bytecode: | $(VENV)/build.stamp
	@$(BIN)/python -m compileall -q $(SOURCES)

node_modules/stamp: package-lock.json .npmrc | packages-check
	@tools/registry npm
	npm ci --no-progress
	@touch $@
