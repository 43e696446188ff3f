"""Everything at once on databases that are not there yet."""

import os
import signal

from dl4ia.runs import Layout
from tests.copies import wait_until
from tests.faults import scenes
from tests.faults.servers import free_port, health
from tests.faults.test_stops import states_in_mlflow

HELD = "Unable to acquire lock"  # DVC's, and then who holds it


def test_two_reproductions_a_search_and_the_ui_start_at_once(tmp_path):
    copy = scenes.a_reproduction(40).make(tmp_path / "copy")
    copy.run("dvc", "repro", "split")
    port = free_port()
    database = f"sqlite:///{copy.root}/mlflow.db"
    server = f"mlflow server --backend-store-uri {database} --host 127.0.0.1 --port {port}"
    ui = copy.start("sh", "-c", f"python -m pipeline.publish && {server}")  # as `make ui` does
    targets = ("train@mnist-fc", f"train@{scenes.VARIANT}", "search@joint")
    both = {target: copy.start("dvc", "repro", "--single-item", target) for target in targets}
    try:
        for target, process in both.items():
            said = process.communicate(timeout=300)[1]
            if process.returncode:
                assert HELD in said, said
                assert "Traceback" not in said
                copy.run("dvc", "repro", "--single-item", target)
        assert wait_until(lambda: health(f"http://127.0.0.1:{port}"), 60)
    finally:
        os.killpg(ui.pid, signal.SIGKILL)
        ui.communicate()
    copy.run("python", "-m", "pipeline.publish")
    states = states_in_mlflow(copy)
    assert len(states) == 2 + 2 + 1 + 4  # seeds of two variants, the study and its trials
    assert "RUNNING" not in states
    assert all(Layout(copy.root).run(name, seed).finished for name in ("mnist-fc", scenes.VARIANT) for seed in (0, 1))
