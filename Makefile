# Belongs here: how the project is set up, tried, tested and checked, by the same commands for people and CI.
# Does not belong here: what any of these do inside; a recipe calls one tool and passes its exit status on.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin

# The stamp's name depends on what the environment is made from, by content: a checkout that only touches
# the files' times costs nothing, and a changed lock always leads to a fresh installation.
MADE_FROM := Makefile pyproject.toml requirements.lock
STAMP := $(VENV)/.installed-$(shell cat $(MADE_FROM) | cksum | cut -d' ' -f1)

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Python compiles what is imported at every start where it may not keep that (PYTHONDONTWRITEBYTECODE, as images often
# have it): some tenths of a second a command. What does not compile fails where it is imported.
.PHONY: setup
setup: $(STAMP) ## Create .venv and install the locked packages
	@$(BIN)/python -m compileall -q blocks cli flows tasks || :

.PHONY: demo
demo: setup ## Run the ecommerce pipeline on generated sample data
	$(BIN)/medallion demo

# One more than there are cores: tests wait for servers and disks, too.
WORKERS := $(shell cores=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); [ $$cores -lt 3 ] && echo $$((cores + 1)) || echo 4)
SPREAD := --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: test
test: setup ## Run all tests
	$(BIN)/pytest $(SPREAD)

# Of its own: to trace every line takes half as long again as the tests do.
.PHONY: coverage
coverage: setup ## Run all tests; fails below 90 % coverage of tasks and flows
	$(BIN)/pytest $(SPREAD) --cov --cov-report=term --cov-fail-under=90

.PHONY: lint
lint: setup ## Check the style of Python and SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint dbt/models dbt/tests

.PHONY: typecheck
typecheck: setup ## Check the types
	$(BIN)/mypy

.PHONY: bench
bench: setup ## Measure the pipelines beside plain DuckDB scripts and jq
	$(BIN)/python -m benchmarks.ecommerce
	$(BIN)/python -m benchmarks.clickstream
	$(BIN)/python -m benchmarks.coordination

.PHONY: ui
ui: setup ## Serve Prefect's user interface on this machine, with a worker and everything deployed; PORT=4200
	@$(BIN)/python -m cli.local_ui --port $(or $(PORT),4200)

.PHONY: cube
cube: setup ## Install Cube and serve the semantic layer; PORT=4000, ENV=local, MODE=production for tokens
	@$(BIN)/python -m cli.cube_server --port $(or $(PORT),4000) $(if $(ENV),--env $(ENV)) \
		$(if $(filter production,$(MODE)),--production) $(if $(COPIES),--copies $(COPIES))

.PHONY: docs
docs: setup ## Write the data dictionary, with dbt's documentation, to data-dictionary/
	$(BIN)/medallion dictionary --out data-dictionary

.PHONY: lock
lock: setup ## Resolve requirements.lock anew from pyproject.toml
	@printf '# Made by `make lock` from pyproject.toml and requirements-setup.in; do not edit.\n' > $(VENV)/new.lock
	$(BIN)/uv pip compile --quiet --system-certs --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-annotate --no-header --upgrade --python-version 3.11 --extra dev \
		pyproject.toml requirements-setup.in >> $(VENV)/new.lock
	@mv $(VENV)/new.lock requirements.lock
	@# The image holds the same versions, without what only development needs.
	@printf '# Made by `make lock` from pyproject.toml and requirements.lock; do not edit.\n' > $(VENV)/new.lock
	@echo hatchling > $(VENV)/build-backend.in && echo editables >> $(VENV)/build-backend.in
	$(BIN)/uv pip compile --quiet --system-certs --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-annotate --no-header --python-version 3.11 --extra bigquery --extra telemetry --constraint requirements.lock \
		pyproject.toml $(VENV)/build-backend.in >> $(VENV)/new.lock
	@mv $(VENV)/new.lock deployments/container/requirements.lock

.PHONY: clean
clean: ## Remove .venv and everything that tools have cached
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov dbt/target dbt/logs cube/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first interpreter that is new enough and can make environments; `make setup PYTHON=/path/to/python` to choose.
PYTHONS := $(PYTHON) python3.11 python3 python3.12 python3.13
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

$(STAMP):
	@python=; for candidate in $(PYTHONS); do \
		if "$$candidate" -c '$(USABLE)' >/dev/null 2>&1; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "error: no Python >= 3.11 with the modules venv and ensurepip was found (tried: $(PYTHONS));" >&2; \
		echo "       install one, or name it: make setup PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		echo "Creating $(VENV) with $$python"; \
		"$$python" -m venv --clear $(VENV); \
	fi
	@rm -f $(VENV)/.installed-*
	@echo "Installing the packages of requirements.lock"
	@# Hashes make dependency resolution pointless: the lock is the whole list. uv takes seconds where pip takes minutes. Modules are compiled here, since an environment in which
	@# Python writes no bytecode would compile every module anew at every start.
	@unset PYTHONDONTWRITEBYTECODE; \
	awk '/^uv==/ { on = 1 } on { print } on && !/\\$$/ { exit }' requirements.lock > $(VENV)/uv.lock; \
	if $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.lock \
		&& VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --system-certs --require-hashes --compile-bytecode requirements.lock; \
	then :; else \
		echo "uv could not install them (see above); pip does it instead, which takes longer" >&2; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock \
			&& $(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null 2>&1 || exit 1; \
	fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@
