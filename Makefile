# `make` alone prints the targets. Everything runs in .venv, made from requirements.lock.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
DEMO_LAKE ?= build/demo-lake
BENCH_DIR ?= build/bench
IMAGE ?= tlstrail
IMAGE_BUILDER ?= $(firstword $(foreach each,docker podman buildah,$(shell command -v $(each))))
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test check format lint types imports setup setup-dev setup-bench bench bench-stages bench-scale bench-query bench-s3 bench-list bench-page soak soak-cluster bench-scale-driver bench-ledger bench-scale-page bench-cluster image fuzz lock clean commands

help: ## Print the targets.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: setup ## Ingest the bundled archive and print the legacy-TLS report.
	@echo "== tlstrail ingest fixtures/archive --lake $(DEMO_LAKE)"
	@$(BIN)/tlstrail ingest fixtures/archive --lake $(DEMO_LAKE)
	@echo "== tlstrail report --lake $(DEMO_LAKE)"
	@$(BIN)/tlstrail report --lake $(DEMO_LAKE)

# The order of the tests, and what hypothesis makes, follow from the commit: another run of the
# same one does the same, and that of another commit something else.
test: setup-dev ## Set up and run all tests; SEED=1 is another order.
	@seed=$${SEED:-$$((16#$$(git rev-parse --short=7 HEAD 2>/dev/null || echo 1)))}; \
	echo "== running the tests in the order of SEED=$$seed"; \
	$(BIN)/python -m pytest -q -n 2 --randomly-seed=$$seed --hypothesis-seed=$$seed $(PYTEST_ARGS)

check: setup-dev ## Everything that must hold: format, lint, types, imports, tests.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python fixtures/make_fixtures.py --check
	@$(BIN)/python docs/make_commands.py --check
	@$(MAKE) --no-print-directory test

format: setup-dev ## Format the code, and fix what ruff can fix.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

commands: setup ## Write docs/commands.md from the command line itself.
	@$(BIN)/python docs/make_commands.py

bench: setup-bench ## Measure against chDB, DuckDB read_json and the floor.
	@$(BIN)/python -m bench.run $(BENCH_DIR) $(BENCH_ARGS)

bench-stages: setup-bench ## Measure where the CPU time of an ingest goes.
	@$(BIN)/python -m bench.stages $(BENCH_DIR) $(BENCH_ARGS)

bench-scale: setup-bench ## Measure ten times the events, other numbers of workers, odd objects.
	@$(BIN)/python -m bench.scale $(BENCH_DIR)

bench-query: setup-bench ## Time every report on 100,000,000 events (after make bench).
	@$(BIN)/python -m bench.query $(BENCH_DIR) $(BENCH_ARGS)

bench-s3: setup-bench ## Measure an ingest from S3, 25 ms away, against one from the disk.
	@$(BIN)/python -m bench.s3 $(BENCH_DIR) $(BENCH_ARGS)

bench-list: setup ## List a million objects of a responder that answers as S3 does.
	@$(BIN)/python -m bench.listing $(BENCH_DIR) $(BENCH_ARGS)

bench-page: setup-bench ## Put what was measured into docs/performance.md.
	@$(BIN)/python -m bench.page $(BENCH_DIR) docs

bench-cluster: setup-bench ## Measure two workers by Dask against two processes.
	@$(BIN)/python -m bench.cluster $(BENCH_DIR) $(BENCH_ARGS)

bench-scale-driver: setup-bench ## Measure what grows in the driver, and in the lake.
	@$(BIN)/python -m bench.scale_driver $(BENCH_DIR)
	@$(BIN)/python -m bench.commits $(BENCH_DIR)

bench-ledger: setup-bench ## Measure what 1, 10 and 100 million objects in the ledger cost.
	@$(BIN)/python -m bench.ledger $(BENCH_DIR) $(BENCH_ARGS)

bench-scale-page: setup-bench ## Draw what grows, for docs/scale.md (after bench-ledger, bench-scale-driver).
	@$(BIN)/python -m bench.scale_page $(BENCH_DIR) docs

image: ## Build the container image, by docker, podman or buildah.
	@test -n "$(IMAGE_BUILDER)" || { echo "docker, podman or buildah is needed"; exit 2; }
	$(IMAGE_BUILDER) build $(IMAGE_ARGS) -f Containerfile -t $(IMAGE) .

fuzz: setup-dev ## Give flatten.c damaged logs, under the sanitizers.
	@$(BIN)/python -m bench.fuzz $(FUZZ_ARGS)

soak: setup-dev ## Kill an ingest at 200 random moments, and compare the rows.
	@$(BIN)/python -m bench.soak $(SOAK_ARGS)

soak-cluster: setup-dev ## Kill the workers of a cluster in 20 ingests, and compare the rows.
	@$(BIN)/python -m bench.soak_cluster $(SOAK_ARGS)

setup: .venv/run.installed ## Make .venv with what the program needs.

setup-dev: .venv/dev.installed ## Make .venv with what the tests need.

setup-bench: .venv/bench.installed ## Make .venv with the peers that the bench compares with.

.venv/bin/python:
	@echo "== making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; name it, as in: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -m venv .venv

.venv/run.installed: requirements.lock pyproject.toml hatch_build.py $(wildcard analyzer/*.[ch]) | .venv/bin/python
	@echo "== installing from requirements.lock"
	@$(PIP) --require-hashes -r requirements.lock
	@command -v $${CC:-cc} >/dev/null || { echo "== no C compiler here: installing one into .venv"; \
		$(PIP) --require-hashes -r requirements-compiler.lock; }
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.installed: requirements-dev.lock .venv/run.installed
	@echo "== installing from requirements-dev.lock"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

.venv/bench.installed: requirements-bench.lock .venv/dev.installed
	@echo "== installing from requirements-bench.lock"
	@$(PIP) --require-hashes -r requirements-bench.lock
	@touch $@

lock: setup-dev ## Write the lock files anew, upgrading everything.
	@$(PIP) uv
	@lock() { $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header "$$@"; }; \
	lock pyproject.toml --group build -o requirements.lock; \
	lock pyproject.toml --group build --extra dask -o requirements-dask.lock; \
	lock --group compiler -o requirements-compiler.lock; \
	lock pyproject.toml --group build --group dev -o requirements-dev.lock; \
	lock pyproject.toml --group build --group dev --group bench -o requirements-bench.lock

clean: ## Remove .venv and everything that was built.
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
