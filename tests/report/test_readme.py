import pandas as pd
import pytest

from dl4ia.base.errors import RunError
from dl4ia.report.readme import overview_table, read_summary, results_table, update_readme, updated
from dl4ia.report.sources import committed, stand_ins
from dl4ia.runs.layout import Layout
from tests.conftest import ROOT
from tests.report.conftest import README, Written

BEGIN, END = "<!-- overview:begin -->", "<!-- overview:end -->"


def test_the_committed_readme_has_the_committed_results() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = overview_table(read_summary(ROOT / "results" / "summary.csv"), stand_ins(committed(Layout(ROOT))))
    assert BEGIN in text
    assert updated(text, table) == text, "run `make report`"


def test_the_report_stage_writes_the_overview_of_its_results(written: Written) -> None:
    text = (written.layout.root / "README.md").read_text(encoding="utf-8")
    assert text.startswith(README.partition(BEGIN)[0])
    assert text.endswith(README.partition(END)[2])
    table = text.partition(f"{BEGIN}\n")[2].partition(f"\n{END}")[0]
    assert table == overview_table(read_summary(written.layout.results / "summary.csv"))


def test_the_report_has_the_table_of_all_results(written: Written) -> None:
    table = results_table(read_summary(written.layout.results / "summary.csv"))
    assert "| glands-wide | 2.2 | 5 of 5 | 0.840 ± 0.003 | [0.801, 0.872] | 0.857 ± 0.003 | – |" in table
    assert table in written.text


def test_the_overview_has_reported_reproduced_and_best(written: Written) -> None:
    lines = overview_table(read_summary(written.layout.results / "summary.csv")).splitlines()
    assert {line.count("|") for line in lines} == {5}
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| MNIST: test accuracy", "| Warwick-QU: test A Dice", "| Warwick-QU: test B Dice",
    ]  # fmt: skip
    assert "| 0.789 (glands-listed) | 0.775 ± 0.001, 2 of 5 runs |" in lines[3]
    assert lines[3].endswith("| **0.840 ± 0.003 [0.801, 0.872]** (glands-wide) |")
    assert "| – |" in lines[4]


def test_the_overview_leaves_out_the_stand_in(written: Written) -> None:
    summary = read_summary(written.layout.results / "summary.csv")
    assert "Warwick" not in overview_table(summary, ["warwick"])


def test_the_overview_has_no_champion_where_none_is_named(written: Written) -> None:
    summary = read_summary(written.layout.results / "summary.csv").assign(champion=False)
    assert all(line.endswith("| – |") for line in overview_table(summary).splitlines()[2:])


def test_every_line_of_the_table_has_as_many_cells(written: Written) -> None:
    lines = results_table(read_summary(written.layout.results / "summary.csv")).splitlines()
    assert {line.count("|") for line in lines} == {8}


def test_writing_it_twice_changes_nothing(clone: Written) -> None:
    before = clone.files()
    update_readme(clone.layout)
    assert clone.files() == before


def test_a_readme_without_markers_stays_as_it_is() -> None:
    assert updated("# Title\n", "| table |") == "# Title\n"
    assert updated(f"# Title\n{BEGIN}\nno end\n", "| table |") == f"# Title\n{BEGIN}\nno end\n"


def test_results_of_the_stand_in_have_no_reported_values(written: Written) -> None:
    summary = read_summary(written.layout.results / "summary.csv")
    table = results_table(summary, ["warwick"])
    assert "0.751" in results_table(summary)
    assert "0.751" not in table
    assert "**Warwick-QU**: Dice (gland), test A (the stand-in, not the real data)" in table


def test_without_results_there_is_no_table(clone: Written) -> None:
    (clone.layout.results / "summary.csv").unlink()
    with pytest.raises(RunError, match=r"summary.csv is missing: run `dvc repro report`"):
        update_readme(clone.layout)


def test_exercises_are_names_and_no_numbers(written: Written) -> None:
    assert read_summary(written.layout.results / "summary.csv")["exercise"].iloc[0] == "1.2"
    assert pd.api.types.is_string_dtype(read_summary(written.layout.results / "summary.csv")["exercise"])
