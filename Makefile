# Every target makes what it needs: a virtual environment in .venv, filled from the hash-pinned locks in requirements/
# and filled again only when a lock or pyproject.toml has changed. Needs GNU make, pip and Python 3.11 or newer;
# another interpreter than python3 is chosen with `make PYTHON=/path/to/python3.12 …`.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
PIP    := $(RUN) -m pip --quiet --quiet --disable-pip-version-check --no-input
DEMO   := $(VENV)/.demo-installed
DEV    := $(VENV)/.dev-installed

.DELETE_ON_ERROR:
.PHONY: help demo serve test check bench docs format lock clean

help:
	@echo "make demo    install, then show the gateway at work on real traffic (ends by itself)"
	@echo "make serve   the same set-up, kept running, with a curl line to try"
	@echo "make test    the whole test suite            make test ARGS='-k masking'"
	@echo "make check   format, lint, types, layers     make format   mend what can be mended"
	@echo "make bench   the side-by-side benchmark      make bench ARGS=--quick"
	@echo "make docs    write the generated pages       make lock     resolve requirements/*.txt again (UPGRADE=1: newer)"
	@echo "make clean   remove .venv and all caches"

demo: $(DEMO)
	@$(RUN) -m guardhouse demo

serve: $(DEMO)
	@$(RUN) -m guardhouse demo --keep-running

test: $(DEV)
	@$(RUN) -m pytest $(ARGS)

check: $(DEV)
	@$(RUN) -m ruff format --check --quiet . || { echo "run 'make format'" >&2; exit 1; }
	@$(RUN) -m ruff check --quiet .
	@$(RUN) -m mypy --no-error-summary
	@$(RUN) -m pytest -q tests/test_layers.py tests/test_style.py

bench: $(DEV)
	@$(RUN) -m bench $(ARGS)

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
