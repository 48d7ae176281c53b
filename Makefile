# Everything runs from .venv in this folder; nothing needs root.
SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/stamp
SOURCES := $(wildcard barsctl costmodels space targets tests benchmarks)
# Two processes on two cores: more threads in each would only wait for one another.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test lint bench clean

demo: $(STAMP)
	$(BIN)/barsctl demo

test: lint
	$(BIN)/python -m pytest -n 2
	$(PYTHON) .ci/check_wheel.py $(BIN)/python

lint: $(STAMP)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

bench: $(STAMP)
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file" --quick || exit 1; done

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[compile,dev]'
	touch $@
