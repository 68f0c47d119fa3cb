"""The form in which a public surface is kept."""

from __future__ import annotations

import json

from .changes import ReportError
from .surface import Surface

# 2: signatures say whether they are of the class, and what is deprecated is recorded.
# 3: enums of numbers have them where more is said of a member, as exit codes do.
FORMAT = 3


def dump(surface: Surface, version: str, specifications: dict[str, str]) -> str:
    """Write a surface, one thing to a line, so that two of them can be compared by eye as well.

    Args:
        surface: the surface.
        version: the version that it is of.
        specifications: file of each specification -> the package that was made from it.
    """
    lines = [f"  {json.dumps(name)}: {json.dumps(record, sort_keys=True)}" for name, record in sorted(surface.items())]
    head = [("format", FORMAT), ("version", version), ("specifications", specifications)]
    top = "".join(f" {json.dumps(key)}: {json.dumps(value, sort_keys=True)},\n" for key, value in head)
    return f'{{\n{top} "objects": {{\n' + ",\n".join(lines) + "\n }\n}\n"


def load(text: str) -> Surface:
    """Read what `dump` wrote.

    Raises:
        ReportError: if it is something else, or of another format.
    """
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ReportError(f"a surface of format {document['format']}, and this script reads {FORMAT}")
        objects: Surface = document["objects"]
        if not isinstance(document["version"], str) or not isinstance(document["specifications"], dict):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise ReportError(f"no surface that this script wrote ({type(error).__name__})") from None
    return objects


__all__ = ["FORMAT", "dump", "load"]
