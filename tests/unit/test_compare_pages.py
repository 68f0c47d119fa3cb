"""The comparison of saved pages with the specs, on pages and specs of an imaginary library.

The pages have the form of the real ones, which are not ours to commit. The specs say just what the
pages say; each test then makes one change and expects to be told of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from capturer.__main__ import main
from capturer.specification import Spec
from capturer.verification import Verdict, verify

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).with_name("compare_pages")

REFERENCE_PAGE = (DATA / "books.txt").read_text(encoding="utf-8")
REFERENCE_SPEC = (DATA / "books.yaml").read_text(encoding="utf-8")
HELP_PAGE = (DATA / "loans.txt").read_text(encoding="utf-8")
HELP_SPEC = (DATA / "loans.yaml").read_text(encoding="utf-8")

Document = dict[str, Any]


def run(page: str, spec: Document) -> Verdict:
    (verdict,) = verify({"page.txt": page}, [Spec("spec.yaml", spec)])
    return verdict


def told_of(verdict: Verdict) -> list[str]:
    return [f"{verdict.page}: {verdict.problem}"] if verdict.problem else [str(item) for item in verdict.differences]


def reference_spec() -> Document:
    document: Document = yaml.safe_load(REFERENCE_SPEC)
    return document


def help_spec() -> Document:
    document: Document = yaml.safe_load(HELP_SPEC)
    return document


def at(document: Document, path: str) -> Any:
    """A node by its path; steps are parted by spaces, because paths of the API hold slashes."""
    node: Any = document
    for step in path.split():
        node = node[int(step)] if isinstance(node, list) else node[step]
    return node


def put(path: str, value: Any) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        parent, _, last = path.rpartition(" ")
        at(document, parent)[last] = value

    return change


def drop(path: str) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        parent, _, last = path.rpartition(" ")
        node = at(document, parent)
        del node[int(last) if isinstance(node, list) else last]

    return change


def swap(path: str) -> Callable[[Document], None]:
    """Moves the first entry of an object or array to its end."""

    def change(document: Document) -> None:
        node = at(document, path)
        if isinstance(node, list):
            node.append(node.pop(0))
        else:
            first = next(iter(node))
            node[first] = node.pop(first)

    return change


def rename(path: str, name: str) -> Callable[[Document], None]:
    """Gives an entry another name, in its old place."""

    def change(document: Document) -> None:
        parent, _, last = path.rpartition(" ")
        node = at(document, parent)
        entries = [(name if key == last else key, value) for key, value in node.items()]
        node.clear()
        node.update(entries)

    return change


PUT = "paths /v1/shelves/{shelfSid}/books put"
ANSWER = f"{PUT} responses 200 content application/json"
BOOKS = "components schemas Books"
PAGE = "components schemas Page properties"
ROW = "components schemas Row properties"
POST = "paths /loans/list post"
QUERY = "components schemas Query properties"
LOAN = "components schemas Loan properties"


@pytest.mark.parametrize(("page", "spec"), [(REFERENCE_PAGE, reference_spec()), (HELP_PAGE, help_spec())])
def test_a_faithful_spec_has_no_difference(page: str, spec: Document) -> None:
    result = run(page, spec)
    assert told_of(result) == []
    assert result.facts > 40


@pytest.mark.parametrize(
    ("change", "told"),
    [
        # the operation
        (put("servers 1 url", "https://else.example"), "host"),
        (put("components securitySchemes token name", "key"), "security"),
        (put("components securitySchemes token in", "query"), "security"),
        (put(f"{PUT} security", []), "security"),
        (rename("paths /v1/shelves/{shelfSid}/books", "/v1/shelves/{shelf}/books"), "path"),
        (rename(PUT, "post"), "operation"),
        (drop("paths /v1/shelves/{shelfSid}/books"), "operation"),
        (put(f"{PUT} x-capture", {"permissions": "all"}), "x-capture permissions"),
        # parameters
        (drop(f"{PUT} parameters 1"), "query parameter limit"),
        (put(f"{PUT} parameters 1 name", "size"), "query parameter: probably renamed: page says limit"),
        (put(f"{PUT} parameters 1 in", "header"), "query parameter limit"),
        (swap(f"{PUT} parameters"), "query parameter: order"),
        (put(f"{PUT} parameters 1 required", True), "query parameter limit: required"),
        (put("components parameters Shelf required", False), "path parameter shelfSid: required"),
        (drop(f"{PUT} parameters 0 x-inferred"), "query parameter genres: style"),
        (put(f"{PUT} parameters 1 schema type", "number"), "query parameter limit: type"),
        (put(f"{PUT} parameters 0 schema", {"type": "string"}), "query parameter genres: type"),
        (put(f"{PUT} parameters 1 schema default", 50), "query parameter limit: default"),
        (drop(f"{PUT} parameters 1 schema default"), "query parameter limit: default"),
        (put(f"{PUT} parameters 2 schema default", 0), "query parameter strict: default"),
        (put(f"{PUT} parameters 1 schema minimum", 0), "query parameter limit: minimum"),
        (drop(f"{PUT} parameters 1 schema maximum"), "query parameter limit: maximum"),
        (put(f"{PUT} parameters 1 schema multipleOf", 5), "query parameter limit: multipleOf"),
        (put(f"{PUT} parameters 3 schema format", "iso"), "query parameter language: format"),
        (put(f"{PUT} parameters 3 schema minLength", 1), "query parameter language: minLength"),
        (drop(f"{PUT} parameters 3 schema maxLength"), "query parameter language: maxLength"),
        (drop(f"{PUT} parameters 4 deprecated"), "query parameter order: deprecated"),
        (swap(f"{PUT} parameters 0 schema items enum"), "query parameter genres: enum"),
        (drop(f"{PUT} parameters 0 schema items enum 1"), "query parameter genres: enum"),
        (
            put(f"{PUT} parameters 4 schema enum", ["ASC", "DESC", "X"]),
            "query parameter order: enum",
        ),
        (put("components schemas ShelfSid pattern", "^SH.*$"), "path parameter shelfSid: pattern"),
        (drop("components schemas ShelfSid pattern"), "path parameter shelfSid: pattern"),
        (put("components schemas ShelfSid examples", ["SH1"]), "path parameter shelfSid: example"),
        # the request body
        (drop(f"{PUT} requestBody"), "request body"),
        (put(f"{PUT} requestBody required", False), "request body: required"),
        (rename(f"{PUT} requestBody content application/json", "text/json"), "body media type"),
        (put(f"{BOOKS} type", "array"), "request body as a whole"),
        (drop(f"{BOOKS} properties note"), "request body note"),
        (rename(f"{BOOKS} properties note", "notes"), "request body: probably renamed: page says note"),
        (put(f"{BOOKS} properties extra", {"type": "string", "x-inferred": "no"}), "body extra"),
        (swap(f"{BOOKS} properties"), "request body: order"),
        (put(f"{BOOKS} required", []), "request body title: required"),
        (put(f"{BOOKS} required", ["title", "note"]), "request body note: required"),
        (put(f"{BOOKS} properties note type", "string"), "request body note: nullable"),
        (put(f"{BOOKS} properties title type", ["string", "null"]), "body title: nullable"),
        (put(f"{BOOKS} properties title type", "integer"), "request body title: type"),
        (put(f"{BOOKS} properties title type", ["string", "object"]), "body title: type"),
        (put(f"{BOOKS} properties genre enum", ["novel"]), "request body genre: enum"),
        (drop(f"{BOOKS} properties genre enum"), "request body genre: enum"),
        (put(f"{BOOKS} properties note enum", ["a"]), "request body note: enum"),
        (put(f"{BOOKS} properties pages exclusiveMinimum", 1), "body pages: exclusiveMinimum"),
        (rename(f"{BOOKS} properties pages exclusiveMinimum", "minimum"), "body pages: minimum"),
        (put("components schemas Time pattern", ".*"), "request body loanedUntil: pattern"),
        (put("components schemas Time format", "date-time"), "body loanedUntil: format"),
        (drop("components schemas Time examples"), "request body loanedUntil: example"),
        (put(f"{BOOKS} properties title examples", ["1985"]), "request body title: example"),
        (
            put(f"{PUT} requestBody content application/json example genre", "poem"),
            "body genre: value",
        ),
        (drop(f"{PUT} requestBody content application/json example"), "value in the sample"),
        # the response
        (drop(f"{PUT} responses 200"), "response 200"),
        (rename(f"{PUT} responses 200", "201"), "response 201"),
        (drop(f"{PUT} responses 404 x-inferred"), "response 404"),
        (put(f"{PUT} responses 500", {"description": "down"}), "response 500"),
        (rename(f"{ANSWER}", "text/plain"), "response 200 media type"),
        (put(f"{PUT} responses 200 content text/plain", {}), "response 200 media type"),
        (put(f"{ANSWER} schema", {"type": "string"}), "response 200 as a whole"),
        (drop(f"{PAGE} total"), "response 200 total"),
        (put(f"{PAGE} extra", {"type": "string"}), "response 200 extra"),
        (swap(f"{PAGE}"), "response 200: order"),
        (put(f"{PAGE} total type", ["string", "null"]), "response 200 total: type"),
        (put(f"{PAGE} total type", "number"), "response 200 total: nullable"),
        (put("components schemas Page required", ["total"]), "response 200 total: required"),
        (put(f"{PAGE} tags items type", "number"), "response 200 tags: type"),
        (drop(f"{PAGE} place x-inferred"), "response 200 place: type"),
        (put(f"{PAGE} place type", ["object", "null"]), "response 200 place: type"),
        # what only the JSON sample of the response shows
        (drop(f"{ROW} lent"), "response 200 results lent"),
        (put(f"{ROW} extra", {"type": "string"}), "response 200 results extra"),
        (swap(f"{ROW}"), "response 200 results: order"),
        (put(f"{ROW} lent type", "string"), "response 200 results lent: type"),
        (put(f"{ROW} lent type", ["boolean", "null"]), "response 200 results lent: nullable"),
        (drop(f"{ROW} sid x-inferred"), "response 200 results sid: nullable"),
        (put("components schemas Row required", ["lent"]), "response 200 results lent: required"),
        (put(f"{ROW} lent default", True), "response 200 results lent: default"),
        (put(f"{ROW} author properties name type", "number"), "results author name: type"),
        (put(f"{ROW} author properties extra", {"type": "string"}), "results author extra"),
    ],
)
def test_each_change_of_the_spec_is_told(change: Callable[[Document], None], told: str) -> None:
    spec = reference_spec()
    change(spec)
    differences = told_of(run(REFERENCE_PAGE, spec))
    assert any(told in line for line in differences), differences
    assert all(line.startswith("page.txt: ") and "\n" not in line for line in differences)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (put("servers 0 url", "https://else.example"), "host"),
        (put("components securitySchemes bearer scheme", "basic"), "security"),
        (put(f"{POST} x-capture permissions", "Readers"), "x-capture permissions"),
        (drop(f"{POST} x-capture subscription"), "x-capture subscription"),
        (drop(f"{POST} parameters 0"), "header parameter X-Branch"),
        (put(f"{POST} parameters 0 required", False), "header parameter X-Branch: required"),
        (put(f"{POST} parameters 1 required", True), "header parameter X-Account: required"),
        (put(f"{POST} parameters 1 example", "x"), "header parameter X-Account: example"),
        (drop(f"{POST} parameters 1"), "header parameter X-Account"),
        (swap("components schemas Query properties"), "request body: order"),
        (put("components schemas Query required", []), "request body readerId: required"),
        (put("components schemas Query required", ["readerId", "state"]), "body state: required"),
        (put(f"{QUERY} readerId", {"type": "string"}), "request body readerId: type"),
        (put(f"{QUERY} bookIds", {"type": "string"}), "request body bookIds: type"),
        (put(f"{QUERY} bookIds items format", "uuid"), "request body bookIds: format"),
        (drop(f"{QUERY} state enum 0"), "request body state: enum"),
        (drop(f"{QUERY} state"), "request body state"),
        (put(f"{QUERY} extra", {"type": "string"}), "request body extra"),
        (
            put(f"{POST} requestBody content application/json example readerId", "r2"),
            "readerId: value",
        ),
        (drop(f"{POST} responses 403"), "response 403"),
        (put(f"{POST} responses 404", {"description": "none"}), "response 404"),
        (
            drop(f"{POST} responses 403 content application/json schema x-inferred"),
            "response 403 application/json",
        ),
        (
            put(f"{POST} responses 200 content application/json schema type", "object"),
            "response 200 as a whole",
        ),
        (
            put(f"{POST} responses 200 content application/json example 0 fee", 4),
            "response 200 0.fee: value",
        ),
        (drop(f"{LOAN} fee"), "response 200 fee"),
        (put(f"{LOAN} fee type", "string"), "response 200 fee: type"),
        (drop(f"{LOAN} fee x-inferred"), "response 200 fee: nullable"),
        (put(f"{LOAN} state enum", ["OPEN"]), "response 200 state: enum"),
        (put(f"{LOAN} extra", {"type": "string"}), "response 200 extra"),
        (swap("components schemas Loan properties"), "response 200: order"),
        (drop("components schemas Loan x-inferred"), "response 200 loanId: required"),
    ],
)
def test_each_change_of_the_other_spec_is_told(change: Callable[[Document], None], told: str) -> None:
    spec = help_spec()
    change(spec)
    differences = told_of(run(HELP_PAGE, spec))
    assert any(told in line for line in differences), differences


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"note": "<string>",', '"remark": "<string>",', "request body: names in the sample"),
        ('"note": "<string>",', '"note": 4,', "request body note: type in the sample"),
        ('  "total": 123,\n', "", "response 200: names in the sample"),
        ('"lent": true', '"lent": {}', "response 200 results lent: type"),
        ("enum<string>[]", "enum<string>", "query parameter genres: type"),
        ("novel,\npoem\nlimit", "novel,\ndrama,\npoem\nlimit", "query parameter genres: enum"),
        ("x > 0", "x >= 0", "request body pages: minimum"),
        ("number\n\nPages", "integer\n\nPages", "request body pages: type"),
        ("200 - application/json", "default - application/json", "response default"),
        ("note\nstring | null\n\nNote\n\n", "", "request body note"),
    ],
)
def test_each_change_of_the_page_is_told(old: str, new: str, told: str) -> None:
    assert REFERENCE_PAGE.count(old) == 1
    differences = told_of(run(REFERENCE_PAGE.replace(old, new), reference_spec()))
    assert any(told in line for line in differences), differences


@pytest.mark.parametrize(
    ("page", "old", "new"),
    [
        (REFERENCE_PAGE, "\nResponse\n", "\nAnswers\n"),
        (REFERENCE_PAGE, '  "place": "<string>"\n}\n', '  "place": "<str'),
        (REFERENCE_PAGE, "novel,\npoem\nlimit", "novel,\n\nlimit"),
        (REFERENCE_PAGE, "1 <= x <= 100", "up to 100"),
        (REFERENCE_PAGE, "Required string length: 2 - 8", "Required word count: 2 - 8"),
        (REFERENCE_PAGE, "Available options:\nASC,\nDESC\n", ""),
        (REFERENCE_PAGE, "language\nstring<bcp47>", "spoken language\nstring<bcp47>"),
        (REFERENCE_PAGE, "--url http://api.dev.library.example/v1/", "--url http://x.example/v2/"),
        (REFERENCE_PAGE, "--header 'token: <api-key>'", "--compressed"),
        (REFERENCE_PAGE, "--header 'token: <api-key>'", "--header 'key: <api-key>'"),
        (REFERENCE_PAGE, '"It\'s 1984"\n\ngenre', "It's 1984\n\ngenre"),
        (REFERENCE_PAGE, "default:20", "default:twenty"),
        (REFERENCE_PAGE, "place\nstring | null", "tags\nstring | null"),
        (HELP_PAGE, "Response Codes\nCode", "Codes\nCode"),
        (HELP_PAGE, "Sample Response", "Answer"),
        (HELP_PAGE, "bookIds (optional)", "bookIds"),
        (HELP_PAGE, "bookIds (optional)", "book ids (optional)"),
        (HELP_PAGE, '"fee": 3\n}\n]\nCODE', '"fee": 3'),
        (HELP_PAGE, '"fee": 3\n}', '"fee": 3'),
        (HELP_PAGE, "200 | OK", "two hundred | OK"),
        (HELP_PAGE, "Accept: application/json\nX-Branch", "Accept: text/xml\nX-Branch"),
        (HELP_PAGE, "Sample Request\nPOST /loans/list", "Sample Request\nPOST /loans"),
    ],
)
def test_a_page_that_cannot_be_read_is_a_difference(page: str, old: str, new: str) -> None:
    assert page.count(old) == 1
    specs = [Spec("one", reference_spec()), Spec("two", help_spec())]
    whole = HELP_PAGE if page is REFERENCE_PAGE else REFERENCE_PAGE
    broken, other = verify({"broken.txt": page.replace(old, new), "whole.txt": whole}, specs)
    assert str(broken.problem).startswith("the page cannot be read: ")
    assert (broken.facts, told_of(other)) == (0, [])
    assert other.facts > 0


@pytest.mark.parametrize(
    "change",
    [
        put("components parameters Shelf", {"in": "path"}),
        put("components schemas Books", {"allOf": []}),
        put("components schemas Books", {"$ref": "#/components/schemas/Nowhere"}),
        put("components schemas Books", {"$ref": "#/components/schemas/Books"}),
        put("components schemas Books", "text"),
        drop("components securitySchemes token"),
        drop("servers 0 url"),
    ],
)
def test_a_spec_that_cannot_be_compared_is_a_difference(
    change: Callable[[Document], None],
) -> None:
    spec = reference_spec()
    change(spec)
    (line,) = told_of(run(REFERENCE_PAGE, spec))
    assert line.startswith("page.txt: the spec cannot be compared: ")


def test_two_pages_of_one_operation_are_told() -> None:
    pages = {"a.txt": REFERENCE_PAGE, "b.txt": REFERENCE_PAGE}
    first, second = verify(pages, [Spec("spec.yaml", reference_spec())])
    assert told_of(first) == []
    assert told_of(second) == ["b.txt: operation: page says there, spec says already compared with a.txt"]


def test_an_answer_of_a_bare_type_is_compared() -> None:
    start, end = REFERENCE_PAGE.index('{\n  "total"'), REFERENCE_PAGE.index("\nDocumentation Index")
    page = REFERENCE_PAGE[:start] + '"<string>"\n' + REFERENCE_PAGE[end:]
    page = page[: page.index("total\nnumber")] + "The response is of type string."
    spec = reference_spec()
    answer = at(spec, ANSWER)
    answer["schema"] = {"type": "string"}
    assert told_of(run(page, spec)) == []
    answer["schema"] = {"type": ["string", "null"]}
    assert told_of(run(page, spec))
    answer["schema"] = {"type": "object"}
    assert told_of(run(page, spec))


def test_the_banner_may_be_missing() -> None:
    start, end = (REFERENCE_PAGE.index(text) for text in ("Documentation Index", "Authorizations"))
    page = REFERENCE_PAGE[:start] + REFERENCE_PAGE[end:]
    assert told_of(run(page, reference_spec())) == []


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A folder with both pages, and one with both specs and a file that is no spec."""
    pages, specs = tmp_path / "pages", tmp_path / "specs"
    pages.mkdir()
    specs.mkdir()
    for name in ("books", "loans"):
        shutil.copy(DATA / f"{name}.txt", pages)
        shutil.copy(DATA / f"{name}.yaml", specs)
    (specs / "rules.yaml").write_text("extends: [recommended]\n", encoding="utf-8")
    return pages, specs


def test_without_pages_the_command_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("INVIGILATE_PAGES", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["--verify"])
    assert ended.value.code == 2
    assert "INVIGILATE_PAGES" in capsys.readouterr().err
    assert main(["--verify", str(tmp_path)]) == 2
    assert main(["--verify", str(tmp_path / "nowhere")]) == 2


def test_the_script_takes_the_folder_from_the_environment(folders: tuple[Path, Path]) -> None:
    pages, specs = folders
    done = subprocess.run(
        [ROOT / "scripts" / "capture", "--verify", "--specs", specs],
        env=os.environ | {"INVIGILATE_PAGES": str(pages)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "replaceBooks" in done.stdout


def test_the_saved_pages_agree_with_our_specs() -> None:
    folder = os.environ.get("INVIGILATE_PAGES")
    if not folder:
        pytest.skip("INVIGILATE_PAGES names no folder of saved pages")
    assert main(["--verify", folder]) == 0


def test_states_of_a_session_that_its_saved_page_has_lost() -> None:
    document = yaml.safe_load((ROOT / "openapi" / "ispring-learn.yaml").read_text("utf-8"))
    states = at(document, "components schemas SessionStatus enum")
    assert states == ["NOT_STARTED", "IN_PROGRESS", "PASSED"]
