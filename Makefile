# Tasks of the project. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Tests wait more than they compute: more processes than two cores suggest.
TEST_PROCESSES ?= 4
# Tests write and delete many small files, which is slow on some disks: in memory, if 4 GB are free there.
TEST_DIR ?= $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4e6 { found = 1 } \
	END { print found ? "/dev/shm" : "/tmp" }')
NPM_BIN := gen/ts/node_modules/.bin

# Output of `make gen`; `make check-gen` writes elsewhere and compares.
GEN_OUT ?= gen
API_DOCS_OUT ?= docs/api

# Sources of the console and the recorder, without their tests.
WEB := sidecar/web
WEB_SOURCES := $(shell find $(WEB) gen/ts/afterimage -type f -not -path '*/node_modules/*' -not -path '*/dist/*' \
	-not -path '$(WEB)/demo/*' -not -path '*/test/*' -not -name '*.test.ts*')
# Reason why the web part cannot be built here; empty: it can.
NO_NODE := $(shell command -v npm >/dev/null || { echo "npm is not installed"; exit; }; \
	node -e 'const [a, b] = process.versions.node.split(".").map(Number); \
	if (!(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19))) console.log("Node " + process.version + " is too old")' \
	|| echo "node does not run here")

.PHONY: help run web test test-all collected loaded campaign test-web format format-web lint lint-protos lint-web typecheck \
	typecheck-web bench screenshots gen check-gen lock audit

help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(BIN)/afterimage ## Installs, starts everything, imports the sample recordings, prints commands to view them
	@$(MAKE) --no-print-directory web || echo "the console could not be built (reason above); everything else runs"
	@echo "Starting"
	@$(BIN)/afterimage up --samples

test: ## Installs test dependencies, lints and type-checks the code, runs the tests; of catalogues, a sample
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint typecheck web test-web collected
	@work=$$(mktemp -d -p $(TEST_DIR)); trap 'rm -rf "$$work"' EXIT; \
	set -x; TMPDIR="$$work" PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) \
	--dist loadfile --durations=10 $(EXTENT)

# Catalogues: many pages, events or recordings for one check. The last lines of `make test` tell how many were left.
test-all: EXTENT := --all
test-all: test ## As `make test`, with all instances of the catalogues, as CI runs it

# Python's and pytest's compiled forms of all modules: else, on a fresh clone, each test process would compile them.
collected: $(VENV)/.dev
	@out=$$(PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --collect-only --quiet 2>&1) || { echo "$$out"; exit 1; }

# Rounds of `make loaded`.
ROUNDS ?= 10

loaded: $(VENV)/.dev web ## Runs the Python tests ROUNDS times (10) beside four busy loops: none may fail by chance
	@loops=(); for _ in 1 2 3 4; do (while :; do :; done) & loops+=($$!); done; trap 'kill "$${loops[@]}"' EXIT; \
	failed=0; for round in $$(seq $(ROUNDS)); do \
		work=$$(mktemp -d -p $(TEST_DIR)); \
		TMPDIR="$$work" PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) \
			--dist loadfile --quiet $(EXTENT) > "$$work.log" 2>&1 || failed=$$((failed + 1)); \
		echo "round $$round: $$(tail -n 1 "$$work.log")"; grep -E '^(FAILED|ERROR) ' "$$work.log" || true; rm -rf "$$work"; \
	done; echo "$$failed of $(ROUNDS) rounds failed"; [ "$$failed" = 0 ]

campaign: $(VENV)/.dev ## Runs the tests that repeat an experiment (kills, guesses, random frames) with all rounds and recordings
	@work=$$(mktemp -d -p $(TEST_DIR)); trap 'rm -rf "$$work"' EXIT; \
	set -x; TMPDIR="$$work" PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --campaign -m campaign

format: $(VENV)/.dev format-web ## Formats the code and applies automatic fixes
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lint: $(VENV)/.dev lint-protos lint-web ## Finds mistakes and wrong formatting in code, protos and imports between packages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	@$(BIN)/python docs/wording/check.py

# Only linting the protos requires Node.
ifneq ($(shell command -v npm),)
lint-protos: $(NPM_BIN)/buf
	$(NPM_BIN)/buf lint
else
lint-protos:
	@echo "buf lint is skipped: npm is not installed"
endif

typecheck: $(VENV)/.dev typecheck-web ## Checks the types
	$(BIN)/mypy
	$(BIN)/mypy docs/api/render.py

ifeq ($(NO_NODE),)
web: $(WEB)/dist/console/index.html ## Builds the console and the recorder (Node 20 or newer)

format-web: $(WEB)/node_modules/.installed
	npm run --silent format --prefix $(WEB)

lint-web: $(WEB)/node_modules/.installed
	npm run --silent lint --prefix $(WEB)

typecheck-web: $(WEB)/node_modules/.installed
	npm run --silent typecheck --prefix $(WEB)

test-web: $(WEB)/node_modules/.installed
	npm run --silent test --prefix $(WEB)
else
web:
	@test -f $(WEB)/dist/console/index.html \
		|| echo "The console and the recorder are not built: $(NO_NODE). Install Node 20 or newer, then 'make web'."

format-web lint-web typecheck-web test-web:
	@echo "$@ is skipped: $(NO_NODE)"
endif

$(WEB)/dist/console/index.html: $(WEB)/node_modules/.installed $(WEB_SOURCES)
	@echo "Building the console and the recorder"
	@npm run --silent build --prefix $(WEB)
	@touch -c $@

screenshots: $(VENV)/.dev web ## Renders docs/screenshots/ in a Chromium from PATH
	PYTHONPATH=.:tests $(BIN)/python -m tests.browser.screenshots

bench: $(VENV)/.dev ## Runs the benchmarks (BENCHES="ingest share": only these); writes docs/benchmarks.md
	PYTHONPATH=tests $(BIN)/python -m bench $(BENCHES)

$(BIN)/afterimage: pyproject.toml requirements/run.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is required; name one: make PYTHON=python3.12"; exit 1; }
	@echo "Creating a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing Python packages (once: 400 MB to download, 1.4 GB on disk, half of it the embedded ClickHouse)"
	@$(BIN)/python requirements/install.py requirements/run.txt
	@$(INSTALL_ITSELF)
	@echo "Compiling the loops of masking (once: about 12 s of one core)"
	@$(BIN)/python -m services.audit.ingest.workers.warm_up
	@touch $@

$(VENV)/.dev: $(BIN)/afterimage requirements/dev.txt
	@echo "Installing Python packages for development"
	@$(BIN)/python requirements/install.py requirements/dev.txt
	@touch $@

# Uses the locked packages, including hatchling, and downloads nothing.
INSTALL_ITSELF := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	--editable .

# The tool that resolves the lock files; installing from them does not need it.
UV := uv==0.13.9
# UPGRADE=--upgrade selects the newest versions; UPGRADE="--upgrade-package aiohttp" those of one package.
UPGRADE ?=

lock: $(BIN)/afterimage ## Resolves pyproject.toml into requirements/*.txt (UPGRADE=--upgrade: the newest versions)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	@compile() { $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-emit-index-url --no-emit-find-links --no-emit-package pandas --no-emit-package pyarrow \
		--custom-compile-command 'make lock' --override requirements/overrides.txt --extra embedded --extra export "$$@" \
		pyproject.toml requirements/build.in; }; \
	set -x; compile $(UPGRADE) --output-file requirements/run.txt; \
	compile --extra dev --constraint requirements/run.txt $(UPGRADE) --output-file requirements/dev.txt

# Installed apart from the locked packages, which it looks up.
PIP_AUDIT := pip-audit==2.10.1

audit: ## Looks up the locked packages in PyPI's and npm's databases of vulnerabilities; fails where it cannot ask them
	@test -d $(VENV)/audit || $(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_AUDIT) \
		|| echo "pip-audit cannot be installed (reason above)"
	@$(VENV)/audit/bin/python requirements/audit.py $(abspath $(VENV))/audit/bin/pip-audit

# Not `npm ci`: it refuses a lock file without buf's builds for platforms that the configured registry lacks.
# This installs the locked versions too, checks their hashes, and writes neither file.
NPM_INSTALL := npm install --no-save --no-audit --no-fund --ignore-scripts

$(NPM_BIN)/buf: gen/ts/package-lock.json
	$(NPM_INSTALL) --prefix gen/ts
	@touch $@

$(WEB)/node_modules/.installed: $(WEB)/package-lock.json $(wildcard $(WEB)/*/package.json)
	@echo "Installing packages for the web part (once: 190 MB on disk)"
	@$(NPM_INSTALL) --prefix $(WEB)
	@touch $@

# The recorder's form of the messages: functions that read and write bytes, without descriptions of the messages.
SMALL_MESSAGES := outputJsonMethods=false,outputPartialMethods=false,outputClientImpl=false,outputServices=none,$\
	forceLong=bigint,oneof=unions-value,env=browser,removeEnumPrefix=true,unrecognizedEnum=false,useDate=false,$\
	importSuffix=.ts,useExactTypes=false

gen: $(VENV)/.dev $(NPM_BIN)/buf ## Renders protos/ to Python (servers, client), TypeScript and docs/api/; close codes to TypeScript
	@set -- $$(cd protos && find afterimage -name '*.proto' | LC_ALL=C sort); \
	work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; \
	$(NPM_BIN)/buf build --output "$$work/contract.binpb"; \
	protoc() { $(BIN)/python -m grpc_tools.protoc --descriptor_set_in="$$work/contract.binpb" "$$@"; }; \
	rm -rf $(GEN_OUT)/afterimage $(GEN_OUT)/afterimage_client $(GEN_OUT)/ts/afterimage $(GEN_OUT)/ts/afterimage_recorder; \
	mkdir -p $(GEN_OUT)/ts/afterimage_recorder "$$work/client"; \
	protoc --python_out=$(GEN_OUT) --pyi_out=$(GEN_OUT) "$$@"; \
	services=$$(printf '%s\n' "$$@" | grep '_service[.]proto'); \
	protoc --grpc_python_out=$(GEN_OUT) --mypy_grpc_out=quiet:$(GEN_OUT) \
		--plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc $$services; \
	protoc --python_betterproto_out="$$work/client" \
		--plugin=protoc-gen-python_betterproto=$(BIN)/protoc-gen-python_betterproto "$$@" 2>/dev/null; \
	mv "$$work/client/afterimage" $(GEN_OUT)/afterimage_client; \
	protoc --es_out=$(GEN_OUT)/ts --es_opt=target=ts --plugin=protoc-gen-es=$(NPM_BIN)/protoc-gen-es "$$@"; \
	protoc --ts_proto_out=$(GEN_OUT)/ts/afterimage_recorder --ts_proto_opt=$(SMALL_MESSAGES) \
		--plugin=protoc-gen-ts_proto=$(NPM_BIN)/protoc-gen-ts_proto afterimage/audit/v1/audit_service.proto; \
	$(BIN)/python -m sidecar.wire.close_codes_typescript >$(GEN_OUT)/ts/afterimage/close_codes.ts; \
	$(BIN)/python docs/api/render.py "$$work/contract.binpb" $(API_DOCS_OUT)

check-gen: ## Fails when gen/ or docs/api/ differs from the output of `make gen`
	@work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; \
	$(MAKE) --no-print-directory gen GEN_OUT="$$work" API_DOCS_OUT="$$work/api"; \
	for part in afterimage afterimage_client ts/afterimage ts/afterimage_recorder; do \
		diff -r -x __pycache__ "gen/$$part" "$$work/$$part" || { echo "gen/ is stale: run 'make gen'"; exit 1; }; \
	done; \
	diff -r -x '*.py' -x __pycache__ docs/api "$$work/api" || { echo "docs/api/ is stale: run 'make gen'"; exit 1; }
