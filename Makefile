# The three commands: make demo, make test, make lab. Everything they need is made on the way.

VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed

# Hundreds of processes are started here, and without stored bytecode each compiles all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-all ready mutants lint bench bench-peer peer-goblins lab notebooks site engine browser postgres clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev]'
	@touch $@

engine: $(READY)
	@$(BIN)/python -m swingset.workers.wasm

# Runs the quickstart for real and prints it cell by cell.
demo: engine
	@$(BIN)/python -m swingset_nb.demo

# JupyterLab refuses to run as root unless it is told to, and in a container there is nobody else.
# `make lab LAB="--ip 0.0.0.0"` lets a browser outside of a container in.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

lab: engine
	$(BIN)/jupyter lab $(AS_ROOT) $(LAB) notebooks/quickstart.ipynb

# Chromium for the browser tests, where this machine lets us install it; the tests say so where not.
browser:
	@command -v chromium >/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; } || \
	  echo "chromium is not here and could not be installed: the browser tests will be skipped"

# PostgreSQL for the tests of mirrors and take-overs, which run a server of their own, likewise. After the browser,
# because one apt-get runs at a time. Debian's scripts would also make a server that runs from now on.
postgres: browser
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  mkdir -p /etc/postgresql-common && \
	  { [ -e /etc/postgresql-common/createcluster.conf ] || \
	    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf; } && \
	  apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null; } || \
	  echo "PostgreSQL is not here and could not be installed: its tests will be skipped"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

NBVAL := --nbval --nbval-current-env --nbval-sanitize-with=tests/nbval_sanitize.cfg \
         --nbval-cell-timeout=120 --nbval-kernel-startup-timeout=60

# Two processes, a file of tests to each: what the tests of a file share is made once. Files come in their
# order, in which those with few and long tests, of the browser, are first: at the end neither process waits.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(NBVAL) notebooks tests

test: ready
	$(PYTEST) -m "not slow"

test-all: ready peer-goblins
	$(PYTEST)

# Installs another implementation of OCapN, which the slow tests then speak to: Spritely Goblins, of Debian.
peer-goblins:
	@sh tests/net/goblins/install.sh .goblins || \
	  echo "Spritely Goblins is not here and could not be installed: its tests will be skipped"

ready: $(READY)
	@$(MAKE) --no-print-directory --jobs 3 engine postgres lint

# Plants faults in a copy of the sources and shows each to the tests that concern it; `N=all` plants all of
# them (hours), `ONLY=core` those of one area or module, `SEED=2` others. Takes about half an hour.
N    ?= 200
SEED ?= 1
mutants: engine
	@$(BIN)/python -m tests.mutants -n $(N) --seed $(SEED) --only "$(ONLY)"

# Executes the notebooks anew and stores their outputs; read the difference before you commit it.
notebooks: engine
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace \
	  --ExecutePreprocessor.store_widget_state=False \
	  --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

# The pages, the notebooks and a reference made of docstrings, as a site in build/site.
site: $(READY)
	@$(BIN)/python docs/site/build.py build/site && echo "build/site/index.html"

# Takes a quarter of an hour; `make bench GUEST="--touched 50000"` is done in a few minutes.
bench: engine
	@$(BIN)/python benchmarks/bench.py
	@$(BIN)/python benchmarks/guest.py $(GUEST)
	@$(BIN)/python benchmarks/scale.py
	@$(BIN)/python benchmarks/floors.py
	@$(BIN)/python benchmarks/threads.py
	@$(BIN)/python benchmarks/zygotes.py
	@$(BIN)/python benchmarks/past.py
	@$(BIN)/python benchmarks/cells.py
	@$(BIN)/python benchmarks/explorer.py
	@$(BIN)/python benchmarks/market.py
	@$(BIN)/python benchmarks/sweeps.py
	@$(BIN)/python benchmarks/wires.py
	@$(BIN)/python benchmarks/failover.py
	@$(BIN)/python benchmarks/moves.py
	@$(BIN)/python benchmarks/thousand_worlds.py

# The reference under the same loads beside us: Node 20, a C compiler, and the npm registry for the first time.
bench-peer: engine
	@$(BIN)/python benchmarks/peer/compare.py $(PEER)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
