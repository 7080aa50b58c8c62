# make lab    set everything up, then open JupyterLab on the first notebook
# make test   set everything up, then run the tests and compare every notebook with its outputs
# make test-all   then what takes long: browsers, clusters, nbgrader, the offline room, other data
# make site   set everything up, then build the series as web pages that need no network
#
# Works with GNU make 3.81 (macOS) and any POSIX sh. Everything is installed into .venv.

# The first Python on the path that is new enough; `make lab PYTHON=python3.12` chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo $$p && exit 0; done; echo python3)
PIP_ARGS ?=
export PIP_ARGS
LAB_ARGS ?=
TEST_ARGS ?=
BUNDLE_ARGS ?=
TEST_PATHS ?= tests notebooks
TEST_PROCESSES ?= 2

VENV := .venv
PY := $(VENV)/bin/python

# JupyterLab refuses to start as root without being told; containers run as root.
ROOT_ARGS := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

.DEFAULT_GOAL := help
.PHONY: help lab test test-all site data weights results notebooks learner slides bundle lint clean bench venv

help:
	@echo "make lab        set up, then open JupyterLab      LAB_ARGS=\"--no-browser --port 8899\""
	@echo "make test       set up, then test code, notebooks TEST_ARGS=\"-x -k prompts\""
	@echo "make test-all   what takes long, and make test leaves out: browsers, clusters, other data"
	@echo "make site       the series as web pages, for a folder: build/site/index.html"
	@echo "make notebooks  run every notebook and save its outputs"
	@echo "make learner    make the learner's notebooks from those with solutions"
	@echo "make slides     the opening talk, as pages in build/slides"
	@echo "make bundle     a folder that installs offline    BUNDLE_ARGS=\"--out build/offline\""
	@echo "make data       render the minifactory's data again"
	@echo "make weights    train the TinyCLIP weights again (long)"
	@echo "make results    measure the ladder again (half an hour and more)"
	@echo "make bench      what a learner waits for, alone and beside a busy process"
	@echo "make lint       check the code and the notebooks with ruff"
	@echo "make clean      remove .venv and caches"
	@echo "PYTHON=python3.12 chooses the interpreter, PIP_ARGS=\"...\" goes to pip install."

lab: $(VENV)/.installed-lab
	$(PY) -m jupyterlab --ServerApp.root_dir="$(CURDIR)" \
		--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(ROOT_ARGS) $(LAB_ARGS)

# First the code, then the notebooks: in processes of one thread each, so that two cores are in use.
# pytest's exit code 5 means: none of these was chosen. No test asserts seconds.
NOTEBOOK_PATHS = $(filter notebooks% %.ipynb,$(TEST_PATHS))
CODE_PATHS = $(filter-out notebooks% %.ipynb,$(TEST_PATHS))
PYTEST = OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(PY) -m pytest --numprocesses=$(TEST_PROCESSES)
BY_FILE = --dist=loadfile --no-loadscope-reorder
test: $(VENV)/.installed-test
	@code=5; notebooks=5; \
	if [ -n "$(CODE_PATHS)" ]; then \
		echo "make test, 1 of 2: the code, 5 minutes on two free cores, two or three times that beside other work; pytest shows how far"; \
		$(PYTEST) $(BY_FILE) -m "not slow" $(TEST_ARGS) $(CODE_PATHS); code=$$?; \
	fi; \
	if [ -n "$(NOTEBOOK_PATHS)" ]; then \
		echo "make test, 2 of 2: every notebook against its outputs, 3 minutes on two free cores"; \
		$(PYTEST) --dist=loadscope --nbval --nbval-current-env --nbval-cell-timeout=3600 \
			$(TEST_ARGS) $(NOTEBOOK_PATHS); notebooks=$$?; \
	fi; \
	for found in $$code $$notebooks; do case $$found in 0|5) ;; *) exit $$found;; esac; done; \
	[ $$code$$notebooks != 55 ]

# What is marked slow: with `make test` before it, everything.
test-all: $(VENV)/.installed-test
	@echo "make test-all: what make test leaves out, about 20 minutes on two free cores"
	ALL_SWITCHES=1 $(PYTEST) $(BY_FILE) -m slow $(TEST_ARGS) $(CODE_PATHS)

site: $(VENV)/.installed-site
	$(PY) -m workshop.pages.site

notebooks: $(VENV)/.installed-test
	$(PY) -m workshop.pages.execute_notebooks
	$(PY) -m workshop.pages.link_glossary
	$(PY) -m workshop.pages.make_learner_notebooks

learner: $(VENV)/.installed-test
	$(PY) -m workshop.pages.link_glossary
	$(PY) -m workshop.pages.make_learner_notebooks

slides: $(VENV)/.installed-test
	$(PY) -m workshop.pages.make_slides

bundle: $(VENV)/.installed-lab
	$(PY) -m promptad_tutorial offline-bundle $(BUNDLE_ARGS)

data: $(VENV)/.installed-test
	rm -rf data/minifactory
	$(PY) -m workshop minifactory build
	$(PY) -m workshop zero-shot
	$(PY) -m workshop minifactory card

weights: $(VENV)/.installed-test
	$(PY) -m workshop tinyclip render
	$(PY) -m workshop tinyclip train
	$(PY) -m workshop tinyclip export --results results/tinyclip
	$(PY) -m workshop tinyclip render --held-out
	$(PY) -m workshop tinyclip evaluate
	$(PY) -m workshop zero-shot
	$(PY) -m workshop tinyclip card
	$(PY) -m workshop minifactory card
	$(PY) -m workshop.pages.make_pictures

results: $(VENV)/.installed-test
	$(PY) -m workshop ladder
	$(PY) -m workshop ladder --set traps
	$(PY) -m workshop ladder --set sweeps
	$(PY) -m workshop thresholds

bench: $(VENV)/.installed-test
	$(PY) -m workshop.speed.busy

lint: $(VENV)/.installed-dev
	$(PY) -m ruff check .

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -type d -prune -exec rm -rf {} +

# A stamp is older than pyproject.toml after a change of the dependencies: then pip runs again.
# An installation with more extras also counts as one with fewer.
INSTALLED_LAB := $(VENV)/.installed-lab
INSTALLED_SITE := $(VENV)/.installed-site
INSTALLED_TEST := $(VENV)/.installed-test
INSTALLED_DEV := $(VENV)/.installed-dev
$(INSTALLED_LAB): EXTRAS =
$(INSTALLED_LAB): STAMPS = $(INSTALLED_LAB)
$(INSTALLED_SITE): EXTRAS = [site]
$(INSTALLED_SITE): STAMPS = $(INSTALLED_LAB) $(INSTALLED_SITE)
$(INSTALLED_TEST): EXTRAS = [test]
$(INSTALLED_TEST): STAMPS = $(INSTALLED_LAB) $(INSTALLED_SITE) $(INSTALLED_TEST)
$(INSTALLED_DEV): EXTRAS = [dev]
$(INSTALLED_DEV): STAMPS = $(INSTALLED_LAB) $(INSTALLED_SITE) $(INSTALLED_TEST) $(INSTALLED_DEV)
$(INSTALLED_LAB) $(INSTALLED_SITE) $(INSTALLED_TEST) $(INSTALLED_DEV): pyproject.toml | venv
	@sh workshop/install.sh packages $(VENV) '$(EXTRAS)'
	@touch $(STAMPS)

# Looked at every time, in a blink: a broken environment is named, and not met later as a riddle.
venv:
	@sh workshop/install.sh venv $(VENV) '$(PYTHON)'
