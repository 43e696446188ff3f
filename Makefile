SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
SERVER := mlflow server --host 127.0.0.1 --port 5000

.PHONY: help setup demo demo-ui test torture lint repro ui dashboard publish

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: .venv/ready ## make .venv with all that is needed

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: setup ## the whole pipeline, small: one seed, few iterations, in out/demo
	python -m pipeline.demo

demo-ui: setup ## the MLflow UI on the demo's runs
	$(SERVER) --backend-store-uri sqlite:///$(CURDIR)/out/demo/mlflow.db

test: setup ## run the tests
	python -m pytest

torture: setup ## kill, starve and spoil everything for real, and count what is lost
	python -m tests.faults

lint: setup ## style and types
	ruff check .
	ruff format --check .
	mypy

repro: setup ## rebuild every result that is out of date: `dvc repro`
	dvc repro

ui: publish ## the MLflow UI on this machine, http://127.0.0.1:5000
	$(SERVER) --backend-store-uri sqlite:///$(CURDIR)/mlflow.db

dashboard: setup ## optuna-dashboard on the studies, http://127.0.0.1:8080
	optuna-dashboard sqlite:///$(CURDIR)/studies.db --host 127.0.0.1 --port 8080

publish: setup ## show every run and study on disk in MLflow
	python -m pipeline.publish
