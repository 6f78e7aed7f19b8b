# Needs Python 3.11 or newer, pip, make and git. `make` lists the targets.

PYTHON ?= python3
ARGS ?=

BIN := .venv/bin

# The extras that each kind of target installs beside the program itself.
EXTRAS_demo :=
EXTRAS_test := [test]
EXTRAS_browser := [browser]
EXTRAS_lint := [lint,postgres]
EXTRAS_postgres := [postgres]

# On Debian, pip for virtual environments is in python3-venv. Without that package .venv has no pip, and the
# system's pip installs into it.
PIP = $$(test -x $(BIN)/pip && echo $(BIN)/python -m pip || echo $(PYTHON) -m pip --python $(BIN)/python)

# Two pips that install into one .venv at once would damage it.
.NOTPARALLEL:
.PHONY: help demo test lint typecheck bench storm soak screenshots ci clean

help:  ## list the targets
	@echo "make TARGET [PYTHON=python3.12] [ARGS='…']"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

demo: .venv/.stamp-demo  ## run the tracker against simulated panels, with a live view: no key, no network
	$(BIN)/tracker demo $(ARGS)

# The pages are tested in a real browser where there is one.
CHROMIUM := $(shell command -v chromium)

test: .venv/.stamp-test $(if $(TRACKER_TEST_DATABASE_URL),.venv/.stamp-postgres) $(if $(CHROMIUM),.venv/.stamp-browser)  ## run the tests; ARGS go to pytest
	$(BIN)/pytest -n 3 --dist worksteal $(ARGS)

lint: .venv/.stamp-lint  ## check style and format with ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: .venv/.stamp-lint  ## check types with mypy
	$(BIN)/mypy

bench: .venv/.stamp-test  ## measure what the program costs, compared with the bare libraries
	$(BIN)/python -m bench $(ARGS)

storm: .venv/.stamp-test  ## 500 times kill -9 with four hooks, in 15 minutes or more; prints figures at the end
	TRACKER_TEST_KILLS=500 $(BIN)/pytest -s tests/system/test_storm.py -k "kill_9 and sqlite" $(ARGS)

soak: .venv/.stamp-test  ## live through 50 times six hours of a panel in which everything breaks at random, from 50 seeds
	TRACKER_TEST_MIXTURES=50 $(BIN)/pytest tests/simulation/test_mixtures.py -n auto $(ARGS)

screenshots: .venv/.stamp-test .venv/.stamp-browser  ## make the pictures of the README from the demo's data
	$(BIN)/python docs/images/make_demo_picture.py
	$(BIN)/python docs/images/make_dashboard_picture.py

ci:  ## run everything that a change has to pass
	.ci/run

clean:  ## remove what make and the tests made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.stamp-%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into .venv (once, a minute or less) ..."
	@$(PIP) install --quiet --disable-pip-version-check -c constraints.txt -e '.$(EXTRAS_$*)'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "tracker needs Python 3.11 or newer, but '$(PYTHON)' is older or missing; name another: make PYTHON=python3.12" >&2; \
	  exit 1; }
	@$(PYTHON) -m venv --clear .venv >/dev/null 2>&1 || $(PYTHON) -m venv --clear --without-pip .venv
