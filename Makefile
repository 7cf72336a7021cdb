# The plain commands behind each target stand in README.md.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test lint notebooks docs package python plan lowest constraints faults clean

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

docs: .venv/installed-docs
	$(BIN)/python -m sphinx -q -W --keep-going -E -b html docs build/docs

# What a user gets: a wheel out of the sdist, in an environment that has nothing else.
package: .venv/installed-dev
	rm -rf build/lib dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-package
	$(BIN)/uv pip install --quiet --python .venv-package dist/*.whl
	.venv-package/bin/python tests/smoke.py

# The same of another Python, VERSION=3.13; one that is not here is left out, and said so.
python: .venv/installed-dev
	.ci/python $(VERSION)

# A small DRR compiled for TPUs. Their compiler, 213 MB, lies apart: beside JAX, it would be asked for
# TPUs, and complain, at every start.
LIBTPU = import importlib.metadata as m; print(next(r for r in m.requires("jax") if "libtpu" in r))
plan: .venv/installed-dev
	$(BIN)/uv pip install --quiet --python $(BIN)/python --target .venv-tpu --no-deps \
		"$$($(BIN)/python -c '$(LIBTPU)' | cut -d';' -f1)"
	PYTHONPATH=.venv-tpu $(BIN)/python -m pytest tests/plan/test_plan.py -k v5e

# Minutes: the lowest versions that setup.cfg allows.
lowest: .venv/installed-dev
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-lowest
	$(BIN)/uv pip install --quiet --resolution lowest-direct --python .venv-lowest .
	.venv-lowest/bin/python tests/smoke.py

# The versions that the tests ran with, of what setup.cfg asks for; after make test.
constraints: .venv/installed-docs
	$(BIN)/uv pip freeze --quiet --python $(BIN)/python | sed 's/+cpu$$//' | sort > .venv/frozen.txt
	$(BIN)/uv pip compile --quiet setup.cfg --extra dev --extra docs --constraint .venv/frozen.txt \
		--no-annotate --no-header | grep -Fxf .venv/frozen.txt > constraints.txt

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

.venv/installed-docs: setup.cfg | .venv/installed-dev
	$(BIN)/python -m pip install --quiet --editable .[docs]
	touch $@

clean:
	rm -rf .venv .venv-* build dist docs/_made *.egg-info
