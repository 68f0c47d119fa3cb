"""What a sandbox was created with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .behaviours import Behaviour
from .times import Clock, now


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options that the state of an API depends on; see `Sandbox`."""

    seed: int = 7
    report_rows: int = 240
    open_sessions: int = 200
    max_limit: int = 1000
    token_lifetime: float = 1800
    expired_token: Literal[401, 403] | None = None
    behaviour: Behaviour = field(default_factory=Behaviour)
    strict: bool = True
    clock: Clock = now

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.report_rows < 0 or self.open_sessions < 1 or self.max_limit < 1:
            raise ValueError("report_rows has to be at least 0, open_sessions and max_limit at least 1")
        if not self.token_lifetime > 0:
            raise ValueError("token_lifetime has to be above 0 seconds")
