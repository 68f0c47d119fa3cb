"""The file format of a public surface."""

from __future__ import annotations

import json

from .changes import ReportError
from .surface import Surface

# 2: signatures record class methods, and deprecations are recorded.
# 3: enums of numbers have the number of each member, even with a description, as exit codes do.
FORMAT = 3


def dump(surface: Surface, version: str, specifications: dict[str, str]) -> str:
    """Return a surface as text, one object per line, so that two can be compared by eye.

    Args:
        surface: the surface.
        version: its version.
        specifications: the package generated from each specification, by file.
    """
    lines = [f"  {json.dumps(name)}: {json.dumps(record, sort_keys=True)}" for name, record in sorted(surface.items())]
    head = [("format", FORMAT), ("version", version), ("specifications", specifications)]
    top = "".join(f" {json.dumps(key)}: {json.dumps(value, sort_keys=True)},\n" for key, value in head)
    return f'{{\n{top} "objects": {{\n' + ",\n".join(lines) + "\n }\n}\n"


def load(text: str) -> Surface:
    """Parse the output of `dump`.

    Raises:
        ReportError: if it is not a surface, or of another format.
    """
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ReportError(f"a surface of format {document['format']}, and this script reads {FORMAT}")
        objects: Surface = document["objects"]
        if not isinstance(document["version"], str) or not isinstance(document["specifications"], dict):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise ReportError(f"not a surface written by this script ({type(error).__name__})") from None
    return objects


__all__ = ["FORMAT", "dump", "load"]
