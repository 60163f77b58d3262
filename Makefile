# Everything sets itself up: `make demo` and `make test` work on a fresh machine
# with Python 3.11 or later and make.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
STANDARDS = $(VENV)/.standards
VERSIONS = 3.11 3.12 3.13
UV := $(shell command -v uv 2>/dev/null)
ifdef UV
INSTALL = $(UV) pip install --quiet --python $(BIN)/python
else
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

# The tests start some hundred processes: without their bytecode each would compile everything.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-all test-full fuzz mutation coverage lint format bench ci clean

demo: $(READY)
	@$(BIN)/python -m examples.demo

# Twice as many as processors: a good part of the tests waits for sockets and browsers.
WORKERS = $(shell expr 2 \* $$($(PYTHON) -c 'import os; print(os.cpu_count() or 1)'))
test: $(STANDARDS)
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile $(TESTS)

# The long share of what is random or large: signatures, lifecycles, races, backlogs. Minutes.
test-full: $(STANDARDS)
	FULL=1 $(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile tests/standards tests/property \
	  tests/sidecar/test_races.py tests/sidecar/test_feed.py \
	  tests/contract/test_several_processes.py tests/middleware/test_token_cache_under_attack.py \
	  tests/middleware/test_paths.py tests/sidecar/test_token_bucket.py \
	  tests/sidecar/test_rate_limits.py tests/sidecar/test_organization.py

# The suite on each supported Python that is installed (pyenv hides all but those it is told).
test-all:
	@for version in $(VERSIONS); do \
	  export PYENV_VERSION=$$version; \
	  if python$$version -c "" 2>/dev/null; then \
	    echo "== Python $$version"; \
	    $(MAKE) --no-print-directory test PYTHON=python$$version VENV=.venv-$$version || exit 1; \
	  else \
	    echo "== Python $$version is not installed"; \
	  fi; \
	done

SECONDS ?= 600
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(TARGETS)

mutation: $(READY)
	$(BIN)/python -m tests.mutation $(MODULES)

# Every branch of the verifier, from its own tests; the network and the middleware have others.
coverage: $(READY)
	$(BIN)/python -m pytest tests/middleware -q --cov=edgepass --cov-branch --cov-report=
	$(BIN)/coverage report --show-missing --skip-covered --fail-under=100 \
	  --omit='*/_http.py,*/_jwks_client.py,*/_feed_client.py,*/_middleware.py'

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python -m bench $(BENCH)

ci: lint test

clean:
	rm -rf .venv .venv-* .demo build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "edgepass needs Python 3.11 or later: make PYTHON=python3.12 …" >&2; exit 1; }
ifdef UV
	$(UV) venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
else
	$(PYTHON) -m venv $(VENV)
endif
	$(INSTALL) -c constraints.txt -e '.[dev]'
	@touch $@

# Other people's test vectors: large, and needed by the tests only.
$(STANDARDS): $(READY)
	$(INSTALL) -c constraints.txt -e '.[dev,standards]'
	@touch $@
