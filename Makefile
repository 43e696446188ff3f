SHELL := /bin/bash
PYTHON ?= python3
PORT ?=
JOBS ?= 2
REV ?= HEAD
GROUP ?= joint search finals best digits networks ablation splits starts
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
# Jobs of language models: eight processes that nothing here uses, 1.3 GB and half of the time to start.
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION := false

# $(call free,PORT): end in a line if something listens there.
free = if (: < /dev/tcp/127.0.0.1/$(1)) 2> /dev/null; \
	then echo "port $(1) is in use: choose another one, such as PORT=$$(($(1) + 1))" >&2; exit 1; fi
# Folders and addresses of databases are relative, so that this folder may have any name.
# $(call mlflow,FOLDER,ADDRESS): the MLflow UI on a database, by default that of the folder, for this machine alone.
mlflow = $(call free,$(or $(PORT),5000)); echo "MLflow starts: open an address above in a browser"; \
	cd $(1) && mlflow server --host 127.0.0.1 --port $(or $(PORT),5000) --workers 1 --backend-store-uri $(or $(2),sqlite:///mlflow.db)
# $(call dashboard,FOLDER,COMMAND): optuna-dashboard on the studies of a folder; optuna would create an empty database.
dashboard = if [ -f $(1)/studies.db ]; \
	then $(call free,$(or $(PORT),8080)); cd $(1) && optuna-dashboard sqlite:///studies.db --host 127.0.0.1 --port $(or $(PORT),8080); \
	else echo "no study has been run here: $(2)" >&2; exit 1; fi

# uv takes packages from where pip is configured to, unless it is configured itself; neither installs elsewhere.
pip = PIP_USER=0 PIP_TARGET= PIP_PREFIX= .venv/bin/python -m pip
index = $$($(pip) config list | sed -n "s/^[a-z:]*\.index-url='\(.*\)'$$/\1/p" | tail -n 1)
uv = index="$(index)"; [ -z "$$index" ] || export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$index}"; .venv/bin/uv pip
# $(call install,PACKAGES): by uv, in a quarter of the time; by pip where that needs settings of pip that uv has not.
install = ($(uv) install --quiet --compile-bytecode --python .venv/bin/python $(1)) || \
	{ echo "uv cannot install it: trying pip"; $(pip) install --quiet $(1); }
# UV_TORCH_BACKEND=cpu: PyTorch without CUDA, from its own index, and none of the packages that CUDA needs.
lock = $(if $(filter cpu,$(UV_TORCH_BACKEND)),<(grep -vE '^(nvidia|cuda|triton)' requirements.lock),requirements.lock)
# .venv has absolute paths: in a folder that was moved or copied it is made anew.
moved := $(shell [ ! -e .venv/ready ] || [ "$$(cat .venv/ready)" = "$$(pwd -P)" ] || echo moved)

# $(call reproduce,GROUPS): DVC runs one stage at a time, and much of a stage keeps one core busy: its start, the last of
# its seeds, its pictures. So stages that need no result of another one run side by side first, and share the cores; the
# output of each comes in one piece, and nothing but its name (to 3) before. `exec`: so that SIGTERM reaches all of it.
dvc = dvc --wait-for-lock
cores = $$(python -c 'import joblib; print(joblib.cpu_count())')
define reproduce
	@set -e; stages=$$(dl4ia stages $(1)); $(dvc) repro split split-folder; \
	stages=$$(grep -E '^(search|evaluate)@' <<< "$$stages") || exit 0; \
	cores=$(cores); \
	jobs=$$(printf '%s\n' $(JOBS) $$cores $$(wc -w <<< "$$stages") | sort -n | head -n 1); \
	exec 3>&1; exec $(MAKE) --no-print-directory --keep-going --jobs=$$jobs CORES=$$cores SHARE=$$((cores / jobs)) \
	$(filter --output-sync,$(.FEATURES:%=--%)) $$stages
	@stages=$$(dl4ia stages $(1)) && exec $(dvc) repro $$stages
	@exec $(dvc) repro --single-item report
endef
# $(call beside,CORES,STAGES): run these, and nothing that they depend on, while other stages may run.
beside = @{ echo "$@ starts" >&3; } 2> /dev/null || true; \
	$(if $(1),LOKY_MAX_CPU_COUNT=$(1)) exec $(dvc) repro --single-item $(2)

.PHONY: help setup demo demo-ui demo-dashboard test test-slow test-system test-gpu test-all torture bench bench-quick lint repro repro-best continue same report publish ui dashboard cluster share fetch docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

setup: .venv/ready ## make .venv with all that is needed

moved:

.venv/ready: requirements.lock pyproject.toml $(moved)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@echo "installing what requirements.lock lists into .venv"
	@$(PYTHON) -m venv $(if $(moved),--clear) .venv
	@$(pip) install --quiet uv
	@$(call install,-r $(lock))
	@$(call install,--no-deps --editable .)
	@.venv/bin/python -m pipeline.offline_plots
	@pwd -P > $@

demo: setup ## the whole pipeline, small, in out/demo
	@python -m pipeline.demo

demo-ui: setup ## the MLflow UI on the demo's runs (PORT=5000)
	@[ -f out/demo/mlflow.db ] || { echo "no demonstration has been run here: make demo" >&2; exit 1; }
	@$(call free,$(or $(PORT),5000)); cd out/demo && env -u MLFLOW_TRACKING_URI python -m dl4ia.tracking.mlflow
	@$(call mlflow,out/demo)

demo-dashboard: setup ## optuna-dashboard on the demo's study (PORT=8080)
	@$(call dashboard,out/demo,make demo)

test: setup ## run the tests
	python -m pytest -m "not slow and not system"

test-slow: setup ## run what takes seconds each: more variations
	python -m pytest -m "slow and not system"

test-system: setup ## run what takes minutes: whole pipelines, every variation of a fault
	python -m pytest -m system

test-gpu: setup ## run the tests of trainings on a GPU, which are skipped elsewhere
	python -m pytest -m gpu

test-all: test test-slow test-system ## run all tests

torture: setup ## kill, starve and corrupt everything for real, and count what is lost
	python -m tests.faults

bench: setup ## measure trainings beside what a user would pick instead: 45 minutes on a quiet machine
	python -m benchmarks.comparison

bench-quick: setup ## compare the speed of trainings with that of REV: two minutes on a quiet machine (REV=HEAD)
	python -m benchmarks.quick "$(REV)"

lint: setup ## style, types and the direction of imports
	ruff check .
	ruff format --check .
	mypy
	lint-imports

repro: setup ## rebuild what is out of date of the report's experiments and studies, JOBS=2 stages at a time
	$(call reproduce,report)

repro-best: setup ## the same of better networks and of experiments about the report (GROUP=splits: one group)
	$(call reproduce,$(GROUP))

# Workers of a study have one thread each: it uses all cores, and is not left with a share of them in the end.
search@%:
	$(call beside,$(CORES),$@)

evaluate@%:
	$(call beside,$(SHARE),train@$* $@)

continue: setup ## the same where only the committed text is: compute what that lacks, and nothing else
	dvc repro split split-folder
	@! grep -qs '"source": "stand-in"' out/dataset/*-source.json || grep -qs '"source": "stand-in"' results/source.json || \
		{ echo "the published data are not available (see docs/data.md): on the stand-in all results would be computed anew" >&2; exit 1; }
	dvc repro --allow-missing

same: setup ## show that the code of REV computes the same to the bit, so that nothing reruns (REV=HEAD)
	python -m pipeline.same "$(REV)"

report: setup ## results/*.csv and report/, from results/ alone
	python -m pipeline.report

publish: setup ## show every run and study on disk in MLflow
	python -m pipeline.publish

ui: publish ## the MLflow UI on this machine (PORT=5000)
	@case "$$MLFLOW_TRACKING_URI" in \
	"") $(call mlflow,.);; \
	http*) echo "MLFLOW_TRACKING_URI names a server: see the addresses above";; \
	*) $(call mlflow,.,"$$MLFLOW_TRACKING_URI");; esac

dashboard: setup ## optuna-dashboard on the studies (PORT=8080)
	@if [ -z "$$OPTUNA_STORAGE" ]; then $(call dashboard,.,dl4ia search STUDY); else $(call free,$(or $(PORT),8080)); \
	optuna-dashboard "$$OPTUNA_STORAGE" --host 127.0.0.1 --port $(or $(PORT),8080); fi

cluster: setup ## a Dask cluster on this machine: a scheduler, and a worker for each core (PORT=8786)
	@$(call free,$(or $(PORT),8786)); address=tcp://127.0.0.1:$(or $(PORT),8786); trap 'kill 0' EXIT; \
	dask scheduler --host 127.0.0.1 --port $(or $(PORT),8786) --no-dashboard & \
	echo "in another terminal, in this folder: DASK_SCHEDULER_ADDRESS=$$address dvc repro"; \
	cores=$(cores); \
	dask worker $$address --nthreads 1 --nworkers $$cores --memory-limit 0 --no-dashboard

share: setup ## send all outputs to the DVC remote, or to a new one (REMOTE=s3://bucket/path)
	@dl4ia share $(if $(REMOTE),"$(REMOTE)")

fetch: setup ## bring all outputs of dvc.lock from the DVC remote
	@dl4ia fetch

docs: setup ## the pages of docs/ as a site on this machine (PORT=8000)
	@$(call free,$(or $(PORT),8000)); NO_MKDOCS_2_WARNING=1 mkdocs serve --dev-addr 127.0.0.1:$(or $(PORT),8000)

clean: ## remove what a demo and tests leave, no result
	rm -rf out/demo dvc_plots .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
