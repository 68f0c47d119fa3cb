"""Reports as text, Markdown and JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Sequence

from invigilate._apis import APIS

from .apis import variables
from .changes import Change
from .report import Report
from .versions import headline, parse

_WIDTH = 100
# How many places are named; the rest is counted.
_MOST_PLACES = 4
_MOST_USES = 12

_CLIENTS = frozenset(variables(APIS).values())

Paint = Callable[[str, str], str]
"""Styles a text: `bold`, `red`, `green`, `yellow` or `dim`."""

_CODES = {"bold": "1", "red": "1;31", "green": "32", "yellow": "33", "dim": "2"}


def plain(text: str, style: str) -> str:
    """Return the text without a style."""
    return text


def colored(text: str, style: str) -> str:
    """Return the text with ANSI codes."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def as_json(report: Report) -> str:
    """Return the form for other scripts; see the documentation of this package."""
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n"


def as_text(report: Report, paint: Paint = plain) -> str:
    """Return the form for a terminal."""
    lines = [*(paint(line, "red") for line in _filled(_incomplete(report), "")), *([""] if report.unimportable else [])]
    lines += [paint(_heading(report, "->"), "bold"), ""]
    groups = _groups(report)
    style = "red" if report.breaking else "green"
    lines += [*(paint(line, style) for line in _filled(_summary(report), "  ")), ""]
    for title, style, changes in groups:
        lines += [paint(f"{title} ({len(changes)})", style), ""]
        for change in changes:
            lines += [*_entry(change, paint, style), ""]
    if report.notes:
        lines += [paint("NOTES" if report.specification else "CHECKS OF THE RELEASE", "bold"), ""]
        lines += [*(f"  {note}" for note in report.notes), ""]
    lines += [paint("VERSION", "bold"), "", *_filled(_version(report), "  "), ""]
    if report.changes:
        lines += [paint("CHANGELOG", "bold"), "", *(f"  {line}".rstrip() for line in _section(report).splitlines())]
    return "\n".join(lines).rstrip() + "\n"


def as_markdown(report: Report) -> str:
    """Return the form for a pull request."""
    lines = [f"**{_incomplete(report)}**", ""] if report.unimportable else []
    lines += [f"## {_heading(report, '→')}", "", f"**{_summary(report)}**", ""]
    for title, _, changes in _groups(report):
        lines += [f"### {title.capitalize()}", ""]
        for change in changes:
            if change.area == "documentation":
                lines.append(f"- `{change.name}`: {change.reason}")
                continue
            lines.append(f"- {headline(change, '`')}")
            lines.append(f"  - {change.reason}")
            if change.kind == "fails" and change.was:
                lines.append(f"  - `{change.was}`")
            if places := _places(change, "`"):
                lines.append(f"  - in {places}")
            if change.uses:
                lines.append(f"  - still used in {_some(change.uses, _MOST_USES, '`')}")
        lines.append("")
    if report.notes:
        title = "Notes" if report.specification else "Checks of the release"
        lines += [f"### {title}", "", *(f"- {note}" for note in report.notes), ""]
    lines += ["### Version", "", _version(report), ""]
    if report.changes:
        lines += ["### Changelog", "", "```markdown", *_section(report).splitlines(), "```"]
    return "\n".join(lines).rstrip() + "\n"


def _groups(report: Report) -> list[tuple[str, str, list[Change]]]:
    changes = report.changes
    held = [change for change in changes if change.area.startswith("released")]
    breaking = [change for change in changes if change.breaking and change not in held]
    documentation = [change for change in changes if change.area == "documentation"]
    other = [change for change in changes if change not in held and not change.breaking and change not in documentation]
    groups = [
        ("BREAKING", "red", breaking),
        ("CHECKS THAT FAIL", "red", [change for change in held if change.breaking]),
        ("CHECKS THAT ARE NOT JUDGED", "yellow", [change for change in held if not change.breaking]),
        ("NOT BREAKING", "green", other),
        ("DOCUMENTATION", "dim", documentation),
    ]
    return [group for group in groups if group[2]]


def _heading(report: Report, arrow: str) -> str:
    if report.specification:
        return f"{report.specification}: {report.source} {arrow} now"
    return f"invigilate {report.source} {arrow} this tree ({report.current})"


def _incomplete(report: Report) -> str:
    reason = report.unimportable
    return f"The facade cannot be imported ({reason}); this report is incomplete." if reason else ""


def _summary(report: Report) -> str:
    if not report.changes:
        return "Nothing changed for callers."
    told = [change for change in report.changes if not change.area.startswith("released")]
    held = sum(bool(change.breaking) for change in report.changes if change not in told)
    count, breaking = len(told), sum(bool(change.breaking) for change in told)
    text = f"{count} change{'' if count == 1 else 's'}"
    if breaking:
        if breaking == count:
            text += ", which breaks callers" if count == 1 else ", each of which breaks callers"
        else:
            text += f", {breaking} of which break{'s' * (breaking == 1)} callers"
    elif count:
        text += ", which " + ("does" if count == 1 else "do") + " not break callers"
    if held:
        text += f"; {held} check{'s' * (held > 1)} of the release fail{'s' * (held == 1)}"
    if report.specification:
        return f"{text}."
    return f"{text}. Next version: {report.following}."


def _version(report: Report) -> str:
    if report.specification:
        if not report.changes:
            return "Nothing to raise: nothing changed for callers."
        why = "callers must change their code" if report.breaking else "no caller must change"
        less = "; while that is 0, the minor one" if report.following == "major" else ""
        return f"Raise the {report.following} version{less}: {why}."
    base, following = parse(report.base, "base"), parse(report.following, "next")
    if report.unreleased:
        return f"{report.following}: it is not released (there is no tag v{report.following}), so it may still change."
    if not report.changes:
        return f"{report.base}: nothing changed for callers."
    if base.is_prerelease and base.base_version == following.base_version:
        part, why = "final", f"{report.base} came before it"
    elif report.breaking:
        part = "major" if base.major else "minor"
        why = "callers must change their code" + ("" if base.major else ", and the major version is 0")
    else:
        part = "minor" if following.minor != base.minor else "patch"
        why = (
            "something is new or deprecated, and no caller must change" if part == "minor" else "no caller must change"
        )
    said = f"{report.following}, a new {part} version: {why}."
    if parse(report.current, "current") < following:
        said += f" facade/invigilate/_version.py still says {report.current}."
    return said


def _section(report: Report) -> str:
    heading = "[Unreleased]" if report.specification else f"[{report.following}] - unreleased"
    return f"## {heading}\n\n{report.changelog}"


def _entry(change: Change, paint: Paint, style: str) -> list[str]:
    if change.area == "documentation":
        return _filled(f"{change.name}: {change.reason}", "  ")
    first, *rest = _filled(headline(change), "  ")
    lines = [paint(first, "bold"), *(paint(line, "bold") for line in rest)]
    lines += _filled(change.reason, "      ")
    if change.kind == "fails" and change.was:
        lines.append(paint(f"      | {change.was}", "dim"))
    if places := _places(change):
        lines += [paint(line, "dim") for line in _filled(f"in {places}", "      ")]
    if change.uses:
        lines += _filled(f"still used in {_some(change.uses, _MOST_USES)}", "      ")
    return lines


def _places(change: Change, mark: str = "") -> str:
    """Return the client calls concerned, except those in its name; without any, its places in Python."""
    if change.area in {"operation", "specification"}:
        return ""
    calls = [place for place in change.where if place.partition(".")[0] in _CLIENTS]
    others = [place for place in change.where if place not in calls and place != change.name]
    places = [place for place in calls if f"{place}(" not in change.name] if calls else others
    places = [place for place in places if place not in change.name]
    return _some(places, _MOST_PLACES, mark)


def _some(names: Sequence[str], most: int, mark: str = "") -> str:
    """Return the first names, and the number of the others."""
    shown = ", ".join(f"{mark}{name}{mark}" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _filled(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


__all__ = ["Paint", "as_json", "as_markdown", "as_text", "colored", "plain"]
