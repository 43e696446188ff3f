"""Several commands at once, on databases that do not exist yet.

`tests/search/test_processes.py` has searches that share a database.
"""

import os
import signal

import pytest

from tests.faults import scenarios
from tests.faults.servers import free_port, health
from tests.faults.test_stops import states_in_mlflow
from tests.workspaces import wait_until

HELD = "Unable to acquire lock"  # DVC's message, which goes on with who holds it


@pytest.mark.system
@pytest.mark.field("treeverse/dvc#10465", "stages run side by side by two commands fail")
def test_two_reproductions_a_search_and_the_ui_start_at_once(tmp_path):
    workspace = scenarios.reproduction(40).make(tmp_path / "workspace")
    workspace.run("dvc", "repro", "code", "split")
    port = free_port()
    database = f"sqlite:///{workspace.root}/mlflow.db"
    server = f"mlflow server --backend-store-uri {database} --host 127.0.0.1 --port {port}"
    ui = workspace.start("sh", "-c", f"python -m pipeline.publish && {server}")  # as `make ui` does
    targets = ("train@mnist-fc", f"train@{scenarios.VARIANT}", "search@joint")
    started = {target: workspace.start("dvc", "repro", "--single-item", target) for target in targets}
    try:
        for target, process in started.items():
            errors = process.communicate(timeout=300)[1]
            if process.returncode:
                assert HELD in errors, errors
                assert "Traceback" not in errors
                workspace.run("dvc", "repro", "--single-item", target)
        assert wait_until(lambda: health(f"http://127.0.0.1:{port}"), 60)
    finally:
        os.killpg(ui.pid, signal.SIGKILL)
        ui.communicate()
    workspace.run("python", "-m", "pipeline.publish")
    states = states_in_mlflow(workspace)
    assert len(states) == 2 + 2 + 1 + 4  # seeds of two variants, the study and its trials
    assert "RUNNING" not in states
    runs = [workspace.layout.run(name, seed) for name in ("mnist-fc", scenarios.VARIANT) for seed in (0, 1)]
    assert {run.status().state for run in runs} == {"finished"}
