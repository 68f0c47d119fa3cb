"""Links, file names and rendered regions of all pages."""

from __future__ import annotations

import inspect
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from docrender.__main__ import render
from docrender.regions import REGIONS

import invigilate
from invigilate._apis import APIS
from tests.docs.blocks import ROOT

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").glob("*.md")),
    ROOT / "openapi" / "README.md",
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
SCRIPT = re.compile(r"\./scripts/[\w-]+")


def ids(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, by the rules of common Git hosts."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_relative_links_resolve(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_scripts_that_are_named_exist(page: Path) -> None:
    for script in SCRIPT.findall(page.read_text(encoding="utf-8")):
        assert (ROOT / script).is_file(), f"{page.name}: {script}"


def test_the_environment_variables_on_the_page_are_those_that_are_read() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for api in APIS:
        prefix = next(iter(api.variables.values())).partition("_")[0]
        variable = re.compile(rf"\b{prefix}_[A-Z_]+\b")
        client = (ROOT / "facade" / "invigilate" / api.key / "client.py").read_text(encoding="utf-8")
        assert set(variable.findall(text)) == set(variable.findall(client)) == set(api.variables.values())


def test_the_other_variables_on_the_page_are_those_that_are_read() -> None:
    facade = ROOT / "facade" / "invigilate"
    core = [*facade.glob("_*.py"), *facade.glob("_http/*.py")]
    read = re.compile(r'(?:environ(?:\.get\(|\[)|\bsetting\(\w+, )"([A-Z_]+)"')
    ours = {name for path in core for name in read.findall(path.read_text(encoding="utf-8"))}
    assert ours == {"INVIGILATE_LOG", "SSL_CERT_FILE"}
    # Read by urllib and by httpx, on behalf of a client.
    theirs = {"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_DIR"}
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|", text, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"[A-Z_]+", row)} == ours | theirs


def test_the_table_of_options_has_each_option_of_each_client() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    table = text.partition("<!-- rendered: options -->")[2].partition("<!-- end -->")[0]
    for api in APIS:
        for name, parameter in inspect.signature(getattr(invigilate, api.clients[0])).parameters.items():
            (row,) = (line for line in table.splitlines() if re.match(rf"\| `{name}`(?: \({api.title}\))? \|", line))
            assert f" | `{parameter.default!r}` | " in row
            assert api.variables.get(name, "") in row


def test_files_that_the_architecture_names_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w./-]+/|[\w./-]+\.(?:py|yaml|jinja|md|toml))`", text))
    assert len(named) > 15
    named -= {"resources.py", "client.py", "credentials.py"}  # one in each folder of an API
    homes = [ROOT, ROOT / "facade" / "invigilate", ROOT / "facade" / "invigilate_runtime"]
    assert [name for name in sorted(named) if not any((home / name).exists() for home in homes)] == []


def test_every_module_that_the_facade_is_made_of_is_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    facade = ROOT / "facade"
    modules = {
        path.relative_to(home).as_posix()
        for home, pattern in ((facade / "invigilate", "*.py"), (facade / "invigilate", "_http/*.py"),
                              (facade / "invigilate_runtime", "*.py"))
        for path in home.glob(pattern)
        if path.name != "__init__.py"
    }  # fmt: skip
    assert len(modules) > 25
    assert [name for name in sorted(modules) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_rendered_regions_are_what_the_code_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert render(text) == text, "run ./scripts/render-docs"


def test_every_region_is_on_a_page() -> None:
    texts = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert {name for name in REGIONS if f"<!-- rendered: {name} -->" not in texts} == set()


def test_render_check_agrees() -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "render-docs", "--check"], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_tables_of_coverage_have_each_operation_of_smarterproctoring() -> None:
    text = (ROOT / "openapi" / "README.md").read_text(encoding="utf-8")
    whole, _, rest = text.partition("### Captured in full")[2].partition("### Captured in part")
    part = rest.partition("### ")[0]
    listed = [sorted(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) for rows in (whole, part)]
    paths = yaml.safe_load((ROOT / "openapi" / "smarterproctoring.yaml").read_text(encoding="utf-8"))["paths"]
    operations = [each for item in paths.values() for each in item.values() if "operationId" in each]
    assert len(operations) > 10
    for in_full, names in zip((True, False), listed, strict=True):
        captured = [each for each in operations if (each["x-capture"]["extent"] == "full") is in_full]
        assert names == sorted(each["operationId"] for each in captured)
