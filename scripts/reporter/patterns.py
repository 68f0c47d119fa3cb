"""Whether one regular expression matches everything that another one matches; decided by interegular.

A string matches as a whole, as arguments are checked. Lookarounds, possessive repeats and references to groups are
undecided, and callers must assume the worst.
"""

from __future__ import annotations

import re
import signal
import threading
from typing import Any, Literal

from interegular import InvalidSyntax, Unsupported, parse_pattern

Relation = Literal["same", "wider", "narrower", "other", "unknown"]

ANY_STRING = "(?:.|\n)*"
# What interegular reads otherwise than Python does.
_UNDECIDED = re.compile(r"\(\?[=!<>(]|(?<!\\)[+*?}]\+")
# Seconds. A repeat behind an unbounded one can have millions of states.
_TIMEOUT = 10.0
_REASONS = {
    "same": "the pattern matches the same strings",
    "wider": "the pattern matches everything it did, and more",
    "narrower": "the pattern no longer matches everything it did",
    "other": "the pattern matches other strings than it did",
    "unknown": "the pattern may no longer match everything it did; this was not decided",
}


def relation(old: str, new: str) -> Relation:
    """Return how the strings that the new pattern matches compare with those of the old one; `unknown` if undecided."""
    if old == new:
        return "same"
    here = threading.current_thread() is threading.main_thread()
    before: Any = signal.signal(signal.SIGALRM, _give_up) if here else None
    try:
        if here:
            signal.setitimer(signal.ITIMER_REAL, _TIMEOUT)
        was, now = _states(old), _states(new)
        more, fewer = was.issubset(now), now.issubset(was)
    except (Unsupported, InvalidSyntax, TimeoutError, RecursionError):
        return "unknown"
    finally:
        if here:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    if more and fewer:
        return "same"
    return "wider" if more else "narrower" if fewer else "other"


def _states(pattern: str) -> Any:
    if _UNDECIDED.search(pattern):
        raise Unsupported
    # As in the facade: a string must match as a whole.
    ended = pattern.endswith("$") and not pattern.endswith("\\$")
    return parse_pattern(pattern.removeprefix("^").removesuffix("$" if ended else "")).to_fsm()


def _give_up(*_: object) -> None:
    raise TimeoutError


def verdict(old: str | None, new: str | None) -> tuple[bool, str]:
    """Return whether a changed pattern of an argument breaks callers, and why."""
    if new is None:
        return False, "any string is accepted"
    if old is None:
        if relation(ANY_STRING, new) == "same":
            return False, "every string matches the pattern"
        if is_any_line(new):
            return True, "strings of several lines are rejected; every other string matches the pattern"
        return True, "strings that were accepted are rejected unless they match the pattern"
    found = relation(old, new)
    return found not in {"same", "wider"}, _REASONS[found]


def is_any_line(value: str) -> bool:
    """Return whether a pattern matches every string without a line break."""
    return relation(".*", value) in {"same", "wider"}


__all__ = ["Relation", "is_any_line", "relation", "verdict"]
