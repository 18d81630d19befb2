# Maestrale from a checkout. "make help" lists the targets.
#
#   PYTHON=python3.13 make test    with another interpreter (3.11 or later)

PYTHON ?= python3
VENV := .venv/bin

.PHONY: help venv demo test check bench chaos clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\): .*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

venv: ## Make .venv: the server (editable), ansible-core, and what tests them
	@$(PYTHON) tools/venvs.py main

demo: ## From nothing to a workflow of playbooks and back, in one command
	@$(PYTHON) tools/venvs.py demo
	@$(VENV)/python tools/demo.py

check: venv ## Format, lint, types, import contracts, and the checkers of Ansible collections
	@$(VENV)/python tools/suite.py check

test: venv ## Everything: check, the server's tests, the collection's, conformance
	@$(VENV)/python tools/suite.py test

bench: venv ## Measure the engine (server/benchmarks)
	@$(VENV)/python server/benchmarks/run.py

chaos: venv ## Kill servers and databases while executions run, and count what is lost
	@$(VENV)/python server/tests/chaos/run.py

clean: ## Remove what was made: .venv, build/, caches
	rm -rf .venv .venv-* build dist collections .ansible tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache server/.pytest_cache server/.hypothesis
