# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PYTEST_ARGS ?=
SOURCES := agent drivers inventory policies crm_bridge
# A file's tests stay in one process, in the order in which they were found: what takes longest comes first (tests/conftest.py).
SPREAD := -n 3 --dist loadfile --no-loadscope-reorder
# Each of its processes would else compile every module and rewrite every assertion again: ten seconds for each worker of pytest.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-sqlite test-postgresql coverage check conformance chaos fuzz format golden docs prometheus-test lab-check lab-test lab-uml wheel clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

# A missing venv module is Debian's most common stumble, so it gets its own sentence.
$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "fabd needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(VENV)/.run ## Run the whole line on the simulated network (ARGS=--once ends after the story)
	@$(BIN)/fabd demo $(ARGS)

test: test-sqlite test-postgresql ## Run the tests on SQLite and PostgreSQL (no server needed)

test-sqlite: $(VENV)/.dev
	FABD_TEST_DATABASE=sqlite $(BIN)/pytest -m "not lab and not uml and not prometheus" $(SPREAD) $(PYTEST_ARGS)

test-postgresql: $(VENV)/.dev
	FABD_TEST_DATABASE=postgresql $(BIN)/pytest -m "database and not lab and not uml and not prometheus" $(SPREAD) $(PYTEST_ARGS)

coverage: $(VENV)/.dev ## Run the tests on SQLite and say which lines none of them reaches (half as long again)
	FABD_TEST_DATABASE=sqlite $(BIN)/pytest -m "not lab and not uml and not prometheus" $(SPREAD) --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

check: $(VENV)/.dev ## Linters, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/fabd config reference | diff -u docs/configuration.md - || { echo "docs/configuration.md is stale; run: make docs" >&2; exit 1; }

chaos: $(VENV)/.dev ## Kill the daemon at every point, fail the elements, on both databases; write docs/reliability.md (goes on where it was stopped)
	@mkdir -p build
	$(BIN)/python -m tests.agent.chaos build/chaos $(PYTEST_ARGS)

fuzz: $(VENV)/.dev ## Ask a daemon what nobody thought of, for SECONDS (900), made from its OpenAPI document
	$(BIN)/python -m tests.fuzz $(SECONDS) $(SEED)

format: $(VENV)/.dev ## Format and mend what linters can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

golden: $(VENV)/.dev ## Write anew what shipped specifications are on every platform (review the difference)
	$(BIN)/python -m tests.agent.authoring.write_golden

docs: $(VENV)/.dev ## Regenerate what docs/ derives from the code, and Grafana's dashboards
	$(BIN)/fabd config reference > docs/configuration.md
	$(BIN)/python -m deploy.grafana

conformance: $(VENV)/.dev ## Check every operation against the TM Forum's official Swagger files (TMF=FOLDER)
	$(BIN)/python -m tests.conformance $(TMF)

prometheus-test: $(VENV)/.dev ## Test against Prometheus and Alertmanager (programs in PATH or the folder FABD_TEST_PROMETHEUS)
	$(BIN)/pytest tests/prometheus -m prometheus -n 0 $(PYTEST_ARGS)

lab-check: $(VENV)/.dev ## Say what the lab of real elements is missing
	$(BIN)/python -m tests.lab check

# Routers take their time, so two labs stand beside each other, each with half of the files.
lab-test: $(VENV)/.dev ## Test against FRR, net-snmp and netconfd in namespaces (root, Debian; installs nothing)
	$(BIN)/python -m tests.lab check
	$(BIN)/pytest tests/lab -m lab -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lab-uml: $(VENV)/.dev ## Test an IP VPN over MPLS in User Mode Linux (root, Debian packages user-mode-linux and kmod, too)
	$(BIN)/python -m tests.lab check
	$(BIN)/pytest tests/lab/uml -m uml -n 0 $(PYTEST_ARGS)

wheel: $(VENV)/.dev ## Build the wheel
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## Remove everything that was built
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .import_linter_cache
