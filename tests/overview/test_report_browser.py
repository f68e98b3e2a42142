"""The page of a report in a browser: no network, no errors, what one points at and clicks."""

import json
import re
import shutil
import time

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from skdeepcluster import report
from skdeepcluster.overview._rows import image_uri

pytest.importorskip("bokeh", reason="the page of a report needs skdeepcluster[report]")
webdriver = pytest.importorskip(
    "selenium.webdriver", reason="Selenium drives the browser: pip install selenium"
)

ActionBuilder = pytest.importorskip(
    "selenium.webdriver.common.actions.action_builder"
).ActionBuilder

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="no chromium and chromedriver: apt-get install chromium chromium-driver",
)

# What a user sees: Bokeh draws within shadow roots.
VISIBLE_TEXT = """
const found = []
function read(node) {
  if (node.nodeType === Node.TEXT_NODE) found.push(node.textContent)
  for (const child of node.shadowRoot ? node.shadowRoot.childNodes : []) read(child)
  if (!["SCRIPT", "STYLE"].includes(node.tagName)) for (const child of node.childNodes) read(child)
}
read(document.body)
return found.join(" ")
"""
TOOLTIP_IMAGES = """
const found = []
function read(node, drawn) {
  if (drawn && node.tagName === "IMG") found.push(node.src)
  for (const child of node.shadowRoot ? node.shadowRoot.childNodes : []) read(child, true)
  for (const child of node.childNodes) read(child, drawn)
}
read(document.body, false)
return found
"""
# The places of an entry of the legend and of a bar.
LEGEND_ITEM = """
let found
function search(node) {
  if (node.nodeType === Node.TEXT_NODE && node.textContent.trim() === name) found = node.parentNode
  for (const child of node.shadowRoot ? node.shadowRoot.childNodes : []) search(child)
  for (const child of node.childNodes) search(child)
}
const name = arguments[0]
const plot = Bokeh.index.roots[1]
plot.el.scrollIntoView({block: "center"})
search(plot.el)
const box = found.getBoundingClientRect()
return [box.x + box.width / 2, box.y + box.height / 2].map(Math.round)
"""
BAR = """
const plot = Bokeh.index.roots[0], data = plot.model.renderers[0].data_source.data
const box = plot.el.getBoundingClientRect()
return [box.x + plot.frame.x_scale.compute(data.size[arguments[0]] / 2),
        box.y + plot.frame.y_scale.compute(data.label[arguments[0]])].map(Math.round)
"""
# The place of a row of the plot in the window, once it is in view.
PLACE = """
const plot = Bokeh.index.roots[1], data = plot.model.renderers[0].data_source.data
plot.el.scrollIntoView({block: "center"})
const box = plot.el.getBoundingClientRect()
return [box.x + plot.frame.x_scale.compute(data.x[arguments[0]]),
        box.y + plot.frame.y_scale.compute(data.y[arguments[0]])].map(Math.round)
"""


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--window-size=1200,900", "--host-resolver-rules=MAP * ~NOTFOUND",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    digits = load_digits()
    X = digits.data[:300]
    path = tmp_path_factory.mktemp("report") / "page.html"
    found = report(KMeans(4, n_init=1, random_state=0).fit(X), X, images=(8, 8), path=path)
    browser.get(path.as_uri())
    until(lambda: browser.execute_script("return window.Bokeh && Bokeh.index.roots.length") == 4)
    return found


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "the browser did not get there"
        time.sleep(0.1)
    return value


def pointer(browser, x, y, *, click=False):
    actions = ActionBuilder(browser)
    actions.pointer_action.move_to_location(x, y)
    if click:
        actions.pointer_action.click()
    actions.perform()


def test_the_page_is_read_without_network_and_errors(browser, page):
    log = browser.get_log("browser")
    assert not [entry for entry in log if entry["level"] in ("SEVERE", "WARNING")], log
    requests = [
        json.loads(entry["message"])["message"]["params"]["request"]["url"]
        for entry in browser.get_log("performance")
        if '"Network.requestWillBeSent"' in entry["message"]
    ]
    assert {url.partition(":")[0] for url in requests} <= {"file", "data", "blob"}
    charts = browser.execute_script("return Bokeh.index.roots.map(view => view.model.type)")
    assert charts[:3] == ["Figure"] * 3


def test_pointing_at_a_row_shows_it(browser, page):
    row = int(page.prototypes[1][0])
    x, y = browser.execute_script(PLACE, row)
    pointer(browser, x - 3, y)
    pointer(browser, x, y)
    title = f"row {row}, cluster {page.labels[row]}, silhouette {page.silhouettes[row]:.2f}"
    until(lambda: title in browser.execute_script(VISIBLE_TEXT))
    shown = browser.execute_script(TOOLTIP_IMAGES)
    assert image_uri(page.shown["images"], page.shown["images"][row]) in shown


def test_a_click_keeps_a_row_in_view(browser, page):
    picked = browser.find_element("id", "picked")
    assert not picked.is_displayed()
    row = int(page.prototypes[2][0])
    pointer(browser, *browser.execute_script(PLACE, row), click=True)
    until(picked.is_displayed)
    shown = re.match(r"row (\d+), cluster (\d)", picked.find_element("tag name", "b").text)
    # Rows that lie upon each other are clicked together.
    assert int(shown[2]) == page.labels[int(shown[1])]
    distance = page.coordinates[int(shown[1])] - page.coordinates[row]
    assert np.linalg.norm(distance) < 0.05 * np.ptp(page.coordinates, axis=0).max()
    assert picked.find_element("tag name", "img").get_attribute("src").startswith("data:image/png")


def test_a_click_on_the_legend_hides_a_cluster(browser, page):
    visible = "return Bokeh.index.roots[1].model.renderers.map(r => r.visible)"
    assert browser.execute_script(visible) == [True] * 4
    x, y = browser.execute_script(LEGEND_ITEM, "2")
    pointer(browser, x, y, click=True)
    until(lambda: browser.execute_script(visible) == [True, True, False, True])


def test_a_click_on_a_bar_leads_to_its_cluster(browser, page):
    browser.execute_script("window.scrollTo(0, 0)")
    x, y = browser.execute_script(BAR, 3)
    pointer(browser, x, y, click=True)
    until(lambda: browser.current_url.endswith("#cluster-3"))
    top = "return document.getElementById('cluster-3').getBoundingClientRect().top"
    until(lambda: browser.execute_script(top) < 900)
