import pandas as pd
import pytest

from dl4ia.config import Params
from dl4ia.errors import RunError
from dl4ia.evaluation import evaluate_variant
from dl4ia.experiment import experiments
from dl4ia.report.gains import gain_line
from dl4ia.report.page import write_report
from dl4ia.report.pairs import pairs
from dl4ia.report.pictures import draw_run
from dl4ia.report.shown import Shown
from dl4ia.report.tables import spread
from dl4ia.search.run import run_study
from dl4ia.search.storage import default_url
from dl4ia.train import train
from tests.conftest import shortened
from tests.search.conftest import _here, small

NAMES = ("mnist-cnn", "mnist-pool-first", "warwick-baseline", "warwick-combined", "warwick-combined-patient")


@pytest.fixture
def few(params, layout) -> Params:
    """A few variants, trained and evaluated for a moment."""
    variants = {name: shortened(params.variant(name), seeds=(0, 1)) for name in NAMES}
    for name, variant in variants.items():
        for experiment in experiments(name, variant, layout):
            train(experiment, lambda _: None)
        for folder in evaluate_variant(name, variant, layout):
            draw_run(folder)
    return params.model_copy(update={"variants": variants})


def test_the_report_has_its_tables_and_every_picture_it_shows(few, layout):
    write_report(few, layout)
    page = (layout.report / "report.md").read_text()
    pictures = [line.split("](")[1].rstrip(")") for line in page.splitlines() if line.startswith("![")]
    assert len(pictures) >= len(NAMES) + 6
    assert all((layout.report / picture).stat().st_size > 1000 for picture in pictures)
    assert "**Not the real data.** mnist and warwick" in page
    assert "in 2 of 2 seeds the test loss is equal" in page
    assert "`warwick-combined-patient` (patient split, " in page
    assert "| warwick-combined | test A Dice | 0.751 |" in page
    assert "no gradient comes back" in page
    assert "Adam(lr=0.01, betas=(0.9, 0.999)" not in page  # none of these trains with it
    assert "AdamW(lr=0.01, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.001, amsgrad=False)" in page

    summary = pd.read_csv(layout.results / "summary.csv", index_col="variant")
    runs = pd.read_csv(layout.results / "runs.csv")
    assert summary.index.tolist() == list(NAMES)
    assert len(runs) == 2 * len(NAMES)
    for name in NAMES:
        metric = "test_accuracy" if name.startswith("mnist") else "test_a_dice"
        values = runs[runs["variant"] == name][metric]
        assert summary.loc[name, f"{metric}_mean"] == pytest.approx(values.mean(), rel=1e-4)
        assert summary.loc[name, f"{metric}_low"] <= summary.loc[name, f"{metric}_high"]
    assert summary.loc["mnist-cnn", "weights"] == 21_512
    assert summary.loc["warwick-baseline", "reported"] == 0.789
    assert (layout.results / "source.json").exists()


def test_the_page_tells_what_was_searched_what_won_and_how_sure_one_can_be(few, layout, monkeypatch):
    monkeypatch.setattr("dl4ia.search.run.run_side_by_side", _here)
    study = small(few.studies["lambda"])
    run_study("lambda", study, layout, default_url(layout), 1, lambda _: None)
    winner = {"searched": {"warwick-combined-patient": "best.yaml"}, "studies": {"lambda": study}}
    write_report(few.model_copy(update=winner), layout)
    page = (layout.report / "report.md").read_text()
    trials = pd.read_csv(layout.results / "trials.csv")
    assert trials.columns.tolist() == [
        "study", "trial", "state", "value", "seconds", "regularization.kind", "regularization.strength"
    ]  # fmt: skip
    assert len(trials) == 8
    best = trials.loc[trials["value"].idxmax()]
    assert f"{best['trial']} | {best['value']:.4g} | {best['regularization.kind']} |" in " ".join(page.split())
    assert "- Searched: regularization: l2, weight-decay; λ: 0.0, 0.001, 0.005, 0.01." in page
    assert "Trials: 8 complete." in page
    assert "![validation Dice over λ](figures/search-lambda-lambda.png)" in page
    assert "| warwick-combined-patient | " in page[page.index("The winner, retrained") :]
    assert "**Reported**: validation 0.851, test A 0.751, a gap of 0.100, from one run." in page


def test_a_gain_is_given_with_its_interval_and_the_rivals_learned_runs(few, layout):
    runs = pd.DataFrame(
        {
            "variant": ["new"] * 3 + ["old"] * 4,
            "learned": [True] * 6 + [False],
            "test_a_dice": [0.9, 0.91, 0.92, 0.8, 0.81, 0.82, 0],
        }
    )

    def shown(name):
        learned = runs[(runs["variant"] == name) & runs["learned"]]["test_a_dice"]
        row = pd.Series({"learned": len(learned), "seeds": int((runs["variant"] == name).sum())})
        return Shown(
            name, few.variants["warwick-baseline"], row, pd.Series(spread("test_a_dice", learned)), "", layout.root
        )

    line = gain_line(shown("new"), shown("old"), runs)
    assert line["gain"] == "+0.100 [+0.077, +0.123]"  # t of 4 degrees of freedom: 2.776 * 0.01 * sqrt(2 / 3)
    assert line["theirs"].endswith("(3 of 4)")
    assert line["reported"] == "0.789"


def test_the_report_is_the_same_each_time(few, layout):
    found = []
    for _ in range(2):
        write_report(few, layout)
        found.append({path: path.read_bytes() for path in layout.report.rglob("*") if path.is_file()})
    assert found[0] == found[1]


@pytest.mark.parametrize("kept", [["mnist-cnn"], ["warwick-baseline"]])
def test_one_variant_alone_makes_a_report(few, layout, kept):
    write_report(few.model_copy(update={"variants": {name: few.variants[name] for name in kept}}), layout)
    page = (layout.report / "report.md").read_text()
    assert ("## Part 1" in page, "## Part 2" in page) == (kept == ["mnist-cnn"], kept == ["warwick-baseline"])


def test_a_run_that_failed_is_in_the_table_and_in_no_mean(few, layout):
    run = layout.run("mnist-cnn", 1)
    run.write_status(run.status | {"state": "failed"})
    write_report(few, layout)
    summary = pd.read_csv(layout.results / "summary.csv", index_col="variant")
    runs = pd.read_csv(layout.results / "runs.csv")
    assert summary.loc["mnist-cnn", "seeds"] == 1
    assert runs[runs["variant"] == "mnist-cnn"]["state"].tolist() == ["finished", "failed"]


def test_a_variant_that_was_not_trained_is_an_error(params, layout):
    with pytest.raises(RunError, match="mnist-fc.*is missing: run `dvc repro`"):
        write_report(params, layout)


def test_pairs_differ_in_one_setting_alone(params):
    assert {(first, second) for first, second, _, _ in pairs(params, "network.pool_first")} == {
        ("mnist-cnn", "mnist-pool-first"),
        ("mnist-adam", "mnist-relu-first"),
    }
    assert ("warwick-baseline", "warwick-logits") in {pair[:2] for pair in pairs(params, "network.relu_on_logits")}


def test_missing_values_are_left_out_of_a_mean():
    assert spread("dice", [0.5, float("nan"), 0.7])["dice_mean"] == pytest.approx(0.6)
