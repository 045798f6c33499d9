# Every target does all its set-up from a bare clone: its own .venv, nothing global.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -q

.PHONY: help install train test learn fault fault-long fuzz bench check format clean
.DEFAULT_GOAL := help

help:
	@echo "make install  the program, in an environment of its own: .venv/bin/playfield"
	@echo "make train   learn Pong from pixels, evaluate, plot, film (about 20 minutes on two cores)"
	@echo "make test    the test suite"
	@echo "make learn   every recipe learns the toy games, two learn classic control (an hour)"
	@echo "make fault   crashes, full disks, signals, broken games and hostile files, a few of each (minutes)"
	@echo "make fault-long  the same by the thousand, with figures in fault-figures.jsonl (hours; root for power cuts)"
	@echo "make fuzz    parsers of strangers' files under a coverage-guided fuzzer, RUNS inputs each (hours; Linux)"
	@echo "make bench   Playfield and its peers on the same work, into docs/performance.md (about three hours; BENCH=--quick tries it)"
	@echo "make check   format, lint, types, import laws"
	@echo "make format  rewrite the sources in house format"
	@echo "make clean   remove the environment"

$(VENV)/.user: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Playfield needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=python3.12, for instance")'
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "The module venv is missing; install it, on Debian and Ubuntu with: sudo apt install python3-venv"; exit 1; }
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.user
	$(PIP) -e '.[dev]'
	@touch $@

install: $(VENV)/.user

train: $(VENV)/.user
	@$(BIN)/playfield train pong_laptop pong --until-score 19.5 --over 60 --minutes 20 || test $$? -eq 85

# Faults are injected thousands of times: there, shapes that all other tests check would take half of the time.
test: $(VENV)/.dev
	PLAYFIELD_UNCHECKED_SHAPES=1 $(BIN)/python -m pytest tests/fault
	$(BIN)/python -m pytest --ignore=tests/fault

learn: $(VENV)/.dev
	PLAYFIELD_LEARN=1 PLAYFIELD_UNCHECKED_SHAPES=1 $(BIN)/python -m pytest --numprocesses=2 -rP tests/learning

fault: $(VENV)/.dev
	PLAYFIELD_UNCHECKED_SHAPES=1 $(BIN)/python -m pytest tests/fault

fault-long: $(VENV)/.dev
	PLAYFIELD_FAULT_LONG=1 PLAYFIELD_UNCHECKED_SHAPES=1 PLAYFIELD_FAULT_FIGURES=$(CURDIR)/fault-figures.jsonl $(BIN)/python -m pytest tests/fault

# One parser after the other goes on where one is found wanting; what was found lies in fuzz/findings.
RUNS ?= 10000000
fuzz: $(VENV)/.dev
	$(PIP) -e '.[fuzz]'
	@status=0; for parser in $$(PYTHONPATH=tests $(BIN)/python -m fault.fuzz --list); do \
		PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python -m fault.fuzz $$parser --runs $(RUNS) || status=1; done; exit $$status

bench: $(VENV)/.user
	$(BIN)/python benchmarks/peers/bench.py $(BENCH)

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
