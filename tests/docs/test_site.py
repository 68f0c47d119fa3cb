"""The documentation site: what is built from the pages, and what is refused."""

from __future__ import annotations

import re
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from docsite import check, dialect, search
from docsite.__main__ import main
from docsite.build import build
from docsite.errors import SiteError
from docsite.links import Links, Place
from docsite.page import Page
from docsite.sources import summary

from tests.docs.blocks import ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
GUIDE = "# A guide\n\n## Second part\n\n"
LINKED = "expected a link to a page or file"
# A project of two pages, which builds in less than a second.
PROJECT = {
    "facade/invigilate/_version.py": '__version__ = "1.0.0"\n',
    "pyproject.toml": '[tool.hatch.metadata.hooks.custom]\nrepository = "https://git.example/acme"\n',
    "README.md": "# Acme\n\n## Install\n",
    "ARCHITECTURE.md": "# Architecture\n",
    "CHANGELOG.md": "# Changelog\n",
    "CONTRIBUTING.md": "# Contributing\n",
    "openapi/README.md": "# Specs\n",
    "docs/index.md": "# Acme\n\nExams. See [guide.md](guide.md#second-part) and [its source](../facade/).\n",
    "docs/guide.md": "# A guide\n\nHow to. [Home](../README.md)\n\n## Second part\n\n- one\n",
}
NAV = """
[project]
site_name = "acme"
site_description = "Exams"
nav = [
  {{ "Home" = "index.md" }},
  {{ "Guides" = [{{ "Guide" = "guide.md" }}{more}] }},
  {{ "Project" = [
    {{ "Architecture" = "../ARCHITECTURE.md" }},
    {{ "Changelog" = "../CHANGELOG.md" }},
    {{ "Contributing" = "../CONTRIBUTING.md" }},
    {{ "Specs" = "../openapi/README.md" }},
  ] }},
]
[project.theme]
font = false
"""
OPERATION = Page(
    "reference/acme/book.md", "book", ("Reference", "Acme"), "# book\n\nBooks. [Guide](../../guide.md)\n", "Books."
)


def write(root: Path, *, more: str = "", **changed: str) -> Path:
    files = {**PROJECT, "docs/zensical.toml": NAV.format(more=more)}
    for name, text in {**files, **{name.replace("__", "/") + ".md": text for name, text in changed.items()}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this project, as the command builds it."""
    output = tmp_path_factory.mktemp("output")
    assert main(["build", "--output", str(output)]) == 0
    return output / "latest"


def markdown(site: Path) -> Iterator[Path]:
    return (path for path in sorted(site.rglob("*.md")))


def test_two_builds_are_the_same(site: Path, tmp_path: Path) -> None:
    assert main(["build", "--output", str(tmp_path)]) == 0
    first, second = files(site.parent), files(tmp_path)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_all_pages_of_the_project_are_on_the_site(site: Path) -> None:
    written = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert written | {"architecture.md", "changelog.md", "contributing.md", "specs.md"} == {
        path.name for path in site.glob("*.md")
    }


def test_the_navigation_leads_from_the_home_page_to_every_page(site: Path) -> None:
    reached: set[Path] = set()
    ahead = [site / "index.html"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        for link in re.findall(r'<a href="([^"#]+)" class="md-(?:nav|tabs)__', page.read_text(encoding="utf-8")):
            there = (page.parent / link / "index.html").resolve()
            if there not in reached:
                ahead.append(there)
    assert set(site.rglob("*.html")) - reached == set()


def test_each_page_has_a_twin_and_names_it(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == len(list(markdown(site))) >= 20
    for page in pages:
        text = page.read_text(encoding="utf-8")
        found = re.search(r'<link rel="alternate" type="text/markdown" href="([^"]+)">', text)
        assert found, page
        twin = (page.parent / found[1]).resolve()
        title = re.search(r"^# (.+)", twin.read_text(encoding="utf-8"), re.MULTILINE)
        assert title, twin
        assert twin.with_suffix("") == page.parent or twin == page.with_suffix(".md")


def test_links_of_twins_lead_to_files_or_elsewhere(site: Path) -> None:
    for page in [*markdown(site), site / "llms.txt"]:
        text = re.sub(
            r"^ *```.*?^ *```|`[^`\n]+`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
        )
        for link in LINK.findall(text):
            target = link.partition("#")[0]
            if target and not re.match(r"[a-z]+:", target):
                assert (page.parent / target).is_file(), f"{page.name}: {link}"


def test_llms_txt_lists_each_page_once(site: Path) -> None:
    lines = (site / "llms.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# invigilate"
    assert lines[2].startswith("> Python SDK")
    entries = [re.fullmatch(r"- \[[^\]]+\]\(([^)]+)\): \S.*", line) for line in lines if line.startswith("- ")]
    assert all(entries)
    listed = [entry[1] for entry in entries if entry]
    assert sorted(listed) == [path.relative_to(site).as_posix() for path in markdown(site)]
    whole = (site / "llms-full.txt").read_text(encoding="utf-8")
    assert all(f"<!-- {name} -->" in whole for name in listed)


def test_only_text_of_pages_names_other_hosts(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r'<(?:script|img|iframe|link)\b[^>]*(?:src|href)="([^"]+)"', page.read_text(encoding="utf-8")
        )
        assert [url for url in loaded if re.match(r"(?:[a-z]+:)?//", url)] == []


def test_links_lead_to_pages_and_others_to_the_repository(tmp_path: Path) -> None:
    folder = build(write(tmp_path / "project"), tmp_path / "output", [OPERATION])
    html = (folder / "index.html").read_text(encoding="utf-8")
    assert '<a href="guide/#second-part">Guide</a>' in html
    assert '<a href="https://git.example/acme/tree/v1.0.0/facade">its source</a>' in html
    assert '<a href="../">Home</a>' in (folder / "guide" / "index.html").read_text(encoding="utf-8")
    assert "../../../guide/" in (folder / "reference" / "acme" / "book" / "index.html").read_text(encoding="utf-8")
    assert "## Reference: Acme\n\n- [book](reference/acme/book.md): Books.\n" in (folder / "llms.txt").read_text()


@pytest.mark.parametrize(
    ("changed", "more", "generated", "problem"),
    [
        (
            {"docs__guide": f"{GUIDE}[B](gone.md)"},
            "",
            [],
            f"docs/guide.md: {LINKED}, got gone.md",
        ),
        (
            {"CHANGELOG": "[B](docs/gone.md)"},
            "",
            [],
            f"CHANGELOG.md: {LINKED}, got docs/gone.md",
        ),
        (
            {"docs__guide": f"{GUIDE}[b]: ../../x"},
            "",
            [],
            f"docs/guide.md: {LINKED}, got ../../x",
        ),
        ({"docs__guide": f"{GUIDE}[B](index.md#gone)"}, "", [], "guide.md"),
        ({"docs__guide": f"{GUIDE}<a href='gone/'>B</a>"}, "", [], "guide/index.html: dead link: ../gone/"),
        (
            {"docs__guide": f"{GUIDE}<img src='../'>"},
            "",
            [],
            "guide/index.html: expected an alternative text",
        ),
        (
            {"docs__guide": f"{GUIDE}a ```python\n\nb ```\n"},
            "",
            [],
            "guide/index.html: expected a block of code, got text: ```python",
        ),
        ({"docs__lost": "# A"}, "", [], "docs/lost.md: expected it once in `nav` of docs/zensical.toml"),
        ({}, ', { "B" = "guide.md" }', [], "docs/guide.md: expected it once in `nav` of docs/zensical.toml"),
        ({}, ', { "B" = "gone.md" }', [], "docs/zensical.toml: expected a page, got docs/gone.md"),
        ({}, "", [OPERATION, OPERATION._replace(title="b")], "reference/acme/book.md: two pages"),
        ({}, "", [OPERATION._replace(text="[c](c.md)")], "reference/acme/book.md:7:"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_built(
    changed: dict[str, str], more: str, generated: list[Page], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(SiteError) as caught:
        build(write(tmp_path / "project", more=more, **changed), tmp_path / "output", generated)
    assert problem in str(caught.value)
    assert not (tmp_path / "output").exists()


def test_versions_are_kept_and_latest_is_the_newest(tmp_path: Path) -> None:
    root, output = write(tmp_path / "project"), tmp_path / "output"
    for version in ("0.9.0", "0.10.0", "0.9.1"):
        (root / "facade/invigilate/_version.py").write_text(f'__version__ = "{version}"\n')
        assert build(root, output, []) == output / version
    assert {path.name for path in output.iterdir()} == {
        "0.9.0", "0.9.1", "0.10.0", "latest", "index.html", "versions.json",
    }  # fmt: skip
    assert files(output / "latest") == files(output / "0.10.0")
    listed = re.findall(r'"version": "([\d.]+)"', (output / "versions.json").read_text())
    assert listed == ["0.10.0", "0.9.1", "0.9.0"]
    assert 'url=latest/"' in (output / "index.html").read_text()
    # A page that is gone is gone from the folder, too.
    (output / "0.9.1" / "old.md").touch()
    build(root, output, [])
    assert not (output / "0.9.1" / "old.md").exists()


PLACES = {
    "docs/index.md": Place("index.md", "Home"),
    "docs/a.md": Place("a.md", "A"),
    "openapi/README.md": Place("specs.md", "Specs"),
}


@pytest.mark.parametrize(
    ("page", "text", "expected"),
    [
        ("docs/a.md", "[x](../openapi/README.md#ext)", "[x](specs.md#ext)"),
        ("openapi/README.md", "[x](../docs/a.md)", "[x](a.md)"),
        ("docs/a.md", "[../openapi/README.md](../openapi/README.md)", "[Specs](specs.md)"),
        ("docs/a.md", "[x](../README.md)", "[x](index.md)"),
        ("docs/a.md", "[x](../README.md#calls)", "[x](https://git.example/README.md#calls)"),
        ("docs/a.md", "[x](#y) [z](https://x.example/a.md) <https://y.example>", None),
        ("docs/a.md", "`[x](gone.md)` ``a ` [x](gone.md)``", None),
        ("docs/a.md", "```python\nf[x](gone.md)\n```", None),
        ("docs/a.md", "1. x\n\n   ```\n   [x](gone.md)\n   ```", None),
        ("docs/a.md", "<!-- [x](gone.md) -->", None),
        ("docs/a.md", '[x](../LICENSE "The license")', '[x](https://git.example/LICENSE "The license")'),
    ],
)
def test_links_are_rewritten(page: str, text: str, expected: str | None) -> None:
    problems: list[str] = []
    rewritten = Links(ROOT, "https://git.example/{}", PLACES).rewrite(page, text, problems)
    assert (rewritten, problems) == (text if expected is None else expected, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. a\n\n   b\n2. c\n", "1. a\n\n    b\n2. c\n"),
        ("- a\n  b\n  - c\n\n    d\n- e\n", "- a\n    b\n    - c\n\n        d\n- e\n"),
        ("1. a:\n\n   ```\n   x\n     - y\n   ```\n\n   b\n", "1. a:\n\n    ```\n    x\n      - y\n    ```\n\n    b\n"),
        ("10. a\n\n    b\n\nc\n", "10. a\n\n    b\n\nc\n"),
        ("a:\n- b\n- c\n", "a:\n\n- b\n- c\n"),
        ("```python spark\na\n```\n", "```python\na\n```\n"),
        ("```\na\n- b\n| `x \\| y` |\n```\n", None),
        ("| `x \\| y` | a \\| b |\n", "| `x | y` | a \\| b |\n"),
        ("```python spark\na b\n```\n", "```python\na b\n```\n"),
        ("- a\n\n  ~~~ text x y\n  b\n  ~~~\n", "- a\n\n    ~~~ text\n    b\n    ~~~\n"),
        ("````\n```python spark\n````\n", None),
        ("``` `x` ``` b\n", None),
        ('=== "Tab"\n\n    ```\n    a\n    ```\n', None),
    ],
)
def test_lists_and_tables_are_those_of_git_hosts(text: str, expected: str | None) -> None:
    assert dialect.convert(text) == (text if expected is None else expected)


def test_a_summary_is_one_short_line_of_plain_text() -> None:
    text = "# Title\n\n<!-- rendered: x -->\n\n```python\nx\n```\n\nReads `rows`\nand **all** of [them](x.md). "
    assert summary(text) == "Reads rows and all of them."
    assert summary(text + "Another sentence that is much longer. " * 9).count("Another") < 5
    assert summary("# T\n\nThis:\n\n- a\n") == "This."
    assert summary("# T\n") == ""


def test_the_check_follows_links_and_anchors(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "index.html").write_text('<p id="x&amp;y"><a href="../">up</a><a href="../../latest/">new</a>')
    (tmp_path / "index.html").write_text(
        '<a href="a/#x%26y">a</a><a href="a/#z">b</a><a href="c">c</a><a href="/a/">d</a>'
        '<a href="https://x.example/">e</a><img src="a/"><img src="a/" alt="">'
        "<p>``` python x</p><pre><code>```</code></pre>"
    )
    assert list(check.problems(tmp_path)) == [
        "index.html: expected an alternative text for the image a/",
        "index.html: expected a block of code, got text: ``` python x",
        "index.html: dead anchor: a/#z",
        "index.html: dead link: c",
        "index.html: link to another version: /a/",
    ]


def test_a_fence_is_found_in_text_and_not_in_code(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<pre><code>```a</code></pre><p><code>```</code> b ```c\nd</p>")
    assert list(check.problems(tmp_path)) == ["index.html: expected a block of code, got text: ```c d"]


def test_guides_are_first_in_the_search_and_a_page_of_the_reference_is_one_entry() -> None:
    def item(location: str, title: str, level: int = 1) -> search.Item:
        return {"location": location, "title": title, "level": level, "text": f"About {title}."}

    section = ("Reference", "Classes", "Sandbox")
    pages = [
        Page("index.md", "Home", (), "", ""),
        Page("reference/acme/book.md", "book", ("Reference", "Acme"), "", ""),
        Page("reference/classes/Client.md", "Client", ("Reference", "Classes", "Clients"), "", ""),
        Page("reference/classes/Fired.md", "Fired", section, "", ""),
        Page("guide.md", "Guide", (), "", ""),
    ]
    items = [
        item("", "Acme"),
        item("reference/acme/book/", "acme.exams.book"),
        item("reference/acme/book/#errors", "Errors", 2),
        item("reference/classes/Client/", "Client"),
        item("reference/classes/Client/#total", "total", 3),
        item("reference/classes/Fired/", "Fired"),
        item("reference/classes/Fired/#total", "total", 3),
        item("guide/", "Guide"),
        item("guide/#total", "The total", 2),
    ]
    found = [(each["location"], each["title"], each["text"]) for each in search.ordered(pages, items)]
    assert found == [
        ("", "Acme", "About Acme."),
        ("guide/", "Guide", "About Guide."),
        ("guide/#total", "The total", "About The total."),
        ("reference/acme/book/", "book (acme.exams)", "About acme.exams.book. Errors About Errors."),
        ("reference/classes/Client/", "Client", "About Client."),
        ("reference/classes/Client/#total", "Client.total", "About total."),
        ("reference/classes/Fired/", "Fired", "About Fired. total About total."),
    ]


def test_serve_builds_and_prints_where(tmp_path: Path) -> None:
    command = [str(ROOT / "scripts" / "docs"), "serve", "--port", "0", "--output", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("built ")
            found = re.match(r"serving (http://127\.0\.0\.1:\d+/)", process.stdout.readline())
            assert found
            with urllib.request.urlopen(f"{found[1]}latest/index.md", timeout=10) as response:
                assert response.headers["Content-Type"] == "text/markdown; charset=utf-8"
                assert response.read().startswith(b"# ")
        finally:
            process.terminate()
            process.wait(timeout=10)


def test_a_port_that_cannot_be_used_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--port", port, "--output", str(tmp_path)]) == 1
    assert f"--port: expected a free port, got {port}" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["serve", "--port", "70000"])
    assert "--port: expected a number from 0 to 65535, got 70000" in capsys.readouterr().err


def test_the_command_explains_itself() -> None:
    done = subprocess.run([ROOT / "scripts" / "docs", "--help"], capture_output=True, text=True, check=True)
    assert "usage: scripts/docs" in done.stdout
