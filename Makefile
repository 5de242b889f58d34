# Everything a checkout needs, from a machine with nothing but Python 3.
#
#   make demo            a real notebook cold, then warm, with a table by cell
#   make test            lint, types, floors, unit and kernel tests, a quick choice of notebooks
#   make test-notebooks  all catalogued notebooks: plain, plain, cold, warm
#   make peers           the corpus of cells through other caches, as a table
#   make bench           one table: nbcache, other caches and the physical limit (ARGS=--quick)
#   make promises        what must hold of the benchmarks, as tests
#   make develop         install the checkout itself (editable), for working on nbcache
#   make clean           remove what the targets above made

PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
DEPENDENCIES := $(VENV)/.dependencies
TORCH := $(VENV)/.torch
INSTALLED := $(VENV)/.installed
EDITABLE := $(VENV)/.editable
LIBRARIES := $(VENV)/.notebook-libraries
DEVTOOLS := $(VENV)/devtools/.installed
SOURCES := $(shell find nbcache jupyter-config -type f -not -name '*.pyc' 2>/dev/null)
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest

.PHONY: demo peers test test-notebooks bench promises develop clean browser redis
.DELETE_ON_ERROR:

# Files take turns on two processes: most tests wait for a kernel or a browser of their own.
test: $(INSTALLED) $(TORCH) $(DEVTOOLS) browser redis
	$(PYTEST) --numprocesses $(JOBS) --dist loadscope $(ARGS)

test-notebooks: $(LIBRARIES) $(INSTALLED)
	$(PYTEST) tests/notebooks --all-notebooks $(ARGS)

bench: $(INSTALLED)
	@$(PIP) install --prefer-binary '.[peers]' || echo "Some peers could not be installed: left out."
	@$(PIP) install --no-deps --no-build-isolation --force-reinstall $$(test ! -e $(EDITABLE) || echo --editable) .
	PYTHONPATH=tests/benchmarks:tests/kernel $(BIN)/python tests/benchmarks/bench.py $(ARGS)

promises: $(INSTALLED)
	$(PYTEST) tests/benchmarks -s $(ARGS)

peers: $(INSTALLED)
	$(PIP) install '.[peers]'
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/peers.py $(ARGS)

demo: $(INSTALLED)
	@cd tests/notebooks && ../../$(BIN)/python -m harness.demo $(ARGS)

develop: $(DEPENDENCIES)
	@touch $(EDITABLE)
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $(INSTALLED)

clean:
	rm -rf $(VENV) demo-output tests/artefacts tests/notebooks/.fetched build dist
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find nbcache tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian ships venv apart from Python: install it when we may, else say how.
$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing python3-venv with apt-get."; \
	    apt-get update -qq && apt-get install -qq -y python3-venv >/dev/null; \
	  else \
	    echo "This Python has no venv. Install it (Debian: apt-get install python3-venv)," \
	         "or name another one: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; \
	  fi; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv $(VENV)

# The stores' tests start servers of their own; without them they are skipped with the reason.
redis:
	@{ command -v redis-server && { command -v sshd || [ -x /usr/sbin/sshd ]; }; } >/dev/null || \
	  [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { \
	    echo "Installing redis-server and openssh-server with apt-get for the stores' tests."; \
	    apt-get update -qq && apt-get install -qq -y --no-install-recommends \
	      redis-server openssh-server >/dev/null || \
	    echo "They could not be installed: the tests with them will be skipped."; }

# The front end's tests: Chromium where we may install it, Node's tools where Node is there.
# What is missing is no error: those tests are skipped with the reason.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { \
	    echo "Installing chromium with apt-get for the browser tests."; \
	    apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium >/dev/null || \
	    echo "It could not be installed: the browser tests will be skipped."; }

$(DEVTOOLS): tests/browser/package.json | $(BIN)/python
	@mkdir -p $(VENV)/devtools
	@cp tests/browser/package.json $(VENV)/devtools/
	@if command -v npm >/dev/null; then \
	  echo "Installing what checks the front end (eslint, TypeScript, axe)."; \
	  npm install --prefix $(VENV)/devtools --no-audit --no-fund --silent && touch $@ || \
	  echo "npm could not install them: the checks of the front end will be skipped."; \
	fi

# The dependencies follow pyproject.toml alone, so that later runs are quick.
$(DEPENDENCIES): pyproject.toml | $(BIN)/python
	@echo "Installing what nbcache and its tests need (a minute or two)."
	@$(PIP) install 'hatchling>=1.25' editables
	@$(PIP) install --no-build-isolation --prefer-binary '.[test,notebooks]'
	@touch $@

# What only some of the notebooks need, and is heavy.
$(LIBRARIES): $(DEPENDENCIES)
	@echo "Installing the libraries of all notebooks (a minute or two)."
	@$(PIP) install --no-build-isolation --prefer-binary '.[test,notebooks,all-notebooks]'
	@rm -f $(INSTALLED) # it holds a copy now, whatever it held before
	@touch $@

# PyTorch's build for processors alone, where an index has it: any other is gigabytes.
$(TORCH): $(DEPENDENCIES)
	@$(PIP) install --prefer-binary 'torch==2.13.0+cpu' || \
	  echo "No index here has PyTorch's build for processors alone: its tests will be skipped."
	@touch $@

# The package is installed anew whenever its sources changed, unless `make develop` linked it.
$(INSTALLED): $(DEPENDENCIES) $(SOURCES) README.md
	@$(PIP) install --no-deps --no-build-isolation --force-reinstall \
	  $$(test ! -e $(EDITABLE) || echo --editable) .
	@touch $@
