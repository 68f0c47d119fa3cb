"""Other changes of a specification: documentation, servers, credentials, and keywords that the client does not check.

No change goes unreported: whatever is neither documentation nor compared elsewhere is listed by its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from regenerator.facts import METHODS

from .changes import Change, Words
from .specification import Specification

_DOCUMENTATION = frozenset(
    {"description", "summary", "title", "example", "examples", "externalDocs", "info", "reason"}
    | {"x-capture", "x-inferred"}
)
# Compared with the calls, arguments and fields, or below.
_COMPARED = frozenset(
    (
        *("$ref", "allOf", "anyOf", "const", "content", "default", "enum", "exclusiveMaximum", "exclusiveMinimum"),
        *("explode", "in", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum"),
        *("multipleOf", "name", "oneOf", "operationId", "parameters", "pattern", "properties", "requestBody"),
        *("required", "schema", "style", "tags", "type", "value", "x-argument", "x-client-default", "x-idempotent"),
        *("x-pagination", "x-sensitive"),
    )
)
# Their entries have names; added and removed ones are reported elsewhere.
_NAMED = frozenset({"parameters", "paths", "properties", "schemas"})
# Formats with a type of their own, which is compared.
_SHARED = ("schemas", "parameters", "requestBodies", "responses", "headers")
_TYPED = frozenset({"date-time", "date", "uuid", "binary"})
_SIZES = ["int8", "int16", "int32", "int64"]
_LONGEST = 80
_Place = tuple[str, ...]


def _other_format(was: Any, now: Any) -> bool:
    wider = was in _SIZES and now in _SIZES and _SIZES.index(now) > _SIZES.index(was)
    return now is not None and not wider


# Keywords that the client does not check: whether a server with the new value accepts less.
_UNCHECKED: dict[str, Callable[[Any, Any], bool]] = {
    "format": _other_format,
    "uniqueItems": lambda was, now: bool(now),
    "minProperties": lambda was, now: now is not None and (was is None or now > was),
    "maxProperties": lambda was, now: now is not None and (was is None or now < was),
    **{
        name: lambda was, now: now is not None
        for name in ("contains", "dependentRequired", "else", "if", "not", "propertyNames", "then")
    },
}


def compare(old: Specification, new: Specification) -> list[Change]:
    """List the changes that the other comparison ignores."""
    documented: dict[str, dict[str, None]] = {}
    rest: list[Change] = [*_servers(old, new), *_credentials(old, new)]
    # Whether a model accepts undocumented properties is reported with its fields.
    sids = old.sids.keys() | new.sids.keys()
    both = old.models.keys() & new.models.keys()
    reported = {id(listing) for spec in (old, new) for name in both for listing in spec.models[name].schemas}
    for path, was, now in _differences(old.root, new.root, (), reported):
        within, place = _place(path, new)
        if path[-1] in _DOCUMENTATION:
            documented.setdefault(within, {})[place or path[-1]] = None
        elif path[0] == "components" and path[1] in _SHARED and not old.roles(path) | new.roles(path):
            continue  # listed below
        elif path[-1] in _UNCHECKED:
            if path[-1] != "format" or not {was, now} & _TYPED:
                rest.append(_unchecked(path, was, now, new))
        elif path[0] != "servers" and path[-1:] != ("security",) and path[:2] != ("components", "securitySchemes"):
            rest.append(_other(path, was, now, within, place, new.source))
    for section in _SHARED:
        before, after = (spec.root.get("components", {}).get(section, {}) for spec in (old, new))
        for name in dict.fromkeys([*before, *after]):
            path = ("components", section, name)
            # A SID is recognized by `parse_sid()`, whether an operation has it or not.
            if before.get(name) != after.get(name) and not old.roles(path) | new.roles(path) and name not in sids:
                documented.setdefault(name, {})["no operation uses it"] = None
    for within, places in documented.items():
        some = ", ".join(list(places)[:4]) + (f" and {len(places) - 4} more" if len(places) > 4 else "")
        rest.append(Change("changed", "documentation", within, False, some, where=(new.source,), quiet=True))
    return rest


def _servers(old: Specification, new: Specification) -> Iterator[Change]:
    """Compare the URLs of the servers, to which the credentials are sent."""
    before, after = ([one["url"] for one in spec.root.get("servers", ())] for spec in (old, new))
    removed, added = [url for url in before if url not in after], [url for url in after if url not in before]
    name, where = f"{new.source}: the server", (new.source,)
    while removed and added:
        reason = "requests and their credentials go to another server; code and firewalls that name the old one fail"
        was, now = removed.pop(0), added.pop(0)
        yield Change("changed", "specification", name, True, reason, was, now, where, uses=(was,))
    for url in removed:
        reason = "requests to it may fail"
        yield Change("removed", "specification", f"{name} {url}", True, reason, url, None, where, uses=(url,))
    for url in added:
        yield Change("added", "specification", f"{name} {url}", False, "nothing else changes", None, None, where)


def _credentials(old: Specification, new: Specification) -> Iterator[Change]:
    """Compare the header with the credentials, and how it is documented."""
    before, after = old.document.header, new.document.header
    name, where = f"{new.source}: the header with the credentials", (new.source,)
    about = frozenset(
        ("surface", f"{new.package}.AuthenticatedClient.__init__", argument)
        for argument in ("auth_header_name", "prefix")
    )
    if before != after:
        was, now = (f"{one.name}: {one.prefix} <token>".replace(":  ", ": ") for one in (before, after))
        reason = "credentials are sent in another header; code, proxies and tests that name the old one fail"
        yield Change("changed", "specification", name, True, reason, was, now, where, about)
    elif _schemes(old) != _schemes(new):
        reason = "the credentials are sent as before"
        yield Change("changed", "specification", f"{new.source}: the security schemes", False, reason, quiet=True)


def _schemes(spec: Specification) -> Any:
    def bare(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: bare(value) for key, value in node.items() if key not in _DOCUMENTATION}
        return node

    return spec.root.get("security"), bare(spec.root.get("components", {}).get("securitySchemes"))


def _unchecked(path: _Place, was: Any, now: Any, new: Specification) -> Change:
    """Judge a keyword that the client does not check, by the direction of its values."""
    within, place = _place(path[:-1], new)
    breaking = "passed" in new.roles(path) and _UNCHECKED[path[-1]](was, now)
    reason = "the server may reject values that it accepted; the client does not check this"
    if not breaking:
        passed = "passed" in new.roles(path)
        reason = "values that were accepted still are" if passed else "responses are not checked"
    before, after = (None if one is None else Words(f"{path[-1]} `{_short(one)}`") for one in (was, now))
    name = f"{within}: {place}" if place else within
    return Change("changed", "specification", name, breaking, reason, before, after, (new.source,))


def _other(path: _Place, was: Any, now: Any, within: str, place: str, source: str) -> Change:
    kind = "added" if was is None else "removed" if now is None else "changed"
    error = len(path) > 1 and path[-2] == "responses"
    name = f"{within}: response {path[-1]}" if error else f"{within}: {place}" if place else within
    reason = "no effect on the Python API"
    if path[-1] == "responses":
        name, reason = f"{within}: the success status", "any 2xx is a success"
    elif error:
        reason = "errors are raised for their status, documented or not"
    shown = (None, None) if error else (_short(was), _short(now))
    return Change(kind, "specification", name, False, reason, *shown, (source,), quiet=True)


def _differences(
    old: Any, new: Any, path: tuple[str, ...], reported: set[int]
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield each place where two documents differ, as deep as both have it, except what is compared elsewhere."""
    if old == new:
        return
    last = path[-1] if path else ""
    if last in _DOCUMENTATION and not _has_names(path[:-1]):
        yield path, old, new
    elif isinstance(old, dict) and isinstance(new, dict):
        for was, now in _other_names(old, new, path):
            # A status is reported here, the media type of a body elsewhere.
            if last == "responses":
                yield path, was, now
            yield from _differences(old[was], new[now], (*path, now), reported)
            old, new = (
                {key: value for key, value in one.items() if key != removed}
                for one, removed in ((old, was), (new, now))
            )
        for key in dict.fromkeys([*old, *new]):
            if (key == "additionalProperties" and _reported_with_a_model(old, new, reported)) or _reported_with_a_call(
                key, path
            ):
                continue
            if key in old and key in new:
                yield from _differences(old[key], new[key], (*path, key), reported)
            elif not _has_names(path) and key not in _COMPARED and key not in METHODS:
                yield (*path, key), old.get(key), new.get(key)
    elif isinstance(old, list) and isinstance(new, list) and last in {"anyOf", "allOf", "oneOf"}:
        for index, (before, after) in enumerate(zip(old, new, strict=False)):
            yield from _differences(before, after, (*path, str(index)), reported)
    elif isinstance(old, list) and isinstance(new, list) and last == "parameters":
        before_by_name, after_by_name = _by_name(old), _by_name(new)
        for name in before_by_name:
            if name in after_by_name:
                yield from _differences(before_by_name[name], after_by_name[name], (*path, name), reported)
    elif last not in _COMPARED:
        yield path, old, new


def _other_names(old: dict[str, Any], new: dict[str, Any], path: tuple[str, ...]) -> list[tuple[str, str]]:
    """Pair entries with different keys that are the same thing: the success response, and the content of a body."""
    if path[-1:] == ("responses",):
        found = [[key for key in one if str(key).startswith("2")] for one in (old, new)]
    elif path[-1:] == ("content",) and ("requestBody" in path or path[:2] == ("components", "requestBodies")):
        found = [list(old), list(new)]
    else:
        return []
    return [(found[0][0], found[1][0])] if [len(keys) for keys in found] == [1, 1] and found[0] != found[1] else []


def _reported_with_a_call(key: str, path: tuple[str, ...]) -> bool:
    """Return whether a key is reported with the calls, arguments or fields that have it."""
    operation = path[:1] == ("paths",) and len(path) == 3
    named = _has_names(path[:-1]) and path[-2] in {"parameters", "properties"}
    return (key == "security" and operation) or (key == "deprecated" and (operation or named))


def _reported_with_a_model(old: dict[str, Any], new: dict[str, Any], reported: set[int]) -> bool:
    opened = bool(old.get("additionalProperties")) != bool(new.get("additionalProperties"))
    return opened and {id(old.get("properties")), id(new.get("properties"))} <= reported


def _has_names(path: tuple[str, ...]) -> bool:
    """Return whether the keys here are names, not keywords of OpenAPI."""
    return bool(path) and path[-1] in _NAMED and not _has_names(path[:-1])


def _by_name(parameters: list[Any]) -> dict[str, Any]:
    return {str(one.get("$ref") or one.get("name")): one for one in parameters}


def _place(path: tuple[str, ...], new: Specification) -> tuple[str, str]:
    """Return the operation or shared part that contains a place, and the place in it."""
    within, rest = new.source, path
    if path[0] == "paths" and len(path) > 2:
        node = new.root["paths"].get(path[1], {}).get(path[2], {})
        within, rest = str(node.get("operationId", path[1])), path[3:]
    elif path[0] == "components" and len(path) > 2:
        within, rest = path[2], path[3:]
    skipped = {"properties", "items", "schema", "content", "application/json", "responses"}
    names = [
        f"response {part}" if before == "responses" else part
        for before, part in zip(("", *rest), rest, strict=False)
        if part not in skipped
    ]
    return within, ".".join(names)


def _short(value: Any) -> str | None:
    if value is None:
        return None
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


__all__ = ["compare"]
