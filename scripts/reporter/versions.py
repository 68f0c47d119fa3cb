"""The version that follows from changes, and what the changelog says of them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from packaging.version import InvalidVersion, Version

from .changes import Change, ReportError, marked

_WIDTH = 120
_MOST_NAMES = 4


def parse(text: str, what: str) -> Version:
    """Read a version.

    Raises:
        ReportError: if it is none; the text names `what`.
    """
    try:
        return Version(text)
    except InvalidVersion:
        raise ReportError(f"{what}: {text!r} is no version") from None


def following(base: str, changes: Sequence[Change]) -> str:
    """The lowest version that changes may be released as.

    While the major version is 0, what breaks callers raises the minor version and all else the patch. From 1.0 on, what
    breaks callers raises the major version, and what is added or deprecated the minor one. What follows a pre-release
    is its final version, unless that may not hold such changes: 0.2.0 follows 0.2.0rc1, whatever changes.
    """
    version = parse(base, "base")
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
    """Whether something is deprecated from now on; a deprecation that is taken back is of the same kind."""
    return change.kind == "deprecated" and change.now is not None


def headline(change: Change, mark: str = "") -> str:
    """What happened, as a sentence without its full stop.

    Args:
        change: the change.
        mark: what stands around names and values, as a backquote in Markdown.
    """
    was, now = (None if text is None else marked(text, mark) for text in (change.was, change.now))
    name, several = _named(change, mark)
    be, were, ending = ("are", "were", "") if several else ("is", "was", "s")
    if change.kind == "no longer holds":
        return name
    if change.area == "enum value" and change.kind in {"added", "removed"}:
        values = now if change.kind == "added" else was
        plural = "s" if values and "', '" in values else ""
        argument = "=)" in change.name
        if change.kind == "added":
            return f"{name} {f'take{ending}' if argument else 'may be'} the new value{plural} {values}"
        return (
            f"{name} no longer {f'take{ending}' if argument else f'{be} documented to be'} the value{plural} {values}"
        )
    if change.kind == "added":
        # What a new argument or field is needs no repeating of its documented name.
        now = (change.now or "").partition(": ")[2] if change.area in {"parameter", "field"} else now
        return f"{name} {be} new" + (f": {now}" if now else "")
    if change.kind == "removed":
        return f"{name} {be} gone"
    if change.kind == "deprecated":
        return f"{name} {be} deprecated: {change.now}" if now else f"{name} {be} no longer deprecated"
    if change.kind == "renamed":
        return f"{name} {be} called {now} now"
    if change.area == "sid":
        name = f"the pattern of {name}"
    if was and now:
        return f"{name} {were} {was}, and {be} {now} now"
    if now:
        return f"{name} {be} {now} now"
    return f"{name} {be} no longer {was}" if was else name


def _named(change: Change, mark: str) -> tuple[str, bool]:
    """The name of what changed, and whether that are several things."""
    if change.area.startswith("released"):
        return f"{mark}{change.name}{mark}", False
    first, and_, rest = change.name.partition(" and ")
    last = rest if rest.endswith(" more") else f"{mark}{rest}{mark}"
    return f"{mark}{first}{mark}" + (f" and {last}" if and_ else ""), bool(and_)


def changelog(changes: Sequence[Change]) -> str:
    """The section of the changelog, in the form of Keep a Changelog and without a version heading."""
    told = [change for change in changes if not change.quiet and not change.area.startswith("released")]
    held = [change.name for change in changes if change.area.startswith("released")]
    sections: dict[str, list[str]] = {"Added": [], "Changed": [], "Deprecated": [], "Removed": []}
    for change in told:
        section = {"added": "Added", "removed": "Removed"}.get(change.kind, "Changed")
        # A new argument that every call must give, or a value that went, changes what there is.
        if (change.kind == "added" and change.breaking) or (change.kind == "removed" and change.area == "enum value"):
            section = "Changed"
        if _deprecates(change):
            section = "Deprecated"
        sections[section].append(_entry(change))
    if held and not any(change.breaking for change in told):
        # A released program fails and nothing else says why: this is what callers must know.
        some = ", ".join(f"`{name}`" for name in held[:_MOST_NAMES])
        more = f" and {len(held) - _MOST_NAMES} more" if len(held) > _MOST_NAMES else ""
        text = f"programs that were right fail; say here which, and what they have to change ({some}{more})"
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
