# Wirewatch. `make help` lists what there is.
.DEFAULT_GOAL := help
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

.PHONY: help demo test lint unit run lock clean

help: ## this list
	@echo "Wirewatch: make TARGET [ARGS=…]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
