"""The champions as MLflow's models: image files in, what `dl4ia predict` says of them out."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from io import BytesIO

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import uvicorn
from mlflow.pyfunc import scoring_server
from PIL import Image

from dl4ia.prediction import predict
from dl4ia.runs.layout import Layout
from dl4ia.runs.saved_model import champion_folder
from dl4ia.tracking.mlflow import connect
from tests.conftest import ROOT
from tests.tasks.test_gland_prediction import picture
from tests.test_prediction import digit
from tests.tracking.conftest import runs_of
from tests.tracking.samples import finished, model


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """The address of the logged champion of each task, and that of the database that has them."""
    layout = Layout(tmp_path_factory.mktemp("served"))
    tracker, addresses = connect(layout), {}
    for task in ("mnist", "warwick"):
        tracker.update(finished(0.9, key=task, name=task, model=model(task)))
        addresses[task] = f"models:/{runs_of(layout, 'digits')[task].outputs.model_outputs[0].model_id}"
    return addresses, f"sqlite:///{layout.root}/mlflow.db"


@pytest.fixture
def address(addresses, monkeypatch):
    """How the address of a task's model is found, for MLflow as its user has set it up."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", addresses[1])
    return addresses[0].__getitem__


@pytest.fixture
def files(tmp_path):
    """Image files of each task, in several formats and sizes."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number, name in enumerate(("3.png", "5.bmp", "8.tif")):
        digit(int(name[0]), side=100 + number).save(folder / name)
    tissue = [Image.fromarray(picture(height, 400, (150, 150, 70))[0]) for height in (300, 350)]
    tissue[0].save(folder / "glands.jpg", quality=95)
    tissue[1].save(folder / "more-glands.tiff")
    named = {"mnist": ["3.png", "5.bmp", "8.tif"], "warwick": ["glands.jpg", "more-glands.tiff"]}
    return {task: [folder / name for name in names] for task, names in named.items()}


def encoded(content):
    return base64.b64encode(content).decode()


def requested(files):
    return pd.DataFrame({"image": [encoded(path.read_bytes()) for path in files]})


@pytest.mark.parametrize("task", ["mnist", "warwick"])
def test_answers_are_the_predictions_of_the_command_line(task, address, files, tmp_path):
    answer = mlflow.pyfunc.load_model(address(task)).predict(requested(files[task]))
    table = predict(files[task], str(champion_folder(task, ROOT)), tmp_path / "found")
    columns = {"mnist": ["digit", "probability"], "warwick": ["glands", "area_share"]}[task]
    pd.testing.assert_frame_equal(answer[columns], table[columns])
    assert answer.columns.tolist() == columns + ["mask"] * (task == "warwick")
    for path, mask in zip(files[task], answer.get("mask", []), strict=False):
        expected = np.asarray(Image.open(tmp_path / "found" / f"{path.stem}-mask.png"))
        np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(base64.b64decode(mask)))), expected)


@pytest.mark.slow
def test_a_scale_may_be_stated_for_some_images(address, files):
    served = mlflow.pyfunc.load_model(address("warwick"))
    image = requested(files["warwick"][:1])["image"][0]
    answer = served.predict(pd.DataFrame({"image": [image] * 3, "microns_per_pixel": [None, 0.62005, 2.5]}))
    unstated, as_published, coarse = answer["area_share"]
    assert unstated == as_published != coarse


@pytest.mark.slow
@pytest.mark.field("mlflow/mlflow#9680", "the logged model refuses its input for the type of its numbers")
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.float32, np.float64, object])
def test_a_scale_is_a_number_of_any_type(kind, address, files):
    request = requested(files["warwick"][:1])
    served = mlflow.pyfunc.load_model(address("warwick"))
    answers = [served.predict(request.assign(microns_per_pixel=np.array([1], dtype=each))) for each in (float, kind)]
    pd.testing.assert_frame_equal(*answers)


@pytest.mark.parametrize("task", ["mnist", "warwick"])
def test_signature_and_example_state_what_goes_in_and_comes_out(task, address):
    info = mlflow.models.get_model_info(address(task))
    inputs, outputs = ([(each["name"], each["type"]) for each in schema.to_dict()] for schema in (
        info.signature.inputs, info.signature.outputs))  # fmt: skip
    scale = [("microns_per_pixel", "double")] if task == "warwick" else []
    assert inputs == [("image", "string"), *scale]
    assert (
        outputs
        == {
            "mnist": [("digit", "long"), ("probability", "double")],
            "warwick": [("glands", "long"), ("area_share", "double"), ("mask", "string")],
        }[task]
    )
    served = mlflow.pyfunc.load_model(address(task))
    answer = served.predict(served.input_example)
    assert answer.columns.tolist() == [name for name, _ in outputs]
    assert answer.to_dict("records")[0].get("digit", 0) == 0  # the example is a ring


@pytest.fixture
def endpoint(address):
    """A function that serves the model of a task over HTTP as MLflow does, in a thread; returns its address."""
    with ExitStack() as stack:

        def serve(task):
            app = scoring_server.init(mlflow.pyfunc.load_model(address(task)))
            server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
            thread = threading.Thread(target=server.run)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.handle_exit, signal.SIGTERM, None)
            while not server.started:
                time.sleep(0.02)
            port = server.servers[0].sockets[0].getsockname()[1]
            return f"http://127.0.0.1:{port}/invocations"

        yield serve


def asked(address, *records):
    return requests.post(address, json={"dataframe_records": records}, timeout=60)


def test_requests_over_http_state_files_and_scales(endpoint, files):
    address = endpoint("warwick")
    image = encoded(files["warwick"][0].read_bytes())
    answer = asked(address, {"image": image}, {"image": image, "microns_per_pixel": 1})
    plain, coarse = answer.json()["predictions"]
    assert plain.keys() == {"glands", "area_share", "mask"}
    assert plain["glands"] > 0
    assert plain["area_share"] != coarse["area_share"]
    assert Image.open(BytesIO(base64.b64decode(plain["mask"]))).size == (400, 300)


DOCUMENTED = "http://127.0.0.1:5001/invocations"
PAGE = (ROOT / "docs" / "predict.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_requests_of_the_documentation_work(endpoint, files, tmp_path):
    address = endpoint("warwick")
    Image.open(files["warwick"][0]).save(tmp_path / "slide.png")
    (curl,) = re.findall(r"```text\n(echo .*?)```", PAGE, re.DOTALL)
    (python,) = re.findall(r"```python\n(import base64\n.*?)```", PAGE, re.DOTALL)
    answers = [
        subprocess.check_output([*words, block.replace(DOCUMENTED, address)], cwd=tmp_path, text=True)
        for words, block in ((["bash", "-c"], curl), ([sys.executable, "-c"], python))
    ]
    (row,) = json.loads(answers[0])["predictions"]
    assert answers[1] == f"{row['glands']} {row['area_share']}\n"
    assert (tmp_path / "mask.png").read_bytes() == base64.b64decode(row["mask"])


BLANK = BytesIO()
Image.new("L", (40, 40), 255).save(BLANK, format="PNG")


@pytest.mark.parametrize(
    ("task", "record", "message"),
    [
        ("mnist", {"image": "a picture!"}, "row 1: image: expected a BMP, JPEG, PNG or TIFF file in base64, .*"),
        ("mnist", {"image": encoded(b"a text" * 99)}, "row 1: image is not a readable image: .*"),
        ("mnist", {"image": encoded(b"II*\0" + b"x" * 99)}, "row 1: image is not a readable image: .*"),
        ("mnist", {"image": encoded(BLANK.getvalue())}, "row 1: there is no digit: all of it has the same shade"),
        ("warwick", {"image": "", "microns_per_pixel": 1.0}, "row 1: image is not a readable image: .*"),
        ("warwick", {"microns_per_pixel": -1.0}, "row 1: microns_per_pixel: got -1, expected a number above 0"),
        ("warwick", {"microns_per_pixel": 500.0}, "row 1: 400x300 pixels of 500 microns are too much tissue .*"),
    ],
)
def test_a_bad_request_is_answered_with_one_line(task, record, message, endpoint, files):
    image = {"image": encoded(files[task][0].read_bytes())}
    answer = asked(endpoint(task), image, image | record)
    assert answer.status_code == 400
    error = answer.json()
    assert error["error_code"] == "INVALID_PARAMETER_VALUE"
    assert "stack_trace" not in error
    *context, last = error["message"].splitlines()
    assert re.fullmatch(f"Error: {message}", last)
    assert sum(map(len, context)) < 500  # MLflow repeats the beginning of the table


@pytest.mark.parametrize("record", [{"picture": "x" * 9999}, {"image": ["x" * 9999]}])
def test_a_request_of_another_form_is_not_repeated_in_the_answer(record, endpoint):
    answer = asked(endpoint("mnist"), record)
    assert answer.status_code == 400
    assert "image" in answer.json()["message"]
    assert len(answer.text) < 999


@pytest.mark.system
@pytest.mark.parametrize("task", ["mnist", "warwick"])
def test_mlflow_serves_a_model_on_this_machine(task, address, files, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["-m", address(task), "--port", str(port), "--env-manager", "local"]
    command = [sys.executable, "-m", "mlflow", "models", "serve", *words]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with suppress(requests.ConnectionError):
                if requests.get(f"http://127.0.0.1:{port}/ping", timeout=5).ok:
                    break
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.5)
        records = requested(files[task]).to_dict("records")
        answer = asked(f"http://127.0.0.1:{port}/invocations", *records).json()["predictions"]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
    expected = mlflow.pyfunc.load_model(address(task)).predict(requested(files[task]))
    pd.testing.assert_frame_equal(pd.DataFrame(answer), expected)
    assert not [line for line in (tmp_path / "log").read_text().splitlines() if "Traceback" in line]


@pytest.mark.system
def test_another_process_loads_a_model_outside_of_the_repository(address, files, tmp_path):
    code = (
        "import base64, mlflow, pandas, sys\n"
        "image = base64.b64encode(open(sys.argv[2], 'rb').read()).decode()\n"
        "served = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "print(served.predict(pandas.DataFrame({'image': [image]}))['digit'][0])\n"
    )
    command = [sys.executable, "-c", code, address("mnist"), str(files["mnist"][0])]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert printed == "3\n"
