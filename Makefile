# Everything starts here, on a machine with Python 3.11, pip, make and git: `make` lists what there is.

PYTHON ?= python3
ARGS ?=

BIN := .venv/bin

# What each purpose installs on top of the program itself.
EXTRAS_demo :=
EXTRAS_test := [test]
EXTRAS_browser := [browser]
EXTRAS_lint := [lint,postgres]
EXTRAS_postgres := [postgres]

# Debian splits venv's pip into python3-venv. Without that, .venv has no pip and ours installs into it.
PIP = $$(test -x $(BIN)/pip && echo $(BIN)/python -m pip || echo $(PYTHON) -m pip --python $(BIN)/python)

# Two pips at once in one .venv would spoil it.
.NOTPARALLEL:
.PHONY: help demo test lint typecheck bench storm screenshots ci clean

help:  ## what there is to make
	@echo "make TARGET [PYTHON=python3.12] [ARGS='…']"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

demo: .venv/.stamp-demo  ## a simulated panel, a receiver, the tracker and a live view: no key, no network
	$(BIN)/tracker demo $(ARGS)

# The pages are tested in a real browser where there is one.
CHROMIUM := $(shell command -v chromium)

test: .venv/.stamp-test $(if $(TRACKER_TEST_DATABASE_URL),.venv/.stamp-postgres) $(if $(CHROMIUM),.venv/.stamp-browser)  ## the tests; ARGS go to pytest
	$(BIN)/pytest -n 3 --dist worksteal $(ARGS)

lint: .venv/.stamp-lint  ## what ruff has to say
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: .venv/.stamp-lint  ## what mypy has to say
	$(BIN)/mypy

bench: .venv/.stamp-test  ## what the program costs, beside what the bare libraries cost
	$(BIN)/python -m bench $(ARGS)

storm: .venv/.stamp-test  ## 500 times kill -9 with four hooks, a quarter of an hour; the figures come at the end
	TRACKER_TEST_KILLS=500 $(BIN)/pytest -s tests/system/test_storm.py -k "kill_9 and sqlite" $(ARGS)

screenshots: .venv/.stamp-test .venv/.stamp-browser  ## the pictures of the README, made from the demo's own data
	$(BIN)/python docs/images/make_demo_picture.py
	$(BIN)/python docs/images/make_dashboard_picture.py

ci:  ## everything that a change has to pass
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
	  echo "tracker needs Python 3.11 or newer, and '$(PYTHON)' is not; name one: make PYTHON=python3.12" >&2; \
	  exit 1; }
	@$(PYTHON) -m venv --clear .venv >/dev/null 2>&1 || $(PYTHON) -m venv --clear --without-pip .venv
