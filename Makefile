# Wirewatch. `make help` lists what there is.
.DEFAULT_GOAL := help
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

.PHONY: help demo run stack kafka test test-long lint types layers unit bench bench-match bench-extract bench-poll bench-deliver bench-stories lock clean

help: ## this list
	@echo "Wirewatch: make TARGET [ARGS=…]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/runtime ## the pipeline at work on a bundled newsroom (ARGS=--once ends by itself)
	@$(BIN)/wirewatch demo $(ARGS)

run: .venv/runtime ## wirewatch run (ARGS="--config DIR --state DIR")
	@$(BIN)/wirewatch run $(ARGS)

stack: .venv/dev ## the distributed topology of docker-compose.yml as plain processes
	@$(BIN)/python deploy/stack.py $(ARGS)

kafka: .venv/runtime ## one Kafka node on port 9092, without Docker (needs Java and Maven)
	@$(BIN)/python deploy/kafka/node.py --folder var/kafka --port 9092 $(ARGS)

test: lint types layers unit ## lint, types, layers, unit, contract, pipeline and fault tests

test-long: .venv/dev ## the fault tests that take long, on the distributed way
	$(BIN)/pytest -n 2 --dist loadgroup -m slow $(ARGS)

lint: .venv/dev ## ruff
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/dev ## mypy, strict
	$(BIN)/mypy

layers: .venv/dev ## import-linter: who may import whom
	$(BIN)/lint-imports

unit: .venv/dev ## pytest (ARGS=tests/engine, ARGS="-k kill", …)
	$(BIN)/pytest -n 2 --dist loadgroup -m "not slow" $(ARGS)

bench: .venv/dev ## the benchmarks: a list, or one with ARGS=bus, ARGS=extract
	$(BIN)/python -m bench $(ARGS)

bench-match: .venv/dev ## rule matching beside Lucene Monitor (ARGS="--rules 10000,1000000", --help)
	@$(BIN)/python -m bench.match $(ARGS)

bench-poll: .venv/dev ## polling beside a bare loop of GETs (ARGS="--only-304", --help)
	@$(BIN)/python -m bench.poll $(ARGS)

bench-deliver: .venv/dev ## alerts from matches to a mail server and Slack: rate and lateness (--help)
	@$(BIN)/python -m bench.deliver $(ARGS)

bench-stories: .venv/dev ## which reports tell one story: recall, false positives, cost
	@$(BIN)/python -m bench.stories $(ARGS)

bench-extract: .venv/dev ## the text of article pages: F1, leaked and lost lines, time (ARGS=DATA_FOLDER)
	@$(BIN)/python -m bench.extract $(ARGS)
	@$(BIN)/python -m bench.pages $(ARGS)

lock: ## write the lock files anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --group build -o requirements.lock $(LOCK)
	uv pip compile pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock $(LOCK)

clean: ## remove the environment and everything that was generated
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

LOCK := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --quiet
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Wirewatch needs Python 3.11 to 3.13; name one: make PYTHON=python3.12 …"; exit 1; }
	@echo "Creating .venv …"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/runtime: .venv/python requirements.lock pyproject.toml
	@echo "Installing what Wirewatch needs (about a minute, once) …"
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: .venv/runtime requirements-dev.lock
	@echo "Installing what the tests need …"
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@
