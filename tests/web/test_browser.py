"""The dashboard in a real Chromium: every page, on a phone and a desktop, in light and dark mode."""

import json
import re
import shutil
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.web import TOKEN, served_rules
from tracker.db import migrate
from tracker.db.database import connect
from tracker.reports import daily_stats
from tracker.reports.rows import select

CHROMIUM = shutil.which("chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[browser]'")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium")

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
PATHS = ("/", "/orders", "/orders?q=bad-1", "/orders/main/good-1", "/orders/main/bad-1", "/services", "/panels",
         "/hooks", "/alerts", "/nope")  # fmt: skip
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
# Chromium asks its maker for this and that at every start; these tests are about the page.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


class Seen:
    """A page, and what the browser reported while it was open."""

    def __init__(self, browser, size="desktop", scheme="light", **options):
        width, height = SIZES[size]
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))

    def problems(self, url):
        """Returns the messages of the console, except 404s that the test expects, and the requests to other hosts."""
        return [line for line in self.said if "404 (NOT FOUND)" not in line] + [
            f"asked {other}" for other in self.asked if urlsplit(other).netloc != urlsplit(url).netloc
        ]


def follow(page, link):
    with page.expect_navigation():
        link.click()


@pytest.fixture
def look(browser):
    opened = []

    def look(**options):
        opened.append(Seen(browser, **options))
        return opened[-1]

    yield look
    for one in opened:
        one.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_quiet_asks_nobody_else_and_can_be_used_by_everybody(served, look, size, scheme):
    one = served()
    seen = look(size=size, scheme=scheme)
    for path in PATHS:
        seen.page.goto(one.url + path)
        # By the debugger's side door: the page's own policy would not let a script in.
        found = seen.page.evaluate(AXE + "; axe.run(document, {resultTypes: ['violations']})")
        serious = [
            (path, violation["id"], [node["html"][:120] for node in violation["nodes"]])
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        assert serious == []
        overflow = seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{path} is {overflow} px wider than a {size}"
    assert seen.problems(one.url) == []


def test_every_link_leads_somewhere(served, look):
    one = served()
    seen = look()
    wanted, done = ["/"], set()
    while wanted and len(done) < 80:
        path = wanted.pop(0)
        if path in done:
            continue
        done.add(path)
        answer = seen.page.goto(one.url + path)
        assert answer.status == 200, path
        hrefs = seen.page.eval_on_selector_all("a[href]", "all => all.map(one => one.getAttribute('href'))")
        wanted += [href for href in hrefs if href.startswith("/") and href not in done]
    assert {"/", "/orders", "/services", "/panels", "/hooks", "/alerts"} <= done
    assert any(path.startswith("/orders/") for path in done)


def test_the_search_finds_by_id_reference_link_and_service(served, look):
    one = served()
    seen = look()
    for text in ("good-1", "client-A", "https://pages.example/p/"):
        seen.page.goto(one.url + "/orders")
        seen.page.fill("input[name=q]", text)
        seen.page.press("input[name=q]", "Enter")
        seen.page.wait_for_url("**/orders?q=*")
        assert seen.page.locator("tbody tr td:first-child").all_inner_texts() == ["main good-1"]
    seen.page.fill("input[name=q]", "12")
    seen.page.click("main form button")
    seen.page.wait_for_url("**/orders?q=12*")
    cells = seen.page.locator("tbody tr")
    assert cells.count() > 5
    for n in range(cells.count()):
        texts = cells.nth(n).locator("td").all_inner_texts()
        assert texts[2] == "12" or texts[0].split()[1].startswith("12")


def test_filters_and_pages_show_every_order_once(served, look, history):
    one = served()
    seen = look()
    seen.page.goto(one.url + "/orders?panel=spare")
    found = []
    while True:
        found += seen.page.locator("tbody tr td:first-child").all_inner_texts()
        older = seen.page.locator("a[rel=next]")
        if not older.count():
            break
        follow(seen.page, older)
    with history.session():
        sql = "SELECT remote_id FROM orders WHERE panel = 'spare' ORDER BY id DESC"
        expected = [f"spare {row[0]}" for row in select(history, sql)]
    assert found == expected
    assert len(found) == 70


def test_the_charts_have_the_numbers_that_the_report_has(served, look, history):
    one = served()
    seen = look()
    seen.page.goto(one.url + "/")
    marks = seen.page.eval_on_selector_all(
        "svg[aria-label^='How orders ended'] rect[data-value]",
        "all => all.map(one => [one.dataset.label, one.dataset.series, one.dataset.value])",
    )
    with history.session():
        sums = daily_stats.read(history, "UTC", durations=())
        status = dict(select(history, "SELECT coalesce(status, 'new'), count(*) FROM orders GROUP BY 1"))
    expected = {}
    for (day, _, _, what), n in sums.counts.items():
        name = what.removeprefix("to:")
        if name in ("completed", "partial", "canceled", "refunded", "failed", "expired"):
            expected[day[5:], name] = expected.get((day[5:], name), 0) + n
    assert {(day, name): int(value) for day, name, value in marks} == expected
    assert len(expected) > 5
    ranks = seen.page.eval_on_selector_all(
        "svg[aria-label^='Orders by status'] rect[data-value]",
        "all => all.map(one => [one.dataset.label, one.dataset.value])",
    )
    assert {name.replace(" ", "_"): int(value) for name, value in ranks} == status
    back = seen.page.eval_on_selector_all(
        "svg[aria-label^='Money that came back'] rect[data-value]", "all => all.map(one => one.dataset.value)"
    )
    told = [value for key, value in sums.money.items() if key[2] == "service" and key[5] == "back"]
    assert sum(map(Decimal, back)) == sum(told)


# Texts of a picture that are covered by another one, or stick out of it.
CLASHES = """all => all.flatMap(svg => {
  const frame = svg.getBoundingClientRect(), found = [];
  const texts = [...svg.querySelectorAll('text')].map(one => [one.textContent, one.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0);
  texts.forEach(([text, a], n) => {
    if (a.left < frame.left - 1 || a.right > frame.right + 1) found.push(`${text} sticks out`);
    if (a.height < 9) found.push(`${text} is ${a.height} px high`);
    for (const [other, b] of texts.slice(n + 1))
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3)
        found.push(`${text} on ${other}`);
  });
  return found;
})"""


@pytest.mark.parametrize("size", SIZES)
def test_every_picture_fits_and_can_be_read(served, look, size):
    one = served()
    seen = look(size=size)
    for path in ("/", "/services", "/panels", "/orders/main/3"):
        seen.page.goto(one.url + path)
        assert seen.page.locator("svg.chart").count() > 0, path
        assert seen.page.eval_on_selector_all("svg.chart", CLASHES) == [], path


def test_what_needs_somebody_leads_to_just_these_orders(served, look, history):
    one = served(rules=served_rules(stuck_after_s=3600.0))
    seen = look()
    seen.page.goto(one.url + "/")
    needs = seen.page.locator(".needs a[href^='/orders']")
    hrefs = [needs.nth(n).get_attribute("href") for n in range(needs.count())]
    texts = seen.page.locator(".needs li:has(a[href^='/orders'])").all_inner_texts()
    assert {href.partition("&")[0] for href in hrefs} == {"/orders?only=stuck", "/orders?only=owed"}
    for href in set(hrefs):
        wanted = sum(count_in(text) for text, of in zip(texts, hrefs, strict=True) if of == href)
        seen.page.goto(one.url + href)
        found = seen.page.locator("tbody tr").count()
        while (older := seen.page.locator("a[rel=next]")).count():
            follow(seen.page, older)
            found += seen.page.locator("tbody tr").count()
        assert found == wanted > 0, href


def count_in(text):
    """`12 orders of main are stuck`, `main owes 3.57860 EUR for 8 orders`"""
    (n,) = re.findall(r"(\d+) orders?\b", text)
    return int(n)


def test_a_tracker_that_has_nothing_yet_says_what_to_do(served, look, tmp_path):
    database = connect(f"sqlite:///{tmp_path}/empty.db")
    migrate.migrate(database)
    seen = look()
    one = served(database=database)
    for path in ("/", "/orders"):
        seen.page.goto(one.url + path)
        assert "tracker orders add PANEL ID" in seen.page.inner_text("main")
        assert "Nothing. Panels answer" not in seen.page.inner_text("main")
    for path, words in (("/orders?q=x", "No order matches"), ("/hooks", "No delivery yet"), ("/alerts", "No alert"),
                        ("/services", "No order has ended yet"), ("/panels", "No balance is known yet"),
                        ("/orders/main/1", "Order 1 of panel main is not tracked")):  # fmt: skip
        seen.page.goto(one.url + path)
        assert words in seen.page.inner_text("main"), path
    assert seen.problems(one.url) == []


def test_it_works_without_a_script_and_is_better_with_one(served, look):
    one = served()
    bare = look(java_script_enabled=False)
    bare.page.goto(one.url + "/")
    assert bare.page.locator("svg.chart").count() >= 3
    follow(bare.page, bare.page.locator("nav >> text=Orders"))
    assert bare.page.locator("tbody tr").count() == 50

    seen = look()
    seen.page.goto(one.url + "/")
    mark = seen.page.locator("svg[aria-label^='Orders by status'] rect[data-value]").first
    mark.hover()
    assert seen.page.locator("#tip").inner_text() == mark.locator("title").text_content()
    before = len(seen.asked)
    seen.page.wait_for_function("document.querySelector('#live .age')")
    seen.page.evaluate("htmx.ajax('GET', '/', {target: '#live', select: '#live', swap: 'outerHTML'})")
    seen.page.wait_for_function(f"performance.getEntriesByType('resource').length >= {before}")
    assert seen.page.locator("#live").count() == 1
    assert seen.problems(one.url) == []


def test_the_keyboard_reaches_everything_and_the_first_stop_is_the_content(served, look):
    seen = look()
    seen.page.goto(served().url + "/orders")
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("document.activeElement.id") == "content"
    reached = []
    for _ in range(9):
        seen.page.keyboard.press("Tab")
        reached.append(seen.page.evaluate("document.activeElement.name || document.activeElement.tagName"))
    assert reached[:6] == ["q", "panel", "status", "tracking", "only", "BUTTON"]


def test_nobody_sees_anything_before_the_token_is_given(served, look):
    locked = served(token=TOKEN)
    seen = look()
    seen.page.goto(locked.url + "/orders")
    assert seen.page.url == locked.url + "/login"
    seen.page.fill("input[name=token]", "wrong")
    seen.page.press("input[name=token]", "Enter")
    assert seen.page.locator("[role=alert]").inner_text() == "This token is wrong."
    seen.page.fill("input[name=token]", TOKEN)
    seen.page.press("input[name=token]", "Enter")
    seen.page.wait_for_url(locked.url + "/")
    cookies = seen.context.cookies()
    assert [(one["httpOnly"], one["sameSite"]) for one in cookies] == [(True, "Strict")]
    assert TOKEN not in json.dumps(cookies)
    seen.page.click("text=Log out")
    assert seen.page.url == locked.url + "/login"
