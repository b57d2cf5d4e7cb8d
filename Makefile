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

.PHONY: help install demo test test-quick statements check check-next format db bench bench-quick bench-scale bench-rules schedules isolation chaos soak test-pooler test-replica test-cluster cluster-costs tenants mutants clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/installed  ## make the environment in .venv (the first time a minute, as for all that need it)

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[arrow,binary,pool,local]' --group dev
	touch $@

demo: install  ## migrate a server, load real data, answer questions
	@$(ON_A_SERVER) sh -c '$(BIN)/yoyo apply && $(BIN)/python examples/congress.py'

test: install  ## run all tests on a real server (minutes)
	$(BIN)/python -m pytest $(AT_ONCE)

test-quick: install  ## those that need no minutes: without races, the model, migrations and servers (one minute)
	$(BIN)/python -m pytest -x tests/unit tests/integration -k "not (test_model or test_schema or test_local)"

check: install  ## format, lint, both type checkers, docker-compose.yml (one minute)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

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

chaos: install  ## a million acknowledged writes while everything breaks, and some on other drivers; writes docs/guarantees.md (forty minutes)
	$(BIN)/python -m tests.chaos
	$(BIN)/python -m tests.chaos --writes 50000 --python
	$(BIN)/python -m tests.chaos --writes 50000 --psycopg 3.2.1
	$(BIN)/python -m tests.chaos --writes 50000 --psycopg 3.2.1 --python

soak: install  ## long races and property runs (many minutes)
	$(BIN)/python -m pytest -m soak

# What goes to sessions by itself (migrations) or starts servers is not run there: tests/engines/exceptions.py names it.
OPERATIONS := $(BIN)/python -m pytest $(AT_ONCE) tests/integration

test-pooler: install  ## the operations through PgBouncer in transaction mode, PGBOUNCER=/path names it (many minutes)
	USERAIM_ENGINE=pooler $(OPERATIONS)
	USERAIM_ENGINE=tracking-pooler $(OPERATIONS)

test-replica: install  ## the operations with all reads on a hot standby (many minutes)
	USERAIM_ENGINE=replica $(OPERATIONS)

test-cluster: install  ## the operations on a Citus cluster, whose coordinator USERAIM_CLUSTER names, else on one of this machine (many minutes)
	USERAIM_ENGINE=cluster $(OPERATIONS) tests/races tests/engines/test_cluster.py

cluster-costs: install  ## how many commands each operation sends to the nodes of a cluster; writes docs/scaling.md
	$(BIN)/python -m tests.engines.commands

tenants: install  ## a million random calls of tenants, half through PgBouncer if there is one (many minutes)
	$(BIN)/python -m tests.security

mutants: install  ## change one thing at a time and see which test notices: a sample, with its score (an hour); SAMPLE="--seed 7"
	$(BIN)/python -m pip install --quiet --group mutation
	PYTHONPATH=.:examples/teams $(BIN)/python -m tests.mutation $(SAMPLE)

check-next:  ## all tests with the newest psycopg, whatever pyproject.toml caps it at
	$(PYTHON) -m venv $(VENV)-next
	$(VENV)-next/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-next/bin/python -m pip install --quiet --editable '.[arrow,binary,pool,local]' --group dev
	$(VENV)-next/bin/python -m pip install --quiet --upgrade --pre --no-deps psycopg psycopg-binary psycopg-pool
	$(VENV)-next/bin/python -m pip list | grep psycopg
	$(VENV)-next/bin/python -m pytest $(AT_ONCE)

clean:  ## remove what can be made again
	rm -rf $(VENV) $(VENV)-next .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build
