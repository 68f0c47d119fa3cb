"""Finds differences between saved pages and the specs, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from .comparison import compare
from .facts import Difference, Page, PageError, SpecError
from .help_page import is_help_page, read_help_page
from .lines import plain
from .markdown_page import is_markdown_page, read_markdown_page
from .reference_page import is_reference_page, read_reference_page
from .specification import Spec, find_operation


@dataclass
class Verdict:
    """The result for one page."""

    page: str
    method: str = ""
    path: str = ""
    operation: str | None = None
    spec: str | None = None
    captured: str | None = None
    """The date of transcription of the operation."""
    facts: int = 0
    differences: list[Difference] = field(default_factory=list[Difference])
    problem: str | None = None
    """Why nothing could be compared: the page or the spec cannot be read."""


def read_page(file: str, content: str) -> Page:
    """Read all facts of a saved page, of any format."""
    lines = [plain(line) for line in content.splitlines()]
    if is_markdown_page(content):
        return read_markdown_page(file, content)
    if is_reference_page(lines):
        return read_reference_page(file, content)
    if is_help_page(lines):
        return read_help_page(file, content)
    raise PageError("not a documentation page of a known form")


def verify(pages: Mapping[str, str], specs: Sequence[Spec]) -> list[Verdict]:
    """Compare saved pages with the specs; returns one verdict for each page, in order."""
    verdicts = [_verify(name, text, specs) for name, text in pages.items()]
    first: dict[tuple[str | None, ...], str] = {}
    for verdict in verdicts:
        # A page may be saved in each of its formats.
        key = verdict.spec, verdict.operation, PurePath(verdict.page).suffix
        other = first.setdefault(key, verdict.page) if verdict.operation else verdict.page
        if other != verdict.page:
            verdict.differences.append(Difference(verdict.page, "operation", "there", f"already compared with {other}"))
    return verdicts


def _verify(name: str, text: str, specs: Sequence[Spec]) -> Verdict:
    verdict = Verdict(name)
    try:
        page = read_page(name, text)
    except PageError as error:
        verdict.problem = f"the page cannot be read: {error}"
        return verdict
    verdict.method, verdict.path = page.method, page.path
    operation = find_operation(specs, page.method, page.path)
    if operation is None:
        verdict.differences.append(Difference(name, "operation", f"{page.method} {page.path}", "nothing"))
        return verdict
    verdict.operation, verdict.spec = operation.name, operation.spec.name
    verdict.captured = str(operation.capture["date"]) if "date" in operation.capture else None
    try:
        comparison = compare(page, operation)
    except SpecError as error:
        verdict.problem = f"the spec cannot be compared: {error}"
        return verdict
    verdict.facts = comparison.facts
    verdict.differences = _renames_joined(comparison.differences)
    return verdict


def _renames_joined(differences: Sequence[Difference]) -> list[Difference]:
    """Merge one removed and one added name at the same place into a rename."""
    found: dict[tuple[str, str], list[Difference]] = {}
    for item in differences:
        # Such as `query parameter limit`, but not `response 404`.
        if item.place.count(" ") > 1 and {item.page_says, item.spec_says} == {"there", "nothing"}:
            found.setdefault((item.place.rpartition(" ")[0], item.page_says), []).append(item)
    joined = list(differences)
    for (where, said), added in found.items():
        removed = found.get((where, "nothing"), [])
        if said == "there" and len(added) == len(removed) == 1:
            new, old = added[0], removed[0]
            name, before = (item.place.rpartition(" ")[2] for item in (new, old))
            joined[joined.index(new)] = Difference(new.file, f"{where}: probably renamed", name, before)
            joined.remove(old)
    return joined


def status(verdicts: Sequence[Verdict]) -> int:
    """Return the exit code: 0 no difference, 1 differences, 2 unreadable pages or specs."""
    if not verdicts or any(verdict.problem for verdict in verdicts):
        return 2
    return 1 if any(verdict.differences for verdict in verdicts) else 0


def as_text(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as text."""
    lines: list[str] = []
    for verdict in verdicts:
        lines.append(_heading(verdict))
        for item in verdict.differences:
            lines += [f"  {item.place}", f"      page: {item.page_says}", f"      spec: {item.spec_says}"]
        lines += [""] if verdict.problem or verdict.differences else []
    lines.append(
        f"{_many(len(verdicts), 'page')}, {_many(sum(verdict.facts for verdict in verdicts), 'fact')} compared: "
        f"{_many(sum(len(verdict.differences) for verdict in verdicts), 'difference')} "
        f"on {_many(sum(bool(verdict.differences) for verdict in verdicts), 'page')}, "
        f"{_many(sum(bool(verdict.problem) for verdict in verdicts), 'page')} not readable"
    )
    return "\n".join(lines)


def _heading(verdict: Verdict) -> str:
    if verdict.problem:
        return f"{verdict.page}: {verdict.problem}"
    said = f"{verdict.page}: {verdict.method} {verdict.path}"
    if verdict.operation is None:
        return f"{said}: in none of the specs"
    since = f", captured {verdict.captured}" if verdict.captured else ""
    many = _many(len(verdict.differences), "difference") if verdict.differences else "no difference"
    return f"{said} ({verdict.operation} in {verdict.spec}{since}): {many} in {_many(verdict.facts, 'fact')}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
