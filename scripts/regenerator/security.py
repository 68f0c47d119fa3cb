"""Which header carries the credentials. A client has one; an operation that needs another one is refused."""

from __future__ import annotations

from typing import Any, NamedTuple

from .references import Node, SpecError, follow


class Header(NamedTuple):
    """A header with credentials.

    Attributes:
        name: its name.
        prefix: what precedes the token; may be empty.
    """

    name: str
    prefix: str


BEARER = Header("Authorization", "Bearer")


def client_header(root: Node) -> Header:
    """Return the header of the client: that of the document, or of the first operation that needs one.

    Raises:
        SpecError: if the document has a scheme that is not supported.
    """
    operations = (
        operation["security"]
        for item in root.get("paths", {}).values()
        for operation in item.values()
        if isinstance(operation, dict) and operation.get("security")
    )
    found: Header | None = None
    for requirements in [root.get("security") or [], *operations]:
        try:
            found = _header(root, requirements)
        except SpecError:
            continue
        if found is not None:
            break
    return found or BEARER


def is_secured(root: Node, operation: Node, header: Header) -> bool:
    """Return whether an operation needs the credentials of the client.

    Raises:
        SpecError: if it needs others.
    """
    requirements: list[Node] = operation.get("security", root.get("security")) or []
    own = _header(root, requirements)
    if own not in {None, header}:
        names = ", ".join(name for one in requirements for name in one)
        raise SpecError(f"the security scheme {names} is not that of the client, which sends {_shown(header)}")
    return own is not None


def _header(root: Node, requirements: list[Node]) -> Header | None:
    """Return the header of the first alternative that is supported, or `None` if no credentials are needed."""
    needed = [one for one in requirements if one]
    problems: list[str] = []
    for one in needed:
        found = [_of_scheme(root, name) for name in one]
        if len(found) == 1 and isinstance(found[0], Header):
            return found[0]
        several = f"{' and '.join(one)} together"
        problems += [several] if len(found) > 1 else [part for part in found if isinstance(part, str)]
    if problems:
        raise SpecError(f"the security scheme {' or '.join(problems)} is not supported")
    return None


def _of_scheme(root: Node, name: str) -> Header | str:
    """Return the header of a scheme, or what it is if that is not supported."""
    schemes: Any = root.get("components", {}).get("securitySchemes", {})
    if name not in schemes:
        return f"{name} (not defined)"
    scheme, _, _ = follow(root, schemes[name])
    type_, http = scheme.get("type"), str(scheme.get("scheme", "")).lower()
    if type_ == "apiKey" and scheme.get("in") == "header":
        return Header(str(scheme["name"]), "")
    if type_ in {"oauth2", "openIdConnect"} or (type_ == "http" and http == "bearer"):
        return BEARER
    detail = f"apiKey in {scheme.get('in')}" if type_ == "apiKey" else f"{type_} {http}".strip()
    return f"{name} ({detail})"


def _shown(header: Header) -> str:
    return f"{header.name}: {header.prefix} <token>" if header.prefix else f"{header.name}: <token>"
