# PG* of the environment name the server, else those of .env; where neither does, tests and demo start one of their own.
SERVER := $(PGHOST)$(PGSERVICE)$(PGDATABASE)
ifeq ($(SERVER)$(wildcard .env),.env)
include .env
export $(filter PG%,$(.VARIABLES))
SERVER := .env
endif

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Each process has a server of its own; on one that is given they would share its roles.
AT_ONCE := $(if $(SERVER),,--numprocesses 4 --dist worksteal)
ON_A_SERVER := $(if $(SERVER),,$(BIN)/python -m useraim.local --)

.PHONY: help install demo test test-quick statements check check-next format db bench bench-quick bench-scale bench-rules schedules isolation soak mutants clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/installed  ## make the environment in .venv (the first time a minute, as for all that need it)

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[binary,pool,local]' --group dev
	touch $@

demo: install  ## migrate a server, load real data, answer questions
	@$(ON_A_SERVER) sh -c '$(BIN)/yoyo apply && $(BIN)/python examples/congress.py'

test: install  ## run all tests on a real server (minutes)
	$(BIN)/python -m pytest $(AT_ONCE)

test-quick: install  ## those that need no minutes: without races, the model, migrations and servers (one minute)
	$(BIN)/python -m pytest -x tests/unit tests/integration -k "not (test_model or test_schema or test_local)"

check: install  ## format, lint, both type checkers (one minute)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

format: install  ## format, fix what can be fixed, and say what is left
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format .
	$(BIN)/ruff check .

db: install  ## keep a throwaway server running, and print its settings to export in another terminal
	@$(BIN)/python -m useraim.local

bench: install  ## compare with bare psycopg and other libraries (20 minutes)
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python -m benchmarks

bench-quick: install  ## the same, fewer rounds (10 minutes)
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python -m benchmarks --quick

bench-scale: install  ## the main operations at 10,000 to 1,000,000 memberships: what should be flat is flat (minutes)
	$(BIN)/python -m benchmarks.scale

bench-rules: install  ## what must= and if_version= cost (a minute)
	$(BIN)/python -m benchmarks.rules

statements: install  ## write the snapshot of all statements as they are sent, to be read in a review
	$(BIN)/python -m tests.contract.snapshot

schedules: install  ## run every schedule of operations that meet, and write docs/guarantees.md (ten minutes)
	$(BIN)/python -m tests.schedules

isolation: install  ## a million operations in transactions, checked for anomalies; writes docs/isolation.md (ten minutes)
	$(BIN)/python -m tests.isolation

soak: install  ## long races and property runs (many minutes)
	$(BIN)/python -m pytest -m soak

mutants: install  ## change one thing at a time and see which test notices: a sample, with its score (an hour); SAMPLE="--seed 7"
	$(BIN)/python -m pip install --quiet --group mutation
	PYTHONPATH=.:examples/teams $(BIN)/python -m tests.mutation $(SAMPLE)

check-next:  ## all tests with the newest psycopg, whatever pyproject.toml caps it at
	$(PYTHON) -m venv $(VENV)-next
	$(VENV)-next/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-next/bin/python -m pip install --quiet --editable '.[binary,pool,local]' --group dev
	$(VENV)-next/bin/python -m pip install --quiet --upgrade --pre --no-deps psycopg psycopg-binary psycopg-pool
	$(VENV)-next/bin/python -m pip list | grep psycopg
	$(VENV)-next/bin/python -m pytest $(AT_ONCE)

clean:  ## remove what can be made again
	rm -rf $(VENV) $(VENV)-next .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build
