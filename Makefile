# Needs only make and Python 3.11 or newer; every target sets up what it uses.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lab bench gpu compare coverage record data slides site readme publish constraints colab clean models

# What the caller named, before the defaults: an environment of another Python is made anew.
NAMED := $(PYTHON)
NAMED_COLAB := $(or $(COLAB_PYTHON),$(PYTHON))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# Colab's image has a newer Python than most computers: its stack may be tested on one of its own.
COLAB_PYTHON ?= $(PYTHON)
PY := .venv/bin/python
LATEST := .venv-latest/bin/python
# As they were typed, and to the scripts through the environment: no shell and no make reads a name.
override NB := $(value NB)
override DATA := $(value DATA)
override MODEL := $(value MODEL)
override MODELS := $(value MODELS)
override LIST := $(value LIST)
export NB DATA MODEL MODELS LIST
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' Makefile

run: .venv/.ready models  ## run every notebook (or NB="one.ipynb two.ipynb", MODEL=KEY), write _build/ and a table
	@$(PY) tools/run_notebooks.py

test: .venv/.ready .venv-latest/.ready models  ## lint, unit tests, every notebook, and the newest packages
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .
	@$(PY) -m nbstripout --keep-id --verify day_*/*.ipynb
	@$(PY) -m pytest
	@echo "Again on the newest packages (constraints/latest.txt):"
	@$(LATEST) -m pytest -m "not notebook or one_a_day"

lab: .venv/.ready models  ## open the course in JupyterLab
	@$(PY) -m jupyterlab

bench: .venv/.ready models  ## measure besci.LLM against other ways and against the limit
	@$(PY) -m pip install --quiet --requirement benchmarks/requirements.txt --constraint constraints/colab.txt
	@$(PY) -m benchmarks.bench

# A machine with a GPU may have no network, but a Python with all that this needs.
gpu:  ## check and measure besci.LLM on an NVIDIA GPU, in 8 minutes and without network
	@if "$(PYTHON)" -c 'import accelerate, psutil, torch, transformers' 2>/dev/null; \
	then exec "$(PYTHON)" -m benchmarks.gpu; fi; \
	$(MAKE) --silent --no-print-directory .venv/.ready && exec $(PY) -m benchmarks.gpu

coverage: .venv/.ready  ## simulate how often the intervals of besci.stats hold the truth
	@OMP_NUM_THREADS=1 $(PY) -m benchmarks.coverage

compare: .venv/.ready models  ## measure what models show in the studies (or MODELS="key key")
	@$(PY) -m benchmarks.compare

record: .venv/.ready models  ## MODEL=KEY: write what a model answers to the prompts of days 3 to 5 to data/recorded/
	@$(PY) tools/record.py

data: .venv/.ready  ## rebuild the derived files in data/ (or DATA=media_bias, one of data/build)
	@$(PY) data/build $$DATA

slides: .venv/.ready models tools/slides/node_modules/.ready  ## draw the figures and build the slides in _build/slides
	@$(PY) tools/slides/build.py

site: .venv/.ready .venv-site/.ready models  ## build the course as web pages in _build/site, checked in a browser
	@.venv-site/bin/python tools/site/build.py
	@.venv-site/bin/python tools/site/check.py

readme: .venv/.ready  ## write what follows from course.toml and the last make run into pages and notebooks
	@$(PY) tools/generate.py
	@$(PY) tools/notebook_shape.py

# What was typed reaches the tool as it is: neither make nor a shell takes any of it for a command.
override REPOSITORY := $(value REPOSITORY)
override REF := $(value REF)
override RUN := $(value RUN)
export REPOSITORY REF RUN
publish: .venv/.ready  ## REPOSITORY=owner/name REF=tag: write the address everywhere, say how to push
	@$(PY) tools/publish.py

constraints:  ## refresh constraints/latest.txt with today's newest packages
	$(call needs,$(PYTHON))
	@"$(PYTHON)" tools/latest.py

colab: .venv/.ready  ## what has moved on Colab's image (or LIST="pip-freeze.txt", a file or an address)
	@$(PY) tools/colab_list.py

clean:  ## delete the environments and everything built
	@rm -rf .venv .venv-latest .venv-site _build tools/slides/node_modules

models: .venv/.ready  ## fetch the models that this computer uses into the cache (or MODEL=KEY)
	@$(PY) tools/fetch.py

.venv/.ready: STACK := constraints/colab.txt
.venv/.ready: BASE = $(COLAB_PYTHON)
.venv-latest/.ready: STACK := constraints/latest.txt
.venv-latest/.ready: BASE = $(PYTHON)

# $(call other,ENVIRONMENT,PYTHON): FORCE if a Python was named and is not the environment's.
other = $(if $2,$(shell [ "$$($1/bin/python -V 2>&1)" = "$$("$2" -V 2>&1)" ] || echo FORCE))
.venv/.ready: $(call other,.venv,$(NAMED_COLAB))
.venv-latest/.ready: $(call other,.venv-latest,$(NAMED))
FORCE:

# $(call needs,PYTHON): one clear line where there is no such Python, or an old one.
define needs
	@if [ -z "$1" ]; then \
	  echo "This course needs Python 3.11 or newer; none was found. Install one (https://www.python.org/downloads/) or name it: make PYTHON=/path/to/python3"; exit 1; fi
	@"$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "This course needs Python 3.11 or newer, which $1 is not. Name another one: make PYTHON=/path/to/python3"; exit 1; }
endef

# The stamp comes last: an interrupted set-up has none, and the next make takes up where it stopped.
ENVIRONMENT := pyproject.toml setup.py requirements.txt requirements-dev.txt
.venv/.ready .venv-latest/.ready: $(ENVIRONMENT) constraints/colab.txt constraints/latest.txt
	$(call needs,$(BASE))
	@echo "Setting up $(@D) with $(STACK) (once, some minutes) ..."
	@rm -f $@
	@$(if $(filter FORCE,$^),,$(@D)/bin/python -m pip --version >/dev/null 2>&1 ||) "$(BASE)" -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --requirement requirements-dev.txt --constraint $(STACK)
	@$(@D)/bin/python -m pip install --quiet --no-deps --editable .
	@$(@D)/bin/python -m pip check --quiet
	@touch $@

.venv-site/.ready: tools/site/requirements.txt
	@echo "Setting up $(@D) (once, a minute) ..."
	@$(@D)/bin/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --requirement $<
	@tools/need.sh chromium
	@touch $@

tools/slides/node_modules/.ready: tools/slides/package-lock.json
	@echo "Setting up the slides (once, a minute) ..."
	@tools/need.sh npm && tools/need.sh chromium
	@npm ci --silent --no-fund --no-audit --prefix tools/slides
	@touch $@
