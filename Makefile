# Each target sets itself up: a virtual environment in .venv, with the tested versions of requirements.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.txt

.PHONY: demo test lint docs figures clean compiler

demo: $(VENV)/.demo
	$(BIN)/giblet demo

# One process per core, each with one thread. Bytecode spares the many commands that are run some time.
test: compiler $(VENV)/.test
	$(BIN)/python -m compileall -q giblet
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

lint: $(VENV)/.lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Warnings are errors. The pages lie in docs/_build/html.
docs: $(VENV)/.docs
	$(BIN)/python docs/list_errors.py
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --builder html docs docs/_build/html

# Draws the pictures that the pages show again.
figures: $(VENV)/.docs
	$(BIN)/python docs/figures/make.py

clean:
	rm -rf $(VENV) demo_output docs/_build docs/gallery docs/generated docs/notebooks

# The PESQ package comes as C source only.
compiler:
	@$(PYTHON) -c "import shutil, sysconfig, pathlib as p, sys; \
	    cc = shutil.which('cc') or shutil.which('gcc') or shutil.which('clang'); \
	    header = p.Path(sysconfig.get_paths()['include'], 'Python.h').is_file(); \
	    sys.exit(0 if cc and header else 'make test builds the package pesq and needs a C compiler and the headers of ' \
	    'Python: install them (Debian: apt-get install gcc libc6-dev python3-dev) and run it again')"

$(VENV)/.venv:
	@$(PYTHON) -c "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'giblet needs Python 3.11 or newer: \
	run make PYTHON=python3.12, for instance')"
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.venv pyproject.toml requirements.txt
	$(PIP) --editable .
	touch $@

$(VENV)/.test: $(VENV)/.venv pyproject.toml requirements.txt
	$(PIP) --editable '.[test]'
	touch $@ $(VENV)/.demo

$(VENV)/.lint: $(VENV)/.venv pyproject.toml requirements.txt
	$(PIP) --editable '.[test,lint]'
	touch $@ $(VENV)/.demo $(VENV)/.test

$(VENV)/.docs: $(VENV)/.venv pyproject.toml requirements.txt
	$(PIP) --editable '.[docs]'
	touch $@ $(VENV)/.demo
