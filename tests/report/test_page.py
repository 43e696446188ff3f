import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from dl4ia.base.errors import RunError
from dl4ia.report.collect import Report, collect
from dl4ia.report.headlines import headlines
from dl4ia.report.html.inline import inline
from dl4ia.report.main import write_report
from tests.analysis.made_up import Run, write_variant
from tests.report.conftest import Written, sourced


class Page(HTMLParser):
    """What a browser would look up in a page: identifiers, links, sources and texts instead of pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.sources: list[str] = []
        self.unnamed: list[str] = []
        self.labels: set[str] = set()
        self.text = ""
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._script = tag in ("script", "style")
        self.ids += [values["id"] or ""] if "id" in values else []
        self.labels |= {values[key] or "" for key in ("aria-labelledby", "for") if key in values}
        if tag == "a":
            self.links.add(values["href"] or "")
        else:
            self.sources += [values[key] or "" for key in ("src", "href") if key in values]
        if tag == "img" and not values.get("alt"):
            self.unnamed.append(str(values))

    def handle_endtag(self, tag: str) -> None:
        self._script = self._script and tag not in ("script", "style")

    def handle_data(self, data: str) -> None:
        self.text += "" if self._script else f"{data} "  # cells stand apart


@pytest.fixture(scope="module")
def html(written: Written) -> str:
    return written.html


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_identifiers_are_unique_and_every_link_and_label_leads_to_one(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    inside = {link for link in page.links if link.startswith("#")}
    assert {"#variant-glands-wide", "#study-lambda", "#mnist", "#provenance"} <= inside
    assert {link[1:] for link in inside} | page.labels <= set(page.ids)


def test_the_page_needs_no_other_file_and_every_picture_has_a_text(page: Page) -> None:
    assert page.sources
    assert all(source.startswith("data:") for source in page.sources)
    assert page.links == {link for link in page.links if link.startswith("#")}
    assert not page.unnamed


def test_every_number_of_the_report_is_on_the_page_too(written: Written, page: Page) -> None:
    numbers = set(re.findall(r"\d+\.\d+|\d+ of \d+", written.text.replace("figures/", "")))
    assert len(numbers) > 100
    assert not numbers - set(re.findall(r"\d+\.\d+|\d+ of \d+", page.text))


def test_the_same_results_give_the_same_bytes(clone: Written, html: str, undrawn: None) -> None:
    write_report(clone.params, clone.layout)
    assert clone.html == html


def test_what_results_say_is_never_taken_for_markup() -> None:
    assert inline("a <b> & `x<y` is **so**, by 0.1 [0.0, 0.2]") == (
        'a &lt;b&gt; &amp; <code>x&lt;y</code> is <strong>so</strong>, by 0.1 <span class="nowrap">[0.0, 0.2]</span>'
    )


def test_there_are_five_findings_each_with_a_number(report: Report) -> None:
    lines = headlines(report)
    assert len(lines) == 5
    assert all(re.search(r"\d", each.number) and each.text.endswith(".") for each in lines)
    assert lines[0].text.startswith("MNIST: reported test accuracy")


@pytest.mark.slow
def test_a_demonstration_says_so_and_judges_nothing(clone: Written, undrawn: None) -> None:
    write_report(clone.params, clone.layout, notice="Made in a minute, of few images.")
    assert '<p class="notice">Made in a minute, of few images.</p>' in clone.html
    assert not re.search(r"\d, reproduced", Page(clone.html).text)
    assert "the champion" not in " ".join(
        each.text for each in headlines(collect(clone.params, clone.layout, "A demo"))
    )


def test_without_studies_or_a_second_task_there_are_no_empty_sections(clone: Written, undrawn: None) -> None:
    few = {name: clone.params.variants[name] for name in ("digits-cnn",)}
    changes = {"variants": few, "searched": {}, "ensembles": {}, "studies": {}}
    write_report(clone.params.model_copy(update=changes), clone.layout)
    page = Page(clone.html)
    assert "searches" not in page.ids
    assert "warwick" not in page.ids
    assert {link[1:] for link in page.links} <= set(page.ids)


def test_no_page_is_left_where_there_are_no_results(clone: Written, undrawn: None) -> None:
    before = clone.html
    for record in clone.layout.results.glob("*/runs.json"):
        record.unlink()
    with pytest.raises(RunError, match="no variant has been evaluated yet"):
        write_report(clone.params, clone.layout)
    assert clone.html == before


def test_a_task_of_which_no_run_trained_or_is_validated_has_a_page(clone: Written, undrawn: None) -> None:
    name = "glands-listed"
    write_variant(clone.params, clone.layout, name, [Run(dead=True)] * 2)
    few = {"variants": {name: clone.params.variants[name]}, "searched": {}, "ensembles": {}, "studies": {}}
    params = clone.params.model_copy(update=few)
    write_report(params, clone.layout)
    page, specs = Page(clone.html), charts(clone.html)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert set(specs) == {"scores-warwick", f"score-{name}", f"loss-{name}"}
    assert [each.text for each in headlines(collect(params, clone.layout))] == [
        "Warwick-QU: reported test A Dice reproduced.",
        "Warwick-QU: runs that did not train, of 1 variant; their scores are in no mean.",
    ]


@pytest.mark.slow
def test_results_of_the_stand_in_are_marked_and_stand_beside_no_reported_ones(clone: Written, undrawn: None) -> None:
    sourced(clone.layout, mnist="published", warwick="stand-in")
    write_report(clone.params, clone.layout)
    assert "The results of Warwick-QU are those of the built-in stand-in." in " ".join(Page(clone.html).text.split())
    text = Page(clone.html).text + json.dumps(charts(clone.html)["scores-warwick"])
    assert not re.search(r"0\.789|0\.751", text)
    assert "0.982, reproduced" in clone.html  # of MNIST, which is real


def test_segmentations_can_be_looked_at_a_layer_at_a_time(clone: Written, html: str, page: Page) -> None:
    kinds = re.findall(r'name="gallery-warwick" value="(.*?)"', html)
    assert kinds == ["Overlay", "Stain", "Annotation", "Prediction", "Confusion matrix"]
    assert page.text.count("worst: testA_1, Dice 0.50") == 4
    assert "glands-wide, seed 4, test A: gland, as annotated, white." in page.text
    assert (clone.layout.report / "figures" / "layers-glands-wide-seed-4-test_a.png").exists()
    assert "layers-" not in clone.text


def test_every_chart_has_data_and_a_place_on_the_page(html: str) -> None:
    specs = charts(html)
    assert set(re.findall(r'data-chart="(.*?)"', html)) == set(specs)
    assert {"overview-warwick", "validation-mnist", "scores-mnist", "history-sizes", "loss-glands-wide"} <= set(specs)
    text = json.loads(json.dumps(specs["scores-warwick"]))["layer"][1]["data"]["values"]
    assert re.search(r"^glands-combined  3/5,0,0\.806$", text, re.MULTILINE)


def test_a_curve_of_one_point_is_a_point(clone: Written, undrawn: None, html: str) -> None:
    name = "digits-pool-first"
    write_variant(clone.params, clone.layout, name, [Run()] * 2, points=1)
    write_report(clone.params, clone.layout)
    specs = charts(clone.html)
    line, point = specs["validation-mnist"]["layer"]
    assert (line["mark"]["type"], point["mark"]["type"]) == ("line", "point")
    _, *rows = point["data"]["values"].splitlines()
    assert [name in row for row in rows] == [True]
    assert len(charts(html)["validation-mnist"]["layer"]) == 1
    for each in ("digits-cnn", name):
        _, lines = specs[f"score-{each}"]["layer"][0]["layer"]
        assert lines["mark"]["point"] == (each == name)


def charts(html: str) -> dict[str, Any]:
    """Return the charts of a page."""
    match = re.search(r'<script type="application/json" id="charts">(.*?)</script>', html, re.DOTALL)
    assert match
    specs: dict[str, Any] = json.loads(match[1])
    return specs
