"""The report's page as its readers use it, in a real browser, of the committed results of some variants."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from dl4ia.config import load
from dl4ia.report import main
from dl4ia.runs.layout import Layout

ROOT = Path(__file__).parents[2]
VARIANTS = ("mnist-fc", "mnist-cnn", "mnist-tanh", "warwick-baseline", "warwick-combined", "warwick-combined-patient")
SEARCHED = ("warwick-best",)
STUDIES = ("joint",)
SCREEN = {"width": 1280, "height": 800}
Open = Callable[..., Page]


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write the page in a copy of what git keeps; figures are there, and not drawn again."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("results", "report"):
        shutil.copytree(ROOT / folder, root / folder)
    params = load(ROOT / "params.yaml")
    params = params.model_copy(
        update={
            "variants": {name: params.variants[name] for name in (*VARIANTS, *SEARCHED) if name in params.variants},
            "searched": {name: params.searched[name] for name in SEARCHED},
            "studies": {name: params.studies[name] for name in STUDIES},
            "ensembles": {},
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main, "_draw", lambda *_: None)
        main.write_report(params, Layout(root))
    return (root / "report" / "index.html").as_uri()


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Open]:
    """Return what opens the page; in the end nothing may have been requested, and no error reported."""
    faults: list[str] = []
    contexts = []

    def visit(fragment: str = "", **options: object) -> Page:
        contexts.append(browser.new_context(**{"viewport": SCREEN, **options}))
        page = contexts[-1].new_page()
        page.on("console", lambda message: faults.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: faults.append(asked.url) if asked.url.startswith(("http", "ws")) else None)
        page.goto(address + fragment)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not faults


def drawn(page: Page, name: str) -> Locator:
    """Return the lines and points of a chart, once they are there."""
    chart = page.locator(f"[data-chart='{name}']")
    chart.scroll_into_view_if_needed()
    expect(chart.locator("svg")).to_be_visible()
    return chart


def test_the_first_screen_has_findings_short_tables_curves_and_segmentations(visit: Open) -> None:
    page = visit()
    expect(page.locator(".findings li")).to_have_count(5)
    assert all(re.search(r"\d", text) for text in page.locator(".findings li b").all_inner_texts())
    for task in ("mnist", "warwick"):
        expect(drawn(page, f"overview-{task}").locator(".mark-line path").first).to_be_visible()
    row = page.locator(".compact tr", has_text="warwick-combined").first
    assert re.search(r"4 of 5\s+0\.816 0\.792 to 0\.834\s+0\.751", row.inner_text())
    seen = page.locator(".strip img").evaluate("image => [image.naturalWidth, image.getBoundingClientRect().bottom]")
    assert seen[0] > 400
    assert seen[1] < 800


@pytest.mark.slow
def test_pointing_at_a_name_in_the_legend_fades_the_other_curves(visit: Open) -> None:
    chart = drawn(visit(), "overview-mnist")
    faint = chart.locator(".mark-line path[opacity='0.12']")
    expect(faint).to_have_count(0)
    chart.locator(".role-legend-label text").first.hover()
    expect(faint).to_have_count(len([name for name in VARIANTS if name.startswith("mnist")]) - 1)


def test_a_click_on_a_heading_sorts_and_another_one_turns_the_order(visit: Open) -> None:
    page = visit("#results")
    table = page.locator("table.sortable").first
    head = table.get_by_role("columnheader", name="Test")
    for order in ("ascending", "descending"):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", order)
        scores = [float(text.split()[0]) for text in table.locator("tbody td:nth-child(4)").all_inner_texts()]
        assert scores == sorted(scores, reverse=order == "descending")
        assert len(scores) == 3


def test_the_filter_keeps_variants_by_name_or_setting(visit: Open) -> None:
    page = visit("#results")
    rows = page.locator(".sortable tbody tr:visible")
    total = rows.count()
    page.get_by_label("Filter variants").fill("hardtanh")
    expect(rows).to_have_text([re.compile("mnist-tanh")])
    expect(page.locator("#filtered")).to_have_text(f"1 of {total} variants")
    page.get_by_label("Filter variants").fill("no such thing")
    expect(page.get_by_text("No variant matches.")).to_be_visible()
    page.get_by_label("Filter variants").fill("")
    expect(rows).to_have_count(total)


def test_a_variant_is_folded_and_a_link_to_it_opens_it_with_its_curves(visit: Open) -> None:
    page = visit()
    variant = page.locator("#variant-warwick-combined")
    expect(variant.locator(".settings")).to_be_hidden()
    page.locator(".compact").get_by_role("link", name="warwick-combined", exact=True).click()
    expect(variant.locator(".settings")).to_contain_text("ReLU on logits")
    for kind in ("score", "loss"):
        expect(drawn(page, f"{kind}-warwick-combined").locator(".mark-line path").first).to_be_visible()
    assert page.url.endswith("#variant-warwick-combined")


@pytest.mark.slow
def test_an_address_of_a_variant_opens_it(visit: Open) -> None:
    variant = visit("#variant-mnist-fc").locator("#variant-mnist-fc")
    expect(variant).to_have_attribute("open", "")
    expect(variant.locator("summary")).to_be_in_viewport()


def test_the_gallery_shows_one_kind_of_pictures_at_a_time(visit: Open) -> None:
    page = visit("#warwick-gallery")
    gallery = page.locator(".gallery:has([name=gallery-warwick])")
    kinds = ["Overlay", "Stain", "Annotation", "Prediction", "Confusion matrix"]
    choices, visible = gallery.get_by_role("radio"), gallery.locator("[data-kind]:visible")
    assert [choice.get_attribute("value") for choice in choices.all()] == kinds
    for choice, kind in zip(choices.all(), kinds, strict=True):
        choice.check()
        expect(visible).to_have_count(1)
        expect(visible).to_have_attribute("data-kind", kind)
        expect(visible.get_by_role("img").first).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize("fragment", ["", "#variant-warwick-combined"])
def test_on_a_phone_nothing_but_tables_and_charts_scrolls_sideways(visit: Open, fragment: str) -> None:
    page = visit(fragment, viewport={"width": 390, "height": 844}, has_touch=True)
    drawn(page, "overview-warwick")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.slow
def test_contents_stand_beside_the_text_on_a_wide_screen_and_fold_above_it_on_others(visit: Open) -> None:
    entry = visit(viewport={"width": 1600, "height": 900}).get_by_role("link", name="Provenance")
    expect(entry).to_be_visible()
    narrow = visit()
    entry = narrow.get_by_role("link", name="Provenance")
    expect(entry).to_be_hidden()
    narrow.locator(".contents summary").click()
    entry.click()
    expect(narrow.get_by_role("heading", name="Provenance")).to_be_in_viewport()
    expect(entry).to_be_hidden()


@pytest.mark.slow
def test_the_contents_mark_what_is_on_the_screen(visit: Open) -> None:
    page = visit(viewport={"width": 1600, "height": 900})
    page.get_by_role("link", name="Provenance").click()
    page.locator("nav").get_by_role("link", name="Results", exact=True).click()
    expect(page.locator("nav [aria-current]")).to_have_text("Results")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility_in_either_colour_scheme(visit: Open, scheme: str) -> None:
    page = visit("#variant-warwick-combined", color_scheme=scheme)
    expect(drawn(page, "score-warwick-combined")).to_have_attribute("data-drawn", scheme)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)" if scheme == "light" else "rgb(17, 21, 26)"
    )
    faults = [
        (each["id"], [node["target"] for node in each["nodes"]][:3])
        for each in Axe().run(page).response["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    assert not faults


@pytest.mark.slow
def test_charts_are_drawn_again_when_the_colours_of_the_page_change(visit: Open) -> None:
    page = visit()
    chart = drawn(page, "overview-mnist")
    expect(chart).to_have_attribute("data-drawn", "light")
    page.emulate_media(color_scheme="dark")
    expect(chart).to_have_attribute("data-drawn", "dark")


def test_on_paper_everything_is_unfolded(visit: Open) -> None:
    page = visit()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("#variant-mnist-fc")).not_to_have_attribute("open", "")
