"""Whether one regular expression matches everything that another one matches.

Decided exactly for the constructs of documented patterns: literals, classes, groups, alternatives, `?`, `*`, `+` and
counted repeats. Anything else is undecided, and callers must assume the worst. A string matches as a whole, as
arguments are checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Relation = Literal["same", "wider", "narrower", "other", "unknown"]

# One more character represents all others; no documented pattern distinguishes them.
_ALPHABET = frozenset(map(chr, range(32, 127))) | {"\n", "\u00e9"}
_CLASSES = {
    "d": frozenset("0123456789"),
    "w": frozenset(char for char in _ALPHABET if re.fullmatch(r"\w", char)),
    "s": frozenset(char for char in _ALPHABET if re.fullmatch(r"\s", char)),
}
_MOST_STATES = 20_000


class _Undecided(Exception):
    """The pattern has a construct that this module does not know."""


@dataclass
class _Machine:
    """An automaton: steps from state to state, by a set of characters or by none."""

    steps: list[list[tuple[frozenset[str] | None, int]]]

    def state(self) -> int:
        if len(self.steps) > _MOST_STATES:
            raise _Undecided
        self.steps.append([])
        return len(self.steps) - 1

    def closure(self, states: set[int]) -> frozenset[int]:
        waiting, found = list(states), set(states)
        while waiting:
            for chars, target in self.steps[waiting.pop()]:
                if chars is None and target not in found:
                    found.add(target)
                    waiting.append(target)
        return frozenset(found)

    def after(self, states: frozenset[int], char: str) -> frozenset[int]:
        reached = {to for state in states for chars, to in self.steps[state] if chars is not None and char in chars}
        return self.closure(reached)


class _Reader:
    """Builds the automaton of a pattern; each method reads a construct from state `start` and returns its end."""

    def __init__(self, pattern: str) -> None:
        self.machine = _Machine([])
        self.start = self.machine.state()
        # As in the facade: a string must match as a whole.
        ended = pattern.endswith("$") and not pattern.endswith("\\$")
        self.text, self.at = pattern.removeprefix("^").removesuffix("$" if ended else ""), 0
        self.end = self.alternatives(self.start)
        if self.at < len(self.text):
            raise _Undecided

    def alternatives(self, start: int) -> int:
        end = self.machine.state()
        while True:
            self.machine.steps[self.sequence(start)].append((None, end))
            if not self.take("|"):
                return end

    def sequence(self, start: int) -> int:
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            begin = self.at
            least, most = self.repeats(begin)
            after = self.at
            for count in range(most if most is not None else max(least, 1)):
                # A separate state, so that a repetition does not lead back before the preceding piece.
                inner = self.machine.state()
                self.machine.steps[start].append((None, inner))
                self.at = begin
                end = self.piece(inner)
                if count >= least:
                    self.machine.steps[start].append((None, end))
                if most is None and count == max(least, 1) - 1:
                    self.machine.steps[end].append((None, inner))
                start = end
            self.at = after
        return start

    def repeats(self, begin: int) -> tuple[int, int | None]:
        """Skip a piece and return its minimum and maximum count."""
        self.piece(self.machine.state())
        found = re.compile(r"([?*+])|\{(\d+)(,?)(\d*)\}").match(self.text, self.at)
        if found is None:
            if self.text[self.at : self.at + 1] == "{":
                raise _Undecided
            return 1, 1
        self.at = found.end()
        if self.text[self.at : self.at + 1] in {"?", "+"} and self.at < len(self.text):
            raise _Undecided
        if found[1]:
            return {"?": (0, 1), "*": (0, None), "+": (1, None)}[found[1]]
        least = int(found[2])
        return least, (int(found[4]) if found[4] else None) if found[3] else least

    def piece(self, start: int) -> int:
        if self.take("("):
            if self.take("?") and not self.take(":"):
                raise _Undecided
            end = self.alternatives(start)
            if not self.take(")"):
                raise _Undecided
            return end
        end = self.machine.state()
        self.machine.steps[start].append((self.chars(), end))
        return end

    def chars(self) -> frozenset[str]:
        char = self.next()
        if char == ".":
            return _ALPHABET - {"\n"}
        if char == "\\":
            return self.escaped()
        if char == "[":
            return self.klass()
        if char in "^$*+?{}])":
            raise _Undecided
        return self.known(char)

    def klass(self) -> frozenset[str]:
        negated, found = self.take("^"), frozenset[str]()
        while not self.take("]"):
            char = self.next()
            here = self.escaped() if char == "\\" else self.known(char)
            if self.text[self.at : self.at + 1] == "-" and self.text[self.at + 1 : self.at + 2] not in {"]", "\\", ""}:
                self.at += 1
                low, high = char, self.next()
                here = frozenset(char for char in _ALPHABET if low <= char <= high)
            found |= here
        return _ALPHABET - found if negated else found

    def escaped(self) -> frozenset[str]:
        char = self.next()
        if char in _CLASSES:
            return _CLASSES[char]
        if char.isalnum():
            raise _Undecided
        return self.known(char)

    def known(self, char: str) -> frozenset[str]:
        if char not in _ALPHABET:
            raise _Undecided
        return frozenset(char)

    def take(self, char: str) -> bool:
        found = self.text[self.at : self.at + 1] == char
        self.at += found
        return found

    def next(self) -> str:
        if self.at >= len(self.text):
            raise _Undecided
        self.at += 1
        return self.text[self.at - 1]


def relation(old: str, new: str) -> Relation:
    """Return how the strings that the new pattern matches compare with those of the old one; `unknown` if undecided."""
    if old == new:
        return "same"
    try:
        before, after = _Reader(old), _Reader(new)
        more, fewer = _accepts_all_of(after, before), _accepts_all_of(before, after)
    except _Undecided:
        return "unknown"
    if more and fewer:
        return "same"
    return "wider" if more else "narrower" if fewer else "other"


def _accepts_all_of(outer: _Reader, inner: _Reader) -> bool:
    """Walk both automata together, looking for a string that only the inner one accepts."""
    first = (inner.machine.closure({inner.start}), outer.machine.closure({outer.start}))
    waiting, seen = [first], {first}
    while waiting:
        one, other = waiting.pop()
        if inner.end in one and outer.end not in other:
            return False
        if len(seen) > _MOST_STATES:
            raise _Undecided
        for char in _distinct(inner, one, outer, other):
            following = (inner.machine.after(one, char), outer.machine.after(other, char))
            if following[0] and following not in seen:
                seen.add(following)
                waiting.append(following)
    return True


def _distinct(inner: _Reader, one: frozenset[int], outer: _Reader, other: frozenset[int]) -> list[str]:
    """Return one character for each transition; all others lead to the same states as one of these."""
    sets = [chars for state in one for chars, _ in inner.machine.steps[state] if chars is not None]
    sets += [chars for state in other for chars, _ in outer.machine.steps[state] if chars is not None]
    ways: dict[tuple[bool, ...], str] = {}
    for char in sorted(_ALPHABET):
        ways.setdefault(tuple(char in chars for chars in sets), char)
    return list(ways.values())


__all__ = ["Relation", "relation"]
