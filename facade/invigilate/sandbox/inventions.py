"""What the sandbox had to decide because no page documents it, and what it lets pass.

Code that relies on an invention names it, with `infer` or `Behaviour.flips`. The response then carries the name in the
header `X-Sandbox-Inferred`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

HEADER = "X-Sandbox-Inferred"
"""The response header with the names of the inventions that the response rests on."""


@dataclass(frozen=True, slots=True)
class Invention:
    """One decision that no documentation covers.

    Attributes:
        name: its name in the header.
        text: what the sandbox does.
        contrary: what it does instead under `behaviour="contrary"`, which the documentation allows as well; None when
            there is no opposite, as with made-up data.
    """

    name: str
    text: str
    contrary: str | None = None


_inferred: ContextVar[set[str] | None] = ContextVar("invigilate_sandbox_inferred", default=None)


def infer(name: str) -> None:
    """Note that the current response rests on an invention."""
    names = _inferred.get()
    if names is not None:
        names.add(name)


@contextmanager
def inferring() -> Generator[set[str]]:
    """Collect the inventions that a response rests on."""
    names: set[str] = set()
    token = _inferred.set(names)
    try:
        yield names
    finally:
        _inferred.reset(token)


REQUESTS = (
    Invention(
        "undocumented-input",
        "An undocumented query parameter or field of a body is refused with 400, so that a misspelled filter does not"
        " pass silently.",
        "It is ignored.",
    ),
    Invention(
        "strict-input",
        "A parameter that is sent twice where no array is documented, a body where none is documented, a boolean other"
        " than true or false, and a time that matches the documented pattern without being a time: all are refused"
        " with 400.",
    ),
    Invention(
        "unknown-path",
        "A path that is not documented is 404 RESOURCENOTFOUND, an undocumented method of a known path 405"
        " UNSUPPORTEDHTTPVERB (the code of a sister API). Checks run in this order: path, method, credentials, input,"
        " and then what the path names.",
    ),
    Invention(
        "unreadable-request",
        "A body above 16 MiB is refused with 413, and a request that is not proper HTTP with the status of the"
        " standard; both in the shape of the API's errors.",
    ),
    Invention("sandbox-defect", "A mistake of the sandbox itself is a 500 with the code SANDBOXDEFECT."),
    Invention(
        "fault-response",
        "The bodies of errors that faults return, with the code SANDBOXFAULT. Rows that a growing or shifting list adds"
        " are copies of others with new SIDs.",
    ),
    Invention(
        "example-credentials",
        "An API without behavior of its own accepts the credentials that the sandbox issued, and refuses others with"
        " 401.",
    ),
    Invention(
        "example-response",
        "An operation without behavior of its own returns the example of its spec, or a value built from the schema. If"
        " it pages, there are 25 rows, numbered copies of the example's.",
    ),
)
