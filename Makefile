# The front door of the book. `make` alone lists what it can do.

VENV   ?= .venv
PYTHON ?=
PORT   ?= 8000

# EXECUTE=auto|always|never|dry: execute pages without outputs that hold, all pages, or none;
# dry says which would be, and stops.
EXECUTE  ?= auto
# TESTS=tests/test_cells.py: which tests `make test` runs, and other options of pytest. Nothing: all.
TESTS    ?=
# ROUNDS="--kills 5 --disks 2": how much `make torture` does.
ROUNDS   ?=
# CHAPTERS="network-from-scratch gru-and-lstm": what `make freeze` is to freeze. Nothing: all.
CHAPTERS ?=

# DEVICE=cpu|gpu and BUDGET=smoke|cpu|gpu steer the chapters, the scripts and the tests.
ifdef DEVICE
export UNROLLED_DEVICE := $(DEVICE)
endif
ifdef BUDGET
export UNROLLED_BUDGET := $(BUDGET)
endif

ifneq ($(strip $(VENV)),)
PY := "$(VENV)/bin/python"
# Another environment, active in the shell, stays out of this one.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV CONDA_PREFIX JUPYTER_PATH
unexport PIP_TARGET PIP_PREFIX PIP_ROOT
export PIP_USER := 0
export PYTHONNOUSERSITE := 1
else
# VENV= makes no environment: PYTHON= runs as it is, with the packages that it has.
PY := "$(or $(PYTHON),python3)"
export PYTHONPATH := $(CURDIR)/code$(if $(PYTHONPATH),:$(PYTHONPATH))
endif

SOURCES := -c . -d _build/doctrees book
INDEX   := _build/html/index.html
EPUB    := _build/html/downloads/unrolled.epub
CODE    := code tests book/_ext tools benchmarks conf.py

.PHONY: help html site test torture freeze serve scripts-help bench measure lock clean distclean environment test-environment
.NOTPARALLEL:

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

html: environment ## build the book in _build/html; chapters are executed where they changed
ifeq ($(EXECUTE),dry)
	@$(PY) tools/execute.py --execute dry
else
	@$(PY) tools/alone.py _build $(MAKE) -s --no-print-directory site
	@echo "The book: $(INDEX)"
	@$(PY) -c "import pathlib; print(pathlib.Path('$(INDEX)').absolute().as_uri())"
endif

# What `make html` does while no other build is at work.
site:
	@$(PY) tools/execute.py --execute "$(EXECUTE)"
	@echo "Building the pages ..."
	@$(PY) -m sphinx -q -b html $(SOURCES) _build/html
	@$(MAKE) -s --no-print-directory $(EPUB)

# From the pages that Sphinx has just read, where they changed.
$(EPUB): _build/doctrees/environment.pickle
	@rm -rf _build/epub
	@$(PY) -m sphinx -q -b epub $(SOURCES) _build/epub
	@mv _build/epub/$(notdir $@) $@

test: test-environment ## check the code and run all tests, or some (TESTS=tests/test_cells.py)
	@$(PY) -m ruff check --quiet $(CODE)
	@$(PY) -m ruff format --check --quiet $(CODE)
	@$(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder $(TESTS)

torture: test-environment ## kill training, freezing and building, fill their disk (ROUNDS="--kills 5")
	@JAX_DISABLE_MOST_OPTIMIZATIONS=1 PYTHONPATH="$(CURDIR)/code:tools" $(PY) tests/torture.py $(ROUNDS)

freeze: environment ## execute chapters and keep their outputs in book/_frozen (CHAPTERS=...)
	@$(PY) tools/execute.py --freeze --execute "$(EXECUTE)" $(CHAPTERS)

serve: html ## show the book at http://127.0.0.1:8000, and build and load it anew on save (PORT=8000)
	@$(PY) -c "import socket; socket.create_server(('127.0.0.1', $(PORT)))" 2>/dev/null || \
	    { echo "Error: port $(PORT) cannot be used: choose another with PORT=" >&2; exit 2; }
	@$(PY) -m sphinx_autobuild --port $(PORT) --no-initial --watch code --watch conf.py \
	    --ignore "*/_frozen/*" --ignore "*/__pycache__/*" \
	    --pre-build '$(PY) tools/execute.py --execute "$(EXECUTE)"' \
	    -q -b html $(SOURCES) _build/html

scripts-help: environment ## print the options of each script in code/
	@for script in code/*.py; do $(PY) "$$script" --help || exit; echo; done

bench: environment ## time training, and the same by hand; benchmarks/README.md adds peers
	@$(PY) benchmarks/large_step.py
	@$(PY) benchmarks/single_sentence.py
	@$(PY) benchmarks/gru_sentence.py
	@$(PY) benchmarks/minibatch.py
	@$(PY) benchmarks/minibatch.py --cell gru
	@$(PY) benchmarks/minibatch.py --cell lstm
	@$(PY) benchmarks/equal_epochs.py --sentences 2000 --epochs 1

measure: environment ## time what pages tell of a GPU, three minutes on one, and keep it in book/_measured
	@$(PY) benchmarks/measure.py

lock: test-environment ## resolve the pins in requirements*.txt anew from the .in files
	@for name in requirements requirements-test requirements-gpu; do \
	    echo "Resolving $$name.in"; \
	    $(PY) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	        --custom-compile-command "make lock" --output-file $$name.txt $$name.in || exit 2; \
	done

clean: ## remove what was built: _build
	rm -rf _build

distclean: clean ## remove the environment too: .venv
	@if [ -f "$(VENV)/pyvenv.cfg" ]; then echo rm -rf "$(VENV)"; rm -rf "$(VENV)"; fi

# ------------------------------------------------------------------------------ the environment

ifneq ($(strip $(VENV)),)
ifneq ($(words $(VENV)),1)
$(error VENV=$(VENV): name a folder without spaces)
endif

# The pins are resolved and tested for these.
FITS    := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHONS := $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11)
# Python compiles a module when it is first used; to compile all of them here takes a minute.
PIP     := $(PY) -m pip install --no-input --disable-pip-version-check --no-compile
# JAX needs CUDA's packages where the chapters may run on an NVIDIA GPU: there is a driver.
ASKED   := $(or $(DEVICE),$(UNROLLED_DEVICE))
DRIVER  := $(wildcard /dev/nvidiactl /usr/lib/wsl/lib/libcuda.so.1)
GPU     := $(if $(ASKED),$(filter gpu GPU,$(ASKED)),$(DRIVER))

# One at a time, where there is a Python to see to it: who comes second finds it made.
environment test-environment:
	@for python in $(PY) $(PYTHONS); do \
	    "$$python" -c "import fcntl" 2>/dev/null || continue; \
	    exec "$$python" tools/alone.py "$(VENV)" $(MAKE) -s --no-print-directory own-$@; \
	done; \
	exec $(MAKE) -s --no-print-directory own-$@

.PHONY: own-environment own-test-environment
own-environment: $(VENV)/unrolled.done $(if $(GPU),$(VENV)/requirements-gpu.done)
	@:

own-test-environment: own-environment $(VENV)/requirements-test.done
	@:

# What is done leaves a mark, at its end: make goes on from there, and again where a file changed.
$(VENV)/made:
	@[ -e "$(VENV)/pyvenv.cfg" ] || [ -z "$$(ls -A "$(VENV)" 2>/dev/null)" ] || \
	    { echo "Error: $(VENV) holds something else: name another folder with VENV=" >&2; exit 2; }
	@for python in $(PYTHONS); do \
	    "$$python" -c "$(FITS)" 2>/dev/null || continue; \
	    echo "Making the environment $(VENV) with $$python"; \
	    "$$python" -m venv --clear "$(VENV)" && exec touch $@; \
	    exit 2; \
	done; \
	echo "Error: no Python 3.11 to 3.13 with its venv module here (looked for" $(PYTHONS)"):" \
	    "install one (Debian and Ubuntu: apt install python3-venv), or name it with PYTHON=" >&2; \
	exit 2

# A package without INSTALLER is one that an interruption left in part.
$(VENV)/%.done: %.txt $(VENV)/made
	@for info in $(VENV)/lib/python*/site-packages/*.dist-info; do \
	    [ -e "$$info/INSTALLER" ] || rm -rf "$$info"; \
	done
	@echo "Installing $<"
	@$(PIP) -r $<
	@touch $@

$(VENV)/unrolled.done: pyproject.toml $(VENV)/requirements.done
	@$(PIP) --quiet --no-deps --no-build-isolation -e .
	@pwd -P > $@

# Made anew: an environment whose Python is gone, or is not the one asked for ...
version = $(shell $(1) -c "import sys; print(*sys.version_info[:2])" 2>/dev/null)
THERE  := $(call version,$(PY))
ifneq ($(or $(THERE),none),$(if $(PYTHON),$(call version,"$(PYTHON)"),$(THERE)))
.PHONY: $(VENV)/made
endif
# ... and the package, where the book was moved.
ifneq ($(shell cat "$(VENV)/unrolled.done" 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/unrolled.done
endif

else
environment test-environment:
	@$(PY) -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || \
	    { echo "Error: PYTHON= must name a Python from 3.11 up" >&2; exit 2; }
endif

# ------------------------------------------------- Theano itself, in a Python of its own

THEANO_VENV := .venv-theano
PYTHON38    ?= python3.8

.PHONY: parity compiler clean-theano

parity: compiler $(THEANO_VENV)/installed.txt test-environment ## compare with Theano 1.0.5 itself, which needs Python 3.8
	@echo "Computing in Theano 1.0.5; the first time, it compiles for minutes ..."
	@THEANO_FLAGS="floatX=float64,base_compiledir=$(THEANO_VENV)/compiled" \
	    "$(THEANO_VENV)/bin/python" -I tests/reference/record_theano.py \
	    --folder "$(THEANO_VENV)/live" > "$(THEANO_VENV)/record.log" 2>&1 || \
	    { echo "Error: Theano computed nothing: see $(THEANO_VENV)/record.log" >&2; exit 2; }
	@echo "Computing in PyTensor and NumPy ..."
	@PYTHONPATH=code:tools $(PY) tests/parity.py "$(THEANO_VENV)/live"

compiler:
	@g++ -v >/dev/null 2>&1 || clang++ -v >/dev/null 2>&1 || \
	    { echo "Error: there is no C++ compiler here, which Theano needs: install g++" >&2; exit 2; }

# Written last: an installation that was cut short is begun anew by the next run.
$(THEANO_VENV)/installed.txt: requirements-theano.txt
	@"$(PYTHON38)" -I -c "import sys, venv, ensurepip; assert sys.version_info[:2] == (3, 8)" \
	    2>/dev/null || { echo "Error: there is no Python 3.8 with its venv module here," \
	    "which Theano needs: install it, or name it with PYTHON38=" >&2; exit 2; }
	@echo "Installing $<"
	@"$(PYTHON38)" -I -m venv --clear "$(THEANO_VENV)"
	@"$(THEANO_VENV)/bin/python" -I -m pip install --no-input -r $< \
	    > "$(THEANO_VENV)/install.log" 2>&1 || \
	    { echo "Error: Theano was not installed: see $(THEANO_VENV)/install.log" >&2; exit 2; }
	@cp $< $@

distclean: clean-theano

clean-theano:
	@if [ -f "$(THEANO_VENV)/pyvenv.cfg" ]; then echo rm -rf "$(THEANO_VENV)"; rm -rf "$(THEANO_VENV)"; fi
