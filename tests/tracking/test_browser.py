"""What a person sees of published runs, in a real browser and from a real server."""

import re
import shutil
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dl4ia.runs.layout import Layout
from dl4ia.tracking.live import Champion, publish, views
from tests.faults.servers import Server
from tests.tracking.conftest import GROUP, NAME

pytestmark = pytest.mark.system

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PATIENCE = 60_000  # milliseconds; a machine may be busy


@pytest.fixture(scope="module")
def printed(evaluated, short, tmp_path_factory) -> Iterator[str]:
    """The address that publishing two seeds, their ensemble and a champion to a server prints."""
    root = tmp_path_factory.mktemp("seen")
    layout = Layout(shutil.copytree(evaluated.root, root / "copy"))
    to_publish = views(short, layout)
    with Server(root / "server") as server, pytest.MonkeyPatch.context() as context:
        server.start()
        context.setenv("MLFLOW_TRACKING_URI", server.address)
        with redirect_stdout(StringIO()) as output:
            publish(to_publish, layout, register=[Champion(GROUP, "the best one", to_publish[0])])
        (address,) = re.findall(f"^{GROUP}: (.*)$", output.getvalue(), re.MULTILINE)
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield started
        started.close()


@pytest.fixture
def page(browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1800, "height": 1000})
    opened.set_default_timeout(PATIENCE)
    yield opened
    opened.close()


@pytest.fixture(autouse=True, scope="module")
def _patience():
    expect.set_options(timeout=PATIENCE)
    yield
    expect.set_options()


def test_the_printed_address_opens_on_runs_by_variant_with_their_scores(printed, page):
    page.goto(printed)
    expect(page.get_by_text(f"Group: {NAME}")).to_be_visible()
    for name in (f"{NAME}/seed-0", f"{NAME}/seed-1", "mnist-ensemble"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    for column in ("final/test_accuracy", "final/validation_accuracy"):
        expect(page.get_by_role("columnheader", name=column).first).to_be_visible()
    expect(page.get_by_role("button", name="Sort: final/test_accuracy")).to_be_visible()
    expect(page.get_by_text("MNIST: a run for each variant and seed").first).to_be_visible()


def test_charts_show_curves_first_and_final_metrics_as_bars(printed, page):
    page.goto(f"{printed}&compareRunsMode=CHART")
    sections = page.get_by_test_id("experiment-view-compare-runs-section-header")
    expect(sections).to_contain_text(["curve", "final", "measured", "schedule", "Model metrics", "System metrics"])
    for number, (metric, drawing) in enumerate(
        [("curve/validation_accuracy", ".scatterlayer .lines"), ("final/test_accuracy", ".barlayer .bars")]
    ):
        sections.nth(number).scroll_into_view_if_needed()
        title = page.get_by_role("heading", name=metric)
        card = page.get_by_test_id("experiment-view-compare-runs-card").filter(has=title)
        expect(card.locator(drawing).first).to_be_attached()


def test_models_are_named_after_their_runs_and_the_champion_is_registered(printed, page):
    page.goto(re.sub(r"/runs\?.*", "/models", printed))
    for seed in (0, 1):
        expect(page.get_by_role("link", name=f"{NAME}-seed-{seed}", exact=True)).to_be_visible()
    page.get_by_role("link", name=f"{NAME}-seed-0", exact=True).click()
    expect(page.get_by_text("Takes a table with a column image: BMP, JPEG, PNG or TIFF files")).to_be_visible()
    page.goto(f"{printed.partition('#')[0]}#/models/{GROUP}")
    expect(page.get_by_text("the best one")).to_be_visible()
    expect(page.get_by_role("status", name="champion")).to_be_visible()
