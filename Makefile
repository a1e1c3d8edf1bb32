# Every target makes what it needs in .venv first; only Python 3.11 (or newer) and make are taken for granted.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
FLOORS := .venv-floors/bin
# One process a core runs the files of tests; no more than four, for some tests start processes of their own.
WORKERS := -n auto --maxprocesses 4 --dist loadfile
# aws-sdk-transcribe-streaming needs Python 3.12: its real events are read where there is one.
SAYS = -c 'import sys; print(sys.executable)' 2>/dev/null
NEWER ?= $(firstword $(shell python3.13 $(SAYS) || python3.12 $(SAYS)) \
  $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python $(HOME)/.pyenv/versions/3.12.*/bin/python))

.PHONY: demo test slow floors lab bench lint sdk clean

demo: .venv/demo
	@echo "== the main job on the embedded engine: no account, no network, about a minute"
	$(BIN)/medtx demo

test: .venv/test lint
	-@$(MAKE) --no-print-directory sdk
	@echo "== tests and doctests, then notebooks from top to bottom: about a quarter of an hour on two cores"
	$(BIN)/python -m pytest $(WORKERS)
	$(BIN)/python -m pytest $(WORKERS) --nbval-lax -p no:hypothesispytest notebooks

lint: .venv/test
	@echo "== style and types"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

slow: .venv/test
	@echo "== 20,000 damaged inputs, in 20 parts, about half an hour"
	$(BIN)/python -m pytest -m slow -n auto --maxprocesses 4

# The same tests with the oldest version of each dependency that pyproject.toml allows. What is old warns of
# what is new beside it, so those warnings are no failures here.
floors: .venv-floors/made
	$(FLOORS)/python -m pytest $(WORKERS) -W ignore::DeprecationWarning

lab: .venv/notebook
	$(BIN)/jupyter lab notebooks/01_quickstart.ipynb

bench: .venv/test .venv/bench
	$(BIN)/python tests/benchmarks/bench.py

.venv/bin/python:
	@echo "== making .venv with $(PYTHON)"
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11)' || \
	  { echo "medtx needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; echo "no venv module: apt-get install python3-venv"; exit 1; }

# The extras that each target needs; a stamp is older than pyproject.toml when they may have changed.
.venv/demo: EXTRAS = embedded,plots
.venv/notebook: EXTRAS = notebook
.venv/test: EXTRAS = test
.venv/bench: EXTRAS = bench
.venv/demo .venv/notebook .venv/test .venv/bench: pyproject.toml | .venv/bin/python
	@echo "== installing medtx[$(EXTRAS)], once"
	$(BIN)/python -m pip install -qq --disable-pip-version-check --compile -e '.[$(EXTRAS)]'
	@touch $@

sdk: .venv-sdk/made

.venv-sdk/made: pyproject.toml
	@test -n "$(NEWER)" || { echo "no Python 3.12 or 3.13: make sdk NEWER=/path/to/python3.13"; exit 1; }
	@echo "== installing aws-sdk-transcribe-streaming for $(NEWER), once"
	$(NEWER) -m venv .venv-sdk
	.venv-sdk/bin/python -m pip install -qq --disable-pip-version-check -e . 'aws-sdk-transcribe-streaming==0.12.*'
	@touch $@

.venv-floors/made: pyproject.toml
	$(PYTHON) -m venv .venv-floors
	$(FLOORS)/python -m pip install -qq --disable-pip-version-check uv
	VIRTUAL_ENV=.venv-floors $(FLOORS)/uv pip install -q --resolution lowest-direct -e '.[test]'
	@touch $@

clean:
	rm -rf .venv .venv-sdk .venv-floors medtx-demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
