# dccemu: two commands matter, `make run` and `make test`. Nothing but Python 3.11 and make is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := shared/protocol shared/contracts shared/runtime shared/sdk \
	services/gateway services/smki services/inventory services/cos-party services/sm-wan deploy/stack
TESTS ?= shared services deploy tests
# Tests that kill and stall want the machine for themselves: suites that other tests keep running would stretch them.
FAULTS ?= tests/resilience

.PHONY: run test check format lint types imports pytest bench kafka docs requirements clean

run: $(VENV)/.runtime
	$(BIN)/dccemu up

test: $(VENV)/.test
	$(MAKE) --no-print-directory check

check: format lint types imports pytest

format: $(VENV)/.test
	$(BIN)/ruff format --check .

lint: $(VENV)/.test
	$(BIN)/ruff check .

types: $(VENV)/.test
	$(BIN)/mypy $(foreach package,$(PACKAGES),$(package)/src)

imports: $(VENV)/.test
	$(BIN)/lint-imports

pytest: $(VENV)/.test
	$(BIN)/python -m pytest $(TESTS) --ignore=tests/resilience
	$(BIN)/python -m pytest $(FAULTS)

bench: $(VENV)/.test
	$(BIN)/python tools/bench.py --write docs/performance.md

kafka: $(VENV)/.test
	$(BIN)/python tools/kafka.py up

requirements:
	uv pip compile --generate-hashes --no-header --no-annotate --python-version 3.11 requirements/service.in -o requirements/service.txt
	uv pip compile --generate-hashes --no-header --no-annotate --python-version 3.11 requirements/runtime.in -o requirements/runtime.txt
	uv pip compile --generate-hashes --no-header --no-annotate --python-version 3.11 requirements/test.in -o requirements/test.txt

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements/runtime.txt $(addsuffix /pyproject.toml,$(PACKAGES))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(foreach package,$(PACKAGES),-e $(package))
	touch $@

$(VENV)/.test: $(VENV)/.runtime requirements/test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	touch $@
