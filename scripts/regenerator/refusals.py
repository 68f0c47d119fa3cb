"""What cannot be generated, all of it at once: each operation with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .references import SpecError


@dataclass(frozen=True)
class Refusal:
    """An operation that cannot be generated.

    Attributes:
        method: upper case; empty for a whole path.
        path: its path.
        id: its operationId, if it has one.
        reason: why.
    """

    method: str
    path: str
    id: str
    reason: str

    def __str__(self) -> str:
        named = f"{self.method} {self.path}".strip()
        # Many reasons begin with the operation.
        reason = self.reason
        for prefix in (named, self.id):
            reason = reason.removeprefix(f"{prefix}: ") if prefix else reason
        return f"{named}{f' ({self.id})' if self.id else ''}: {' '.join(reason.split())}"


class Refused(SpecError):
    """Operations cannot be generated.

    Attributes:
        refusals: each with its reason.
    """

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__("\n".join(map(str, self.refusals)))
