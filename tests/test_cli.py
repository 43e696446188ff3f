"""The command line: what it takes, and how it ends."""

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dl4ia.cli import ending_in_one_line, run
from dl4ia.cli.tables import show
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def _signals():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with params.yaml, and nothing that it describes."""
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ended(*words, capsys):
    """Run a command that fails; return its exit code and the line it prints."""
    with pytest.raises(SystemExit) as end:
        run(words)
    if isinstance(end.value.code, str):  # Python prints it and exits with 1
        return 1, end.value.code
    return end.value.code, capsys.readouterr().err.rstrip("\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train"], "error: missing argument 'VARIANT'; see `dl4ia train --help`"),
        (["evaluate"], "error: missing argument 'NAME'; see `dl4ia evaluate --help`"),
        (["search", "joint", "--cores", "2"], r"error: no such option: --cores .*; see `dl4ia search --help`"),
        (["trian", "mnist-cnn"], r"error: no such command 'trian'. Did you mean 'train'\?; see `dl4ia --help`"),
        (["search", "lambda", "--workers", "0"], "error: invalid value for '--workers': .* greater .* 1; .*"),
        (["search", "lambda", "--trials", "many"], "error: invalid value for '--trials': .* valid integer.*"),
        *[
            (["predict", "x.png", f"--microns-per-pixel={scale}"], "error: invalid value for '?--microns-per-pixel.*")
            for scale in ("0", "-1", "nan", "inf", "wide")
        ],
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line_and_exit_code_2(words, message, capsys):
    code, line = ended(*words, capsys=capsys)
    assert code == 2
    assert re.fullmatch(message, line)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "mnist-cn"], r"error: variant 'mnist-cn' is not in params.yaml; did you mean 'mnist-cnn'\?.*"),
        (["train", "warwick-searched"], "error: variant 'warwick-searched' takes its settings .* run its study .*"),
        (["evaluate", "mnist-cnn"], r"error: out/runs/mnist-cnn/seed-0 is missing: run `dvc repro train@mnist-cnn`"),
        (["train", "warwick-ensemble"], "error: warwick-ensemble is an ensemble, .* of its own: train .*"),
        (["search", "lamda"], r"error: study 'lamda' is not in params.yaml; did you mean 'lambda'\?; it has .*"),
        (["search", "lambda", "--workers", "1000"], r"error: --workers: got 1000, and this machine has \d+ cores"),
        (["search", "lambda", "--trials", "9"], "error: --trials: got 9, and the grid has 8 points"),
        (["split", "mnist"], "error: out/dataset/mnist-train.npz is missing: run `dvc repro split` first, .*"),
        (["train", "mnist-cnn", "iteratons=5"], r"error: iteratons: unknown key; did you mean 'iterations'\?"),
        (["train", "mnist-cnn", "iterations=[5"], r"error: iterations: got '\[5', expected a value as in params.yaml"),
        (["train", "mnist-cnn", "iterations=0"], "error: iterations: got 0: Input should be greater than 0"),
        (["train", "iterations=5"], "error: iterations=5: expected the name of a variant before settings"),
        (["train", "mnist-cnn", "--seeds", "1-3"], "error: --seeds: got '1-3', expected whole numbers, such as 0,1,2"),
        (["train", "mnist-cnn", "mnist-fc", "--seeds", "0"], "error: KEY=VALUE and --seeds are for one variant .*"),
        (["compare", "mnist-cnn"], "error: mnist-cnn: expected the names of at least two variants"),
        (["compare", "mnist-cnn", "mnist-fc"], "error: results/mnist-cnn is missing: `dvc repro .*"),
        (["compare", "mnist-cnn", "mnist-f"], "error: variant 'mnist-f' is not in params.yaml; did you mean .*"),
        (["report"], "error: results: no variant has been evaluated yet: run `dvc repro`"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_code_1(words, message, here, capsys):
    code, line = ended(*words, capsys=capsys)
    assert code == 1
    assert re.fullmatch(message, line)


def test_a_folder_without_params_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert ended("list", capsys=capsys) == (1, "error: params.yaml is missing: run from the project's root")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_with_one_line_that_says_how_to_continue(number, code, monkeypatch, capsys):
    """Also while Typer runs it, which would make a success of KeyboardInterrupt."""
    monkeypatch.setattr("dl4ia.base.working_copy.check_code", lambda _: os.kill(os.getpid(), number))
    with pytest.raises(SystemExit) as end:
        run(["list"])
    assert end.value.code == code
    assert capsys.readouterr().err == (
        f"stopped by {number.name}: all that is done is kept, and the same command resumes\n"
    )


def test_an_error_of_the_system_names_the_file(capsys):
    def work():
        raise OSError(28, "No space left on device", "out/split/warwick/none.json")

    with pytest.raises(SystemExit) as end:
        ending_in_one_line(work)
    assert end.value.code == (
        "error: out/split/warwick/none.json: No space left on device; "
        "no file is half-written: run the same command again"
    )


def test_the_list_has_all_variants_and_studies(here, capsys):
    run(["list"])
    text = capsys.readouterr().out
    for row in (
        "variant +mnist-cnn +0 of 10 runs +not evaluated +three convolutions, ReLU then pool, SGD",
        "variant +warwick-searched +not started +not evaluated +waits for results/search/joint/best.yaml",
        "study +lambda +not started +weight decay against .*",
    ):
        assert re.search(f"^{row}$", text, re.MULTILINE)


def test_help_is_fast_and_has_examples():
    command = "import sys; from dl4ia.cli import run\ntry: run(['--help'])\nfinally: print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout
    assert "dl4ia train mnist-cnn" in printed
    assert not {"torch", "pandas", "pydantic"} & set(printed.splitlines()[-1].split())


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"MPLBACKEND": "not-installed"}])
def test_a_terminal_without_signs_and_a_backend_without_package_end_no_command(variables):
    command = """
from dl4ia.cli import ending_in_one_line
def work():
    import matplotlib.figure
    print("0.986 \u00b1 0.002")
ending_in_one_line(work)
"""
    ended = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, check=False, env=os.environ | variables
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.decode() in ("0.986 ± 0.002\n", "0.986 ? 0.002\n")


def test_a_stage_script_without_its_name_is_one_line():
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline.train"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == "error: missing argument 'VARIANT'; see `dl4ia train --help`\n"


@pytest.mark.parametrize(("error", "code"), [("None", 0), ("SystemExit('error: no')", 1), ("SystemExit(130)", 130)])
def test_a_thread_that_still_runs_holds_up_and_changes_nothing(error, code):
    """Python would wait for it, or abort where it is in C++; its output would be lost."""
    command = f"""
import threading, time
from dl4ia.cli import program
def work(words):
    threading.Thread(target=time.sleep, args=(60,)).start()
    print("done")
    if {error}: raise {error}
program.run = work
program.main("train")
"""
    ended = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False, timeout=30)
    assert ended.returncode == code
    assert ended.stdout == "done\n"
    assert ended.stderr == ("error: no\n" if code == 1 else "")


def test_predictions_are_printed_with_where_they_are(here, capsys):
    shutil.copytree(ROOT / "models" / "mnist", here / "models" / "mnist")
    Image.fromarray(np.diag(np.full(40, 255, dtype=np.uint8))).save(here / "x.png")
    run(["predict", "x.png", "--model", "mnist", "--out", "found"])
    printed = capsys.readouterr().out
    assert re.search(r"image +width +height +digit +probability\n *x.png +40 +40 +\d +[01]\.\d+", printed)
    assert printed.endswith("pictures, and this table as predictions.csv, are in found\n")


def test_variants_are_compared_by_committed_results_alone(here, capsys):
    names = ("mnist-cnn", "mnist-adam")
    for name in names:
        shutil.copytree(ROOT / "results" / name, here / "results" / name)
    run(["compare", *names, "--out", "curves.png"])
    first, row, last = capsys.readouterr().out.splitlines()
    assert first.split() == [
        "on",
        "variant",
        "minus",
        "difference",
        "95",
        "%",
        "interval",
        "runs",
        "images",
        "p",
        "verdict",
    ]
    assert re.fullmatch(r"test +mnist-cnn +mnist-adam +\+0\.006\d +\[\+.*\] +10, 10 +10000 +(< )?0\.00\d +better", row)
    assert last == "curves of the runs that trained: curves.png"
    assert Image.open(here / "curves.png").width > 500
    run(["compare", *reversed(names), "--json"])
    (pair,) = json.loads(capsys.readouterr().out)
    assert (pair["variant"], pair["rival"], pair["verdict"]) == ("mnist-adam", "mnist-cnn", "worse")


def test_variants_of_two_tasks_are_not_compared(here, capsys):
    for name in ("mnist-cnn", "warwick-start"):
        shutil.copytree(ROOT / "results" / name, here / "results" / name)
    code, line = ended("compare", "mnist-cnn", "warwick-start", capsys=capsys)
    assert (code, line) == (
        1,
        "error: mnist-cnn is of MNIST and warwick-start is of Warwick-QU: compare variants of one task",
    )


def test_the_list_is_available_as_json(here, capsys):
    run(["list", "--json"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["mnist-cnn"]["done_here"] == "0 of 10 runs"
    assert rows["mnist-cnn"]["mean"] is None


def test_names_of_params_are_completed_in_a_shell(here):
    asked = {"_DL4IA_COMPLETE": "complete_bash", "COMP_WORDS": "dl4ia train mnist-", "COMP_CWORD": "2"}
    command = [sys.executable, "-c", "from dl4ia.cli import main; main()"]
    printed = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | asked).stdout
    assert {"mnist-cnn", "mnist-fc"} <= set(printed.split())
    assert "warwick-start" not in printed


def test_a_missing_optional_package_is_named_with_what_installs_it(monkeypatch):
    def work():
        importlib.import_module("optuna")

    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SystemExit) as end:
        ending_in_one_line(work)
    assert end.value.code == "error: optuna is not installed: `pip install 'dl4ia[search]'`"


def test_json_has_all_digits(capsys):
    show(pd.DataFrame({"p": [3.25e-12]}), as_json=True)
    assert json.loads(capsys.readouterr().out) == [{"p": 3.25e-12}]


@pytest.mark.parametrize("room", [40, 70, 200])
def test_names_and_numbers_are_whole_however_narrow_the_terminal_is(room, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(room))
    names = ["warwick-best-no-averaging", "warwick-best-no-augmentation"]
    about = "all of it but one ingredient, which is left out on purpose"
    show(pd.DataFrame({"name": names, "about": about, "interval": "[-0.0108, +0.0020]"}), as_json=False)
    lines = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).splitlines()
    assert [name for name in names for line in lines if line.startswith(f"{name} ")] == names
    assert sum("[-0.0108, +0.0020]" in line for line in lines) == 2
    assert max(map(len, lines)) <= max(room, 28 + 2 + 12 + 2 + 18)
    assert " ".join(" ".join(lines).split()).count("purpose") == 2


def test_a_variant_that_cannot_be_compared_is_named(here, capsys):
    names = ["warwick-best", "warwick-start", "warwick-l2-1e-2"]
    for name in names:
        shutil.copytree(ROOT / "results" / name, here / "results" / name)
    shutil.copytree(ROOT / "results" / "search", here / "results" / "search")
    run(["compare", *names, "--out", "curves.png"])
    assert capsys.readouterr().out.splitlines()[-2] == "warwick-l2-1e-2: no run trained, so that it is not compared"
    for target in ("curves.pdf", "results"):
        code, line = ended("compare", *names, "--out", target, capsys=capsys)
        assert (code, line) == (1, f"error: --out {target}: expected the name of a PNG file")
