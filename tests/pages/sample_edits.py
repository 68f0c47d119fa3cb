"""Edits of the JSON samples of saved pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Edit = tuple[str, str, str]
"""The kind of an edit, what it edits, and the edited page."""


def sample_edits(sample: Any, place: str = "", *, top: bool) -> Iterator[tuple[str, str, Any]]:
    """Edit a JSON sample: below its listed fields everything (`top` is false there), and real values at any depth."""
    if isinstance(sample, dict):
        for name, value in sample.items():
            where = f"{place}.{name}"
            for kind, what, inner in sample_edits(value, where, top=False):
                yield kind, what, {**sample, name: inner}
            if not top:
                rest = {key: item for key, item in sample.items() if key != name}
                yield "sample: field removed", where, rest
                yield (
                    "sample: field renamed",
                    where,
                    {(f"{key}X" if key == name else key): v for key, v in sample.items()},
                )
                yield "sample: field added", where, {**sample, f"{name}New": "<string>"}
                if value is not None and not isinstance(value, dict | list):
                    other = 123 if isinstance(value, str) else "<string>"
                    yield "sample: type", where, {**sample, name: other}
    elif isinstance(sample, list) and sample:
        for kind, what, inner in sample_edits(sample[0], f"{place}[0]", top=top and not place):
            yield kind, what, [inner, *sample[1:]]
    elif isinstance(sample, str) and not re.fullmatch("<.*>", sample):
        yield "sample: value", place, f"{sample} 2"
    elif isinstance(sample, int | float) and not isinstance(sample, bool) and sample != 123:
        yield "sample: value", place, sample + 1
