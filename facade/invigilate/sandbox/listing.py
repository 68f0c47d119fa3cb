"""What the sandbox knows of the APIs of this package: behavior, inventions, and what is let pass."""

from __future__ import annotations

from typing import Any

from . import ispring, smarterproctoring
from .api import Operations
from .inventions import REQUESTS, Invention

INVENTED: dict[str, tuple[Invention, ...]] = {
    "All APIs": REQUESTS,
    **smarterproctoring.INVENTED,
    **ispring.INVENTED,
}
"""What the sandbox had to decide because no page documents it."""

PERMITTED: dict[str, tuple[str, ...]] = {**smarterproctoring.PERMITTED, **ispring.PERMITTED}
"""What the sandbox lets pass, and a real server may refuse."""

BEHAVIOR: dict[str, Operations[Any]] = {
    "smarterproctoring": smarterproctoring.OPERATIONS,
    "ispring": ispring.OPERATIONS,
}
"""The operations that have behavior of their own, by API; the responses of others are the examples of the spec."""
