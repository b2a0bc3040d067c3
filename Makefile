# make demo | test | test-slow | contract | bench | lint | clean. Everything happens in .venv/, .venv-contract/ and demo/.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
RUN    := $(BIN)/counterfactory

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow contract bench lint format clean

help:
	@echo "make demo       install, then one whole round of the loop below demo/"
	@echo "make test       install, then run the tests, two at a time"
	@echo "make test-slow  the tests that take long"
	@echo "make contract   other teams' trainers on our releases, each in an environment of its own (downloads gigabytes)"
	@echo "make bench      speed against bare loops, as ratios"
	@echo "make lint       ruff and mypy"
	@echo "make clean      remove demo/ and caches (.venv/ and .venv-contract/ stay)"

install: $(STAMP)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "counterfactory needs Python 3.11 or newer; found: $$($(PYTHON) --version 2>&1 | head -n 1). Set PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# The stamp makes a second `make` free. uv is used when it can be had because it is several times faster. It leaves
# the libraries uncompiled unless told otherwise (pip compiles them), and then every worker takes twice as long to start.
$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv || echo "uv could not be had, pip is used"
	@if [ -x $(BIN)/uv ] && $(BIN)/uv pip install --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[dev]'; then :; \
	else $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'; fi
	@touch $(STAMP)

demo: $(STAMP)
	$(RUN) loop run loop/pocket-quick --out demo/loop
	@echo
	@echo "Pictures, curves and decisions, open this in a browser:   demo/loop/report.html"

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m "slow and not gpu"

# CHECKS="verl swift" keeps to some; the environments stay in .venv-contract/.
contract: $(STAMP)
	$(BIN)/python tests/contract/contract_run.py $(CHECKS)

bench: $(STAMP)
	@for script in tests/bench/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf demo build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)*/*' -prune -exec rm -rf {} +
