# Every target does all its set-up from a bare clone: its own .venv, nothing global.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: train test check format clean
.DEFAULT_GOAL := help

help:
	@echo "make train   learn Pong from pixels, evaluate, plot, film (about 20 minutes on two cores)"
	@echo "make test    the test suite"
	@echo "make check   format, lint, types, import laws"
	@echo "make format  rewrite the sources in house format"

$(VENV)/.user: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit("Playfield needs Python 3.11 or newer; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -e .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.user
	$(BIN)/python -m pip install --disable-pip-version-check -q -e '.[dev]'
	@touch $@

train: $(VENV)/.user
	$(BIN)/playfield train pong_laptop pong --until-score 18 --over 30 --minutes 20

test: $(VENV)/.dev
	$(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV)
