# Everything runs from .venv in this folder; nothing needs root.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/stamp
SOURCES := $(wildcard barsctl costmodels space targets tests benchmarks)
BENCHMARKS := $(wildcard benchmarks/*.py)

.PHONY: demo test lint bench clean

demo: $(STAMP)
	$(BIN)/barsctl demo

# A process of one thread for each core, four at most for the memory's sake: more threads would only
# wait for one another. Each takes tests that lie together, so that what they share is made once.
test: export OMP_NUM_THREADS = 1
test: lint
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal
	.ci/check-wheel

lint: $(STAMP)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy $(SOURCES)

bench: $(STAMP)
	@missed=0; \
	for file in $(BENCHMARKS); do \
	    echo "== $$file"; $(BIN)/python "$$file" --quick || missed=1; \
	done; exit $$missed

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache

# Python compiles what it imports: to compile all that is installed would take another minute.
$(STAMP): pyproject.toml constraints.txt
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[compile,dev]'
	touch $@
