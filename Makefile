# Every target makes what it needs: a virtual environment in .venv, filled from the hash-pinned locks in requirements/
# and filled again only when a lock or pyproject.toml has changed. Needs GNU make, pip and Python 3.11 or newer;
# another interpreter than python3 is chosen with `make PYTHON=/path/to/python3.12 …`.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
PIP    := $(RUN) -m pip --quiet --quiet --disable-pip-version-check --no-input
COMPILED := $(CURDIR)/build/compiled
DEMO   := $(VENV)/.demo-installed
DEV    := $(VENV)/.dev-installed

.DELETE_ON_ERROR:
.PHONY: help demo serve test programs test-compiled check compile bench docs format lock clean

help:
	@echo "make demo    install, then show the gateway at work on real traffic (ends by itself)"
	@echo "make serve   the same set-up, kept running, with a curl line to try"
	@echo "make test    the whole test suite            make test ARGS=tests/inspect"
	@echo "make check   format, lint, types, layers     make format   mend what can be mended"
	@echo "make compile the data path as C extensions in build/compiled"
	@echo "make bench   the side-by-side benchmark      make bench ARGS=--quick"
	@echo "make docs    write the generated pages       make lock     resolve requirements/*.txt again (UPGRADE=1: newer)"
	@echo "make clean   remove .venv and all caches"

demo: $(DEMO)
	@$(RUN) -m guardhouse demo

serve: $(DEMO)
	@$(RUN) -m guardhouse demo --keep-running

# The compiler works beside the tests, which mostly wait: what it has to say is said when the compiled build is tested.
test: $(DEV) programs
	@$(if $(ARGS),,command -v $(CC) >/dev/null && nice -n 10 $(MAKE) --no-print-directory compile >/dev/null 2>&1 & ) \
	$(RUN) -m pytest $(ARGS); status=$$?; wait; exit $$status
	@$(if $(ARGS),,$(MAKE) --no-print-directory test-compiled)

# Programs that some tests want, and their Debian packages. Where one cannot be had its tests are skipped and say so.
WANTED := xmlsec1:xmlsec1 node:nodejs npm:npm
programs:
	@missing=; for each in $(WANTED); do command -v $${each%%:*} >/dev/null || missing="$$missing $${each##*:}"; done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing for the tests:$$missing"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y $$missing >/dev/null; } || \
		echo "Not installed:$$missing; the tests that want them are skipped." >&2; fi

# The compiled data path is the same source and has to pass the same tests.
TWIN := audit identity inspect limits path policy wire
test-compiled: $(DEV)
	@if command -v $(CC) >/dev/null; then \
		$(MAKE) --no-print-directory compile && PYTHONPATH=$(COMPILED) $(RUN) -m pytest -q $(addprefix tests/,$(TWIN)); \
	else echo "No C compiler ($(CC)): the tests of the compiled build are skipped."; fi

check: $(DEV)
	@$(RUN) -m ruff format --check --quiet . || { echo "run 'make format'" >&2; exit 1; }
	@$(RUN) -m ruff check --quiet .
	@$(RUN) -m mypy --no-error-summary
	@$(RUN) -m pytest -q tests/test_layers.py tests/test_style.py

bench: $(DEV)
	@if command -v $(CC) >/dev/null; then $(MAKE) --no-print-directory compile; \
	else echo "No C compiler ($(CC)): the interpreted build is measured."; fi
	@$(RUN) -m bench $(ARGS)

compile: $(COMPILED)/.done

docs: $(DEV)
	@$(RUN) -m guardhouse.cli.reasons > docs/reasons.md.new && mv docs/reasons.md.new docs/reasons.md

format: $(DEV)
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix --quiet .

lock: $(DEV)
	@$(RUN) requirements/lock.py $(if $(UPGRADE),--upgrade)

clean:
	@rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find src tests bench requirements -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment -------------------------------------------------------------------------------------------------

$(DEMO): requirements/build.txt requirements/demo.txt
$(DEV): requirements/build.txt requirements/dev.txt
$(DEMO) $(DEV): pyproject.toml | $(RUN)
	@echo "Installing $(words $(filter requirements/%,$^)) locks into $(VENV): $(filter requirements/%,$^) (a minute the first time)"
	@$(PIP) install --require-hashes --only-binary :all: $(addprefix -r ,$(filter requirements/%,$^))
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# mypyc translates the modules that setup.py names; everything else is copied beside them.
$(COMPILED)/.done: setup.py pyproject.toml $(shell find src -name '*.py' -o -name '*.json') | $(DEV)
	@echo "Compiling the data path into build/compiled (five to ten minutes of one core)"
	@rm -rf build/compiled build/compiling && mkdir -p build
	@GUARDHOUSE_COMPILE=1 $(RUN) setup.py --quiet build --build-temp build/compiling --build-lib $(COMPILED) 2>build/compile.log \
		|| { tail -n 30 build/compile.log >&2; exit 1; }
	@touch $@

# Debian ships Python without ensurepip; its package python3-venv has it.
$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		echo "This Python cannot make virtual environments: the Debian package python3-venv is missing." >&2; \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "Install it: sudo apt-get install python3-venv" >&2; exit 1; }; \
		echo "Installing it." >&2; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y python3-venv >/dev/null; }
	@$(PYTHON) -m venv $(VENV)
