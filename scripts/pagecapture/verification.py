"""Finds differences between saved pages and the specs, page by page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pagecheck.command import read_page
from pagecheck.comparison import Comparison
from pagecheck.facts import Difference, PageError, SpecError
from pagecheck.specification import Spec, find_operation


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


def verify(pages: Mapping[str, str], specs: Sequence[Spec]) -> list[Verdict]:
    """Compare saved pages with the specs; returns one verdict for each page, in order."""
    verdicts = [_verify(name, text, specs) for name, text in pages.items()]
    first: dict[tuple[str | None, str | None], str] = {}
    for verdict in verdicts:
        if verdict.operation is None:
            continue
        other = first.setdefault((verdict.spec, verdict.operation), verdict.page)
        if other != verdict.page:
            verdict.differences.append(
                Difference(verdict.page, "operation", "there", f"already compared with {other}", "operation")
            )
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
    comparison = Comparison(page, operation)
    try:
        comparison.run()
    except SpecError as error:
        verdict.problem = f"the spec cannot be compared: {error}"
        return verdict
    verdict.facts = comparison.counts.total()
    verdict.differences = _renames_joined(comparison.differences)
    return verdict


def _renames_joined(differences: Sequence[Difference]) -> list[Difference]:
    """Merge one removed and one added name at the same place into a rename."""
    removed: dict[str, list[Difference]] = {}
    new: dict[str, list[Difference]] = {}
    for item in differences:
        if item.kind == "names" and (item.page_says, item.spec_says) in {("there", "nothing"), ("nothing", "there")}:
            side = new if item.page_says == "there" else removed
            side.setdefault(item.place.rpartition(" ")[0], []).append(item)
    joined: list[Difference] = []
    for item in differences:
        where, _, name = item.place.rpartition(" ")
        pair = new.get(where, []), removed.get(where, [])
        if item not in pair[0] + pair[1] or len(pair[0]) != 1 or len(pair[1]) != 1:
            joined.append(item)
        elif item is pair[0][0]:
            old = pair[1][0].place.rpartition(" ")[2]
            joined.append(Difference(item.file, f"{where}: probably renamed", name, old, "names"))
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
        if verdict.problem or verdict.differences:
            lines.append("")
    drifted = sum(1 for verdict in verdicts if verdict.differences)
    unread = sum(1 for verdict in verdicts if verdict.problem)
    differences = sum(len(verdict.differences) for verdict in verdicts)
    facts = sum(verdict.facts for verdict in verdicts)
    lines.append(
        f"{_many(len(verdicts), 'page')}, {_many(facts, 'fact')} compared: "
        f"{_many(differences, 'difference')} on {_many(drifted, 'page')}, {_many(unread, 'page')} not readable"
    )
    return "\n".join(lines)


def as_json(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as JSON."""
    pages: list[dict[str, Any]] = []
    for verdict in verdicts:
        members = asdict(verdict)
        members["differences"] = [
            {"place": item.place, "kind": item.kind, "page": item.page_says, "spec": item.spec_says}
            for item in verdict.differences
        ]
        pages.append(members)
    return json.dumps({"status": status(verdicts), "pages": pages}, indent=2, ensure_ascii=False)


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
