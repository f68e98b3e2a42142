# Two commands do everything on a machine that has Python 3.11, make and a C compiler:
#   make demo    the main job on real images, and a picture of it
#   make test    all checks and the fast tests
# Both create the environment first, and again only what has changed since.

PYTHON = python3
VENV = .venv
DEMO = doc/examples/autoencoder/plot_deep_clustering_on_digits.py

BIN = $(VENV)/bin
CONSTRAINTS = constraints.txt
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check install --constraint $(CONSTRAINTS)
BUILD_INPUTS = pyproject.toml setup.py $(CONSTRAINTS) \
	$(shell find skdeepcluster -name '*.pyx' -o -name '*.pxd' -o -name '*.h')

# Threads that wait without spinning: on a busy machine the difference is tenfold.
export OMP_WAIT_POLICY = PASSIVE

.PHONY: demo test test-oldest lint doc bench clean

demo: $(VENV)/installed-displays
	$(BIN)/python $(DEMO)

# A process for each core, each on one thread: most tests are short and gain nothing from more.
# Then those of numbers again, with the code that the libraries have for other processors.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal
	$(BIN)/python tools/emulated_processors.py --short

# The fast tests with the oldest versions that pyproject.toml allows, in an environment of its own.
test-oldest:
	$(PYTHON) tools/oldest_constraints.py > oldest.txt
	$(MAKE) VENV=.venv-oldest CONSTRAINTS=oldest.txt .venv-oldest/installed-test
	OMP_NUM_THREADS=1 .venv-oldest/bin/python -m pytest --numprocesses auto --dist worksteal \
		-W ignore::pytest.PytestRemovedIn10Warning  # scikit-learn 1.9.0 is older than pytest 9

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/check_docstrings.py
	$(BIN)/python tools/check_language.py

doc: $(VENV)/installed-doc
	$(BIN)/python -m sphinx --jobs auto --fail-on-warning --keep-going doc doc/_build/html

# Benchmarks run one by one: each says what it measures.
bench:
	@for script in $(wildcard benchmarks/*.py); do \
		echo "$(BIN)/python $$script"; \
		sed -n '1s/^"""/    /p' $$script | tr -d '"'; \
	done

clean:
	rm -rf $(VENV) .venv-oldest oldest.txt build dist *.egg-info doc/_build doc/auto_examples doc/api/generated digits.png
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find skdeepcluster tests tools benchmarks doc \
		\( -name '*.so' -o -name '__pycache__' \) -prune -exec rm -rf {} + 2>/dev/null || true

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One stamp for each extra of pyproject.toml. An environment made by hand gets what it lacks.
$(VENV)/installed-%: $(BUILD_INPUTS) | $(BIN)/python
	$(PIP) setuptools Cython numpy
	$(PIP) --no-build-isolation --editable '.[$*]'
	touch $@
