# The plain commands behind each target stand in README.md.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test lint notebooks faults clean

demo: .venv/installed
	$(BIN)/python -m drr_jax.main --config=launch/reactionet.py:demo --workdir=runs/demo

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist=worksteal

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports importlinter.toml
	$(BIN)/pyright --pythonpath $(BIN)/python

notebooks: .venv/installed-dev
	$(BIN)/python launch/notebooks/make.py --check

# Hours, and goes on where it was stopped; its last line is that of docs/trust.md.
faults: .venv/installed-dev
	nice -n 19 $(BIN)/python tests/faults/long.py --kills=1000 --flips=1000 --inputs=1000000 --suspend

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: setup.cfg | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-dev: setup.cfg | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .[dev]
	touch $@ .venv/installed

clean:
	rm -rf .venv build *.egg-info
