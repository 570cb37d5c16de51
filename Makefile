# Everything runs in .venv, which `make setup` builds on a machine with Python 3.11 or newer.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# The published benchmark files, where they are at hand: one sub-folder a benchmark.
FORESEE_DATA ?= $(if $(wildcard ../shared/data),$(abspath ../shared/data))
export FORESEE_DATA
# Tests start hundreds of processes, and pytest rewrites each test file: compiled once, whatever the environment says.
export PYTHONDONTWRITEBYTECODE =

.PHONY: setup demo test slow check docs coverage perf chaos fuzz gpu clean
setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "foresee needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[train,inspect,dev]'
	touch $@

demo: setup
	OMP_NUM_THREADS=1 $(BIN)/foresee demo

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

coverage: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" --cov --cov-report=term:skip-covered

slow: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m slow

check: setup
	$(BIN)/ruff check foresee tests performance tools
	$(BIN)/ruff format --check foresee tests performance tools
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build -q

perf: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m performance

chaos: setup
	$(BIN)/python -m pytest tests/runner -k "kill or storm or resume" --count-kills 20
	$(BIN)/python -m pytest -n 0 -s tests/chaos --chaos-seeds 50 --long-share 1

fuzz: setup
	FORESEE_FUZZ=100000 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 0 --timeout 0 tests/fuzz

gpu: setup
	$(BIN)/python -m pytest -m gpu

clean:
	rm -rf $(VENV) build dist site .coverage *.egg-info .mypy_cache .ruff_cache .pytest_cache
