"""The documentation site in a real browser: every page, narrow and wide, light and dark.

A page of each kind is checked with all rules of WCAG 2 A and AA that axe-core has, in all four settings. On every page:
no request to another host, no error, nothing wider than the screen, and enough contrast of the content, in all four.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from docsite import check
from docsite.__main__ import ROOT, main
from docsite.server import server, url
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

from tests.support.browser import find_browser

AXE = ROOT / "scripts" / "node" / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = {360: 740, 1280: 800}
SCHEMES = {"light": "default", "dark": "slate"}
# Contrast is read once colors have settled.
STILL = "*, ::before, ::after { transition: none !important; animation: none !important; }"
PARTS = 4


class Site(NamedTuple):
    """A served site; `pages` are URLs, relative to its own."""

    folder: Path
    url: str
    pages: list[str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    output = tmp_path_factory.mktemp("site")
    assert main(["build", "--output", str(output)]) == 0
    with server(output, 0) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        try:
            folder = output / "latest"
            pages = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.html"))]
            yield Site(folder, f"{url(serving)}latest/", [page.removesuffix("index.html") for page in pages])
        finally:
            serving.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Routes would turn the cache off, so names of other hosts lead nowhere instead; requests to them are seen anyway.
    arguments = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=find_browser(), args=arguments)
        yield started
        started.close()


class Visitor:
    """Reads pages, and notes what should not happen."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.problems: list[str] = []
        self._site = site
        # As soon as a page has content, before its own scripts.
        page.add_init_script(path=AXE)
        self._host = site.removesuffix("latest/")
        page.on("request", self._request)
        page.on("response", self._response)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.note(str(error)))

    def note(self, problem: str) -> None:
        self.problems.append(f"{self.page.url.removeprefix(self._site) or 'home'}: {problem}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self._host, "data:", "blob:")):
            self.note(f"asks another host: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.note(f"{response.status}: {response.url}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.note(message.text)

    def open(self, page: str) -> None:
        self.page.goto(self._site + page, wait_until="load")
        self.page.add_style_tag(content=STILL)

    def set_scheme(self, scheme: Any) -> None:
        self.page.emulate_media(color_scheme=scheme)
        expected = f"document.body.dataset.mdColorScheme === '{SCHEMES[scheme]}'"
        self.page.wait_for_function(expected)

    def check_width(self) -> None:
        wide, shown = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if wide > shown:
            self.note(f"{wide} pixels wide on a screen of {shown}")

    def check_access(self, rules: list[str], part: str = "html") -> None:
        """Run axe-core's rules, or the rules with these tags, on a part of the page."""
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        found = self.page.evaluate(f"axe.run({json.dumps(part)}, {json.dumps(options)})")
        for violation in found["violations"]:
            for node in violation["nodes"][:3]:
                why = " ".join(node["failureSummary"].split())
                scheme = self.page.evaluate("document.body.dataset.mdColorScheme")
                self.note(f"{scheme}: {violation['id']}: {node['html'][:160]}: {why[:300]}")


@contextmanager
def visitor(browser: Browser, site: Site, width: int) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": width, "height": WIDTHS[width]}, color_scheme="light")
    visiting = Visitor(context.new_page(), site.url)
    yield visiting
    context.close()


def kinds(pages: list[str]) -> list[str]:
    """Pages that differ in what they contain, and one of each kind that is generated."""
    generated = {page.split("/")[1]: page for page in pages if page.startswith("reference/")}
    return ["", "calls/", "contributing/", "errors-and-retries/", "export/", *sorted(generated.values())]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_of_each_kind_is_accessible(site: Site, browser: Browser, width: int) -> None:
    with visitor(browser, site, width) as visiting:
        for page in kinds(site.pages):
            assert page in site.pages
            visiting.open(page)
            for scheme in SCHEMES:
                visiting.set_scheme(scheme)
                visiting.check_access(["wcag2a", "wcag2aa"])
                visiting.check_width()
    assert not visiting.problems, "\n".join(visiting.problems)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_can_be_read(site: Site, browser: Browser, part: int) -> None:
    with visitor(browser, site, 1280) as visiting:
        for page in site.pages[part::PARTS]:
            visiting.open(page)
            for width, height in WIDTHS.items():
                visiting.page.set_viewport_size({"width": width, "height": height})
                visiting.check_width()
                for scheme in SCHEMES:
                    visiting.set_scheme(scheme)
                    visiting.check_access(["color-contrast"], "article")
    assert not visiting.problems, "\n".join(visiting.problems)


def test_no_link_or_anchor_is_dead_and_images_have_alternatives(site: Site) -> None:
    assert len(site.pages) > 20
    assert list(check.problems(site.folder)) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_search_finds_pages(site: Site, browser: Browser, width: int) -> None:
    with visitor(browser, site, width) as visiting:
        page = visiting.page
        visiting.open("export/")
        page.locator("label[for=__search]:visible, .md-search__button:visible").first.click()
        page.get_by_role("combobox").fill("request id")
        results = page.get_by_role("option")
        results.first.wait_for()
        targets = [urlsplit(str(result.get_attribute("href"))) for result in results.all()]
        found = {target.path.removeprefix("/latest/") for target in targets}
        assert found <= set(site.pages), found - set(site.pages)
        text = results.first.inner_text().lower()
        assert "request" in text
        assert "id" in text
        for scheme in SCHEMES:
            visiting.set_scheme(scheme)
            visiting.check_access(["color-contrast"])
        results.first.click()
        page.wait_for_url(f"**{targets[0].path}*")
    assert not visiting.problems, "\n".join(visiting.problems)


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("install", {"install/"}),
        ("total", {"paging/"}),
        ("schedule", {"reference/smarterproctoring/exam_sessions/schedule/"}),
        ("request id of failed call", {"errors/"}),
    ],
)
def test_a_right_page_is_among_the_first_three(site: Site, browser: Browser, question: str, answers: set[str]) -> None:
    with visitor(browser, site, 1280) as visiting:
        page = visiting.page
        visiting.open("export/")
        page.locator(".md-search__button:visible").first.click()
        page.get_by_role("combobox").fill(question)
        results = page.get_by_role("option")
        results.first.wait_for()
        found = [urlsplit(str(each.get_attribute("href"))).path for each in results.all()[:3]]
        assert answers & {path.removeprefix("/latest/") for path in found}, found
    assert not visiting.problems, "\n".join(visiting.problems)


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_covers_code_or_the_end_of_a_page(site: Site, browser: Browser, width: int) -> None:
    with visitor(browser, site, width) as visiting:
        visiting.open("reference/smarterproctoring/exam_sessions/schedule/")
        page = visiting.page
        page.locator(".md-code__nav").first.wait_for()
        covered = page.evaluate(
            """[...document.querySelectorAll("pre:has(> .md-code__nav)")].filter((block) => block.offsetWidth).filter(
              (block) => block.querySelector("code").getBoundingClientRect().right >
                block.querySelector("button").getBoundingClientRect().left).length"""
        )
        assert covered == 0
        if width == 360:
            page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
            end, button = page.evaluate(
                """[document.querySelector(".md-copyright").getBoundingClientRect().bottom,
                    document.querySelector(".md-sidebar-button").getBoundingClientRect().top]"""
            )
            assert end <= button
    assert not visiting.problems, "\n".join(visiting.problems)


def test_what_must_not_happen_is_noticed(site: Site, browser: Browser) -> None:
    # Otherwise the tests above would show nothing.
    with visitor(browser, site, 360) as visiting:
        visiting.open("")
        visiting.page.evaluate("fetch('http://elsewhere.invalid/x').catch(() => 0)")
        visiting.page.evaluate("fetch('missing').then(() => console.error('oh'))")
        visiting.page.evaluate("setTimeout(() => { throw new Error('thrown') })")
        visiting.page.evaluate(
            "document.querySelector('article').innerHTML = '<p style=\"width: 900px; color: #eee\">Faint</p>'"
        )
        visiting.check_width()
        visiting.check_access(["color-contrast"], "article")
    text = "\n".join(visiting.problems)
    for expected in (
        "asks another host: http://elsewhere.invalid/x", "404: ", ": oh", "thrown", "pixels wide", "color-contrast",
    ):  # fmt: skip
        assert expected in text
