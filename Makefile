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
# Targets share apt, .venv and node_modules: with -j, too, one is installed at a time.
.NOTPARALLEL:
.PHONY: help program deb apt-repository setup demo extension test test-debian test-fast
.PHONY: test-days test-packaging test-desktop test-vm packages-days packages-desktop packages-vm
.PHONY: test-container packages-container windows packages-installer test-windows packages-windows
.PHONY: check docs texts bench corpus fuzz mutations lock clean
.PHONY: packages-python packages-program packages-card packages-demo packages-test
.PHONY: packages-check packages-debian packages-packaging packages-repository packages-corpus bytecode

help: ## Say what there is.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: $(VENV)/tests.stamp node_modules/stamp bytecode ## Install all that the other targets need.

program: packages-card $(VENV)/program.stamp bytecode ## Install the program alone, for a person with a card.
	@tools/command link

demo: packages-demo $(VENV)/demo.stamp bytecode ## Log in with a mock card: [HEADLESS=1] [BROWSER=chromium|firefox].
	@$(BIN)/kortilla demo --output build/demo \
	  $(if $(BROWSER),--browser '$(BROWSER)') $(if $(filter-out 0,$(HEADLESS)),--headless)

# Those in JavaScript run beside the others. Of these only failures are shown, so that
# the output ends with what failed.
RUN_TESTS = @mkdir -p build; node_log=build/node-tests.log; \
  node --test --test-reporter=spec $(2) >$$node_log 2>&1 & node=$$!; \
  status=0; $(BIN)/python -m pytest $(1) || status=1; \
  if wait $$node; then grep '^ℹ \(tests\|pass\|skipped\)' $$node_log; \
  else status=1; grep -v '^ *✔' $$node_log; fi; exit $$status
NODE_TESTS := $(shell find tests -name '*.test.mjs')

test: $(VENV)/tests.stamp node_modules/stamp bytecode ## Run the tests.
	$(call RUN_TESTS,-n $(WORKERS),$(NODE_TESTS))

# Many tests wait for a browser, a card or a window: there are two for each processor.
WORKERS ?= $(shell echo $$(( $$(nproc) * 2 )))

# It is for a machine without the system's packages: a stamp of its own, no bytecode.
test-fast: $(VENV)/fast.stamp ## Run the tests that need no browser, reader or window, in a minute.
	$(if $(shell command -v node),$(call RUN_TESTS,$(FAST),$(FAST_NODE)),$(BIN)/python -m pytest $(FAST))
# The package's tests need TypeScript.
FAST_NODE := $(filter-out %/package.test.mjs,$(NODE_TESTS))
LEFT_OUT := slow or browser or pcscd or window or programs
FAST := -n $(shell nproc) -q -m 'not ($(LEFT_OUT))'

test-days: packages-days $(VENV)/fast.stamp ## Run these tests on other days: [DAYS='+40 2028-02-29T23:59'].
	@status=0; for day in $(DAYS); do echo "The tests on $$day:"; \
	  tools/on-day $$day $(MAKE) test-fast || status=1; done; exit $$status
# The nights are those in which Finland changes its clocks, just before it does.
DAYS ?= +40 +120 +400 2028-02-29T23:59 2027-03-28T02:59 2027-10-31T03:59+03:00

check: packages-check $(VENV)/dev.stamp node_modules/stamp ## Check style, types and the extension.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 $(SOURCES) tests/windows/attacks.py
	node_modules/.bin/tsc --project tsconfig.json
	$(BIN)/python tools/lint_extension.py
	$(BIN)/python -m pytest -q tests/repository

docs: $(VENV)/dev.stamp ## Write the reference of the library for web services, into build/docs.
	@rm -rf build/docs
	@$(BIN)/python -m tools.api_reference build/docs

texts: | packages-python ## Copy the texts that the host and the extension share.
	@$(PYTHON) tools/share_texts.py

extension: | packages-python ## Pack the extension for the browsers' stores, into build/extension.
	@$(PYTHON) tools/pack_extension.py build/extension

bench: $(VENV)/dev.stamp bytecode ## Measure the figures that Kortilla aims at.
	@$(BIN)/python -m tools.bench

corpus: packages-corpus $(VENV)/dev.stamp node_modules/stamp bytecode ## Compare the verdicts on signed files with what other programs show. [ONLY=WORD] [AGAINST=CHECKOUT]
	@$(BIN)/python -m tests.corpus $(if $(ONLY),--only '$(ONLY)') $(if $(AGAINST),--against '$(AGAINST)')

fuzz: $(VENV)/dev.stamp bytecode ## Change signed files at random, and compare in the same way. [SECONDS=60] [SEED=N]
	@$(BIN)/python -m tests.corpus.fuzz --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED))

mutations: $(VENV)/dev.stamp node_modules/stamp ## Try a list of faults: a test has to notice each. [ONLY=WORD] [JOBS=N]
	@$(BIN)/python -m tools.mutations $(if $(ONLY),--only '$(ONLY)') $(if $(JOBS),--jobs $(JOBS))

lock: $(VENV)/dev.stamp ## Write the locks anew, with the newest releases allowed.
	tools/lock

clean: ## Remove all that was installed or built here.
	@tools/command unlink
	rm -rf $(VENV) node_modules build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

deb: $(VENV)/program.stamp ## Build the Debian package, in build/debian.
	packaging/debian/build

windows: packages-installer $(VENV)/build.stamp ## Build the installer for Windows, in build/windows: a preview. [RELEASE=python-3.13.N-embed-amd64.zip]
	packaging/windows/build build/windows $(if $(RELEASE),'$(RELEASE)')

apt-repository: packages-repository ## Put build/debian into a signed apt repository: KEY=… ADDRESS=https://… [FOLDER=build/apt] [VALID_DAYS=30]
	@packaging/debian/repository '$(KEY)' '$(ADDRESS)' '$(or $(FOLDER),build/apt)' \
	  build/debian/*.deb

# Python and libraries as Debian has them, with what it lacks and what tests with.
DEBIAN := build/debian-python
DEBIAN_TESTS := $(addprefix tests/,agent card cli desktop host install $\
  $(addprefix kortilla/,revocation signing validation) mock_card operations pin_prompt pkcs11)
# Windows under a program that asks for all their parts, with Debian's Qt.
DEBIAN_WINDOWS := tests/desktop/test_hammer.py
# Of these all are run: the package has its own pyHanko.
DEBIAN_SIGNING := tests/kortilla/signing tests/cli tests/desktop

test-debian: $(DEBIAN)/stamp ## Run the program's tests on the Python and libraries of Debian 13.
	$(DEBIAN)/bin/python -m pytest $(FAST) -m 'not ($(LEFT_OUT) or extras)' $(DEBIAN_TESTS)
	$(DEBIAN)/bin/python -m pytest $(FAST) $(DEBIAN_SIGNING) \
	  -m 'slow and not ($(subst slow or ,,$(LEFT_OUT)) or extras)'
	PRESSES=200 $(DEBIAN)/bin/python -m pytest -q $(DEBIAN_WINDOWS)

$(DEBIAN)/stamp: $(LOCKS)/debian.txt $(LOCKS)/demo.txt pyproject.toml $\
  packaging/debian/vendored packaging/debian/pyhanko.patch | packages-debian
	/usr/bin/python3 -m venv --clear --system-site-packages $(DEBIAN)
	$(DEBIAN)/bin/python -m pip install --quiet --no-deps --require-hashes \
	  --only-binary :all: -r $<
	packaging/debian/vendored $(DEBIAN)/bin/python $(DEBIAN)/lib/python3.*/site-packages \
	  pyhanko pyhanko-certvalidator
	$(DEBIAN)/bin/python -m pip install --quiet --no-deps --no-build-isolation --no-index \
	  --editable .
	@touch $@

test-packaging: packages-packaging $(VENV)/demo.stamp ## Test the Debian package in a fresh Debian, with both browsers; as root. [SUITE=trixie|forky|sid]
	SUITE='$(SUITE)' tests/packaging/run

test-desktop: packages-desktop $(VENV)/dev.stamp ## Test the package on a computer that boots, with XFCE, GNOME and labwc; as root.
	tests/booted/run

test-container: packages-container ## Build the OpenID Provider's container without a registry of images, and start it; as root.
	tests/container/run

test-vm: packages-vm $(VENV)/dev.stamp ## Test the package with a USB card reader in a virtual machine; as root.
	tests/vm/run

test-windows: packages-windows $(VENV)/dev.stamp ## Test the program for Windows under Wine.
	tests/windows/run

# The system's packages are looked for on each run, which takes no time to speak of.
packages-python: SETS := python
packages-program: SETS := python program
packages-card: SETS := python program card
packages-demo: SETS := python program demo $(filter firefox,$(BROWSER))
packages-days: SETS := python days
packages-debian: SETS := python program card test debian
packages-packaging: SETS := python program test repository packaging
packages-repository: SETS := repository
packages-corpus: SETS := python program demo test check corpus
packages-desktop: SETS := python program packaging desktop
packages-vm: SETS := python program packaging vm
packages-container: SETS := python packaging container
packages-installer: SETS := python installer
packages-windows: SETS := python program card test installer windows
packages-test packages-check: SETS := python program card demo firefox test check
packages-python packages-program packages-card packages-demo packages-days packages-test \
packages-check packages-debian packages-packaging packages-repository packages-desktop packages-vm packages-corpus packages-container \
packages-installer packages-windows:
	@PYTHON='$(PYTHON)' tools/system-packages $(SETS)

$(BIN)/python: | packages-python
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

# pytest compiles tests in its own way. In a fresh checkout each worker would do that.
$(VENV)/tests.stamp: $(VENV)/dev.stamp | bytecode
	@output=$$($(BIN)/python -m pytest --collect-only -qq) || { echo "$$output"; exit 1; }
	@touch $@

# All but pyscard, which needs a compiler and PC/SC's headers, and is for readers.
$(VENV)/fast.stamp: $(LOCKS)/dev.txt pyproject.toml $(VENV)/build.stamp
	@[[ ! $(VENV)/dev.stamp -nt $< ]] || { touch $@; exit 0; }; \
	lock=$$(mktemp); trap 'rm $$lock' EXIT; \
	awk '/^[^ ]/ { left_out = /^pyscard==/ } !left_out' $< >$$lock; \
	tools/registry pip $$lock --no-build-isolation; \
	$(PIP_INSTALL) --require-hashes --no-build-isolation -r $$lock; \
	$(PIP_INSTALL) --no-deps --no-build-isolation --no-index --editable .; touch $@

# Python compiles nothing where PYTHONDONTWRITEBYTECODE is set, and a host without
# bytecode takes a second to start.
bytecode: | $(VENV)/build.stamp
	@$(BIN)/python -m compileall -q $(SOURCES)

node_modules/stamp: package-lock.json .npmrc | packages-check
	@tools/registry npm
	npm ci --no-progress
	@touch $@
