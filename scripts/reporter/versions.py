"""The next version for a list of changes, and their section of the changelog."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from packaging.version import InvalidVersion, Version

from .changes import Change, ReportError, marked

_WIDTH = 120
_MOST_NAMES = 4


def parse(text: str, what: str) -> Version:
    """Parse a version.

    Raises:
        ReportError: if it is not one; the message names `what`.
    """
    try:
        return Version(text)
    except InvalidVersion:
        raise ReportError(f"{what}: {text!r} is not a version") from None


def following(base: str, changes: Sequence[Change]) -> str:
    """Return the lowest version for a list of changes.

    While the major version is 0, breaking changes raise the minor version and all others the patch. From 1.0 on,
    breaking changes raise the major version, and additions and deprecations the minor one. A pre-release is followed by
    its final version, unless that does not allow such changes: 0.2.0 follows 0.2.0rc1, whatever changes.
    """
    version = parse(base, "base")
    changes = [change for change in changes if change.breaking or change.kind != "fails"]
    if not changes:
        return base
    major, minor, patch = version.major, version.minor, version.micro
    breaking = any(change.breaking for change in changes)
    added = any(_adds(change) for change in changes)
    # Of a 0.x version, the minor one counts as the major one, and the patch as the minor one.
    place = min(2, (0 if breaking else 1 if added else 2) + (not major))
    parts = [major, minor, patch]
    # A pre-release of 0.2.0 raised the minor version already, one of 0.2.1 did not.
    if not version.is_prerelease or any(parts[place + 1 :]):
        parts = [*parts[:place], parts[place] + 1, 0, 0][:3]
    return ".".join(map(str, parts))


def _adds(change: Change) -> bool:
    return (change.kind == "added" and change.area != "specification") or _deprecates(change)


def _deprecates(change: Change) -> bool:
    """Return whether something is newly deprecated; a revoked deprecation is of the same kind."""
    return change.kind == "deprecated" and change.now is not None


def headline(change: Change, mark: str = "") -> str:
    """Return the change as a sentence without its full stop.

    Args:
        change: the change.
        mark: the mark around names and values, such as a backquote for Markdown.
    """
    was, now = (None if text is None else marked(text, mark) for text in (change.was, change.now))
    name, several = _named(change, mark)
    be, were, ending = ("are", "were", "") if several else ("is", "was", "s")
    if change.kind == "fails":
        return name
    if change.area == "enum value" and change.kind in {"added", "removed"}:
        values = now if change.kind == "added" else was
        plural = "s" if values and "', '" in values else ""
        argument = "=)" in change.name
        verb = ("accept" if argument else "document") + ending
        if change.kind == "added":
            return f"{name} {verb} the new value{plural} {values}"
        return f"{name} no longer {verb} the value{plural} {values}"
    if change.kind == "added":
        # Without repeating the documented name of a new argument or field.
        now = (change.now or "").partition(": ")[2] if change.area in {"parameter", "field"} else now
        return f"{name} {be} new" + (f": {now}" if now else "")
    if change.kind == "removed":
        return f"{name} {were} removed"
    if change.kind == "deprecated":
        return f"{name} {be} deprecated: {change.now}" if now else f"{name} {be} no longer deprecated"
    if change.kind == "renamed":
        return f"{name} {were} renamed to {now}"
    if change.area == "sid":
        name = f"the pattern of {name}"
    if was and now:
        return f"{name} {be} now {now} ({were} {was})"
    if now:
        return f"{name} {be} now {now}"
    return f"{name} {be} no longer {was}" if was else name


def _named(change: Change, mark: str) -> tuple[str, bool]:
    """Return the name of what changed, and whether it is several things."""
    if change.area.startswith("released"):
        return f"{mark}{change.name}{mark}", False
    first, and_, rest = change.name.partition(" and ")
    last = rest if rest.endswith(" more") else f"{mark}{rest}{mark}"
    return f"{mark}{first}{mark}" + (f" and {last}" if and_ else ""), bool(and_)


def changelog(changes: Sequence[Change]) -> str:
    """Return the section of the changelog, in the form of Keep a Changelog and without a version heading."""
    reported = [change for change in changes if not change.quiet and not change.area.startswith("released")]
    failing = [change.name for change in changes if change.area.startswith("released") and change.breaking]
    sections: dict[str, list[str]] = {"Added": [], "Changed": [], "Deprecated": [], "Removed": []}
    for change in reported:
        section = {"added": "Added", "removed": "Removed"}.get(change.kind, "Changed")
        # A new required argument, or a removed value, changes what exists.
        if (change.kind == "added" and change.breaking) or (change.kind == "removed" and change.area == "enum value"):
            section = "Changed"
        if _deprecates(change):
            section = "Deprecated"
        sections[section].append(_entry(change))
    if failing and not any(change.breaking for change in reported):
        # A released program fails and no other change says why, so callers must be reported.
        some = ", ".join(f"`{name}`" for name in failing[:_MOST_NAMES])
        more = f" and {len(failing) - _MOST_NAMES} more" if len(failing) > _MOST_NAMES else ""
        text = f"programs that worked now fail; write here which, and what to change ({some}{more})"
        sections["Changed"].append(_filled(f"**Breaking:** {text}"))
    if not any(sections.values()):
        return "### Changed\n\n- Documentation only.\n" if changes else ""
    parts = [f"### {title}\n\n" + "\n".join(entries) for title, entries in sections.items() if entries]
    return "\n\n".join(parts) + "\n"


def _entry(change: Change) -> str:
    text = headline(change, "`")
    if change.breaking:
        text = f"**Breaking:** {text}; {change.reason}"
    elif change.kind in {"changed", "renamed", "removed", "deprecated"}:
        text = f"{text}; {change.reason}"
    return _filled(f"{text[0].upper()}{text[1:]}")


def _filled(text: str) -> str:
    text = f"- {text}" + ("" if text.endswith(".") else ".")
    return textwrap.fill(text, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


__all__ = ["changelog", "following", "headline", "parse"]
