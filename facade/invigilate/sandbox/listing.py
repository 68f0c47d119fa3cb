"""All inventions, and all that is let pass, by subject."""

from __future__ import annotations

from . import ispring, smarterproctoring
from .inventions import REQUESTS, Invention

INVENTED: dict[str, tuple[Invention, ...]] = {
    "All APIs": REQUESTS,
    **smarterproctoring.INVENTED,
    **ispring.INVENTED,
}
"""What the sandbox had to decide because no page documents it."""

PERMITTED: dict[str, tuple[str, ...]] = {**smarterproctoring.PERMITTED, **ispring.PERMITTED}
"""What the sandbox lets pass, and a real server may refuse."""
