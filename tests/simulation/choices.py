"""The decisions of a world: drawn from a seed, recorded, and replayed. 0 always is the harmless one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Draws decisions from a seed, or replays recorded ones; after their end, everything is harmless.

    Attributes:
        made: the decisions so far.
    """

    def __init__(self, seed: int, recorded: Sequence[int] | None = None) -> None:
        self.made: list[int] = []
        self.seed = seed
        self._random = Random(seed)
        self._recorded = recorded

    def draw(self, number: int) -> int:
        """Draw an integer from 0 to below `number`."""
        if self._recorded is None:
            value = int(self._random.random() * number)
        else:
            position = len(self.made)
            value = min(self._recorded[position], number - 1) if position < len(self._recorded) else 0
        self.made.append(value)
        return value

    def chance(self, percent: int) -> bool:
        """Draw whether something with this probability happens."""
        return self.draw(100) >= 100 - percent

    def of(self, items: Sequence[T]) -> T:
        """Draw one of several; the first is the harmless one."""
        return items[self.draw(len(items))]

    def seconds(self, longest: float) -> float:
        """Draw a time, mostly a short one."""
        return longest * (self.draw(1000) / 1000) ** 3


def smallest(made: Sequence[int], fails: Callable[[Sequence[int]], bool], attempts: int = 2000) -> list[int]:
    """Return a smaller list of decisions that still fails.

    Args:
        made: the decisions that fail.
        fails: replays decisions, and returns whether they fail in the same way.
        attempts: the largest number of replays.
    """
    best, left = list(made), attempts

    def better(candidate: list[int]) -> bool:
        nonlocal best, left
        while candidate and candidate[-1] == 0:
            candidate.pop()
        if left <= 0 or candidate == best or not fails(candidate):
            left -= 1
            return False
        left -= 1
        best = candidate
        return True

    size = max(1, len(best) // 2)
    while size:
        start = 0
        while start < len(best):
            zeros = [0] * len(best[start : start + size])
            if not better(best[:start] + best[start + size :]) and not (
                any(best[start : start + size]) and better(best[:start] + zeros + best[start + size :])
            ):
                start += size
            if left <= 0:
                return best
        size //= 2
    for position in range(len(best)):
        if position < len(best) and best[position] > 1:
            better([*best[:position], 1, *best[position + 1 :]])
    return best
