"""What differs between two versions of one value: of an argument or a field, of its items, of the options of a union.

Members of documented objects are not compared here: they are fields of models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from regenerator.schemas import Fact

from .changes import Words
from .judgements import falls, is_any_line, pattern, rises

# Kinds that are sent as text. The latter are texts of a form of their own; all others are refused.
_TEXTS = frozenset({"string", "comma", "timestamp", "date", "uuid"})
_FORMS = frozenset({"timestamp", "date", "uuid"})
_WORDS = {
    "string": "text",
    "comma": "text",
    "timestamp": "a time",
    "date": "a date",
    "uuid": "a UUID",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "any": "any value",
}


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes:
        breaking: whether what was given so far may be refused; never for what only comes in answers.
        reason: what it means for callers.
        was: how it was, or `None`.
        now: how it is, or `None`.
        kind: `added`, `removed` or `changed`.
        area: `enum value`, or nothing for that of what the value belongs to.
    """

    breaking: bool
    reason: str
    was: str | None
    now: str | None
    kind: str = "changed"
    area: str = ""


def options(fact: Fact) -> tuple[Fact, ...]:
    """The options of a union, those of unions in it included; of anything else, itself."""
    if fact.kind != "union":
        return (fact,)
    return tuple(inner for option in fact.fields for inner in options(option))


def parts(fact: Fact) -> Iterator[Fact]:
    """Every value that is no union: the options, and the items of arrays."""
    for option in options(fact):
        yield option
        if option.items is not None:
            yield from parts(option.items)


def refused(old: Fact, new: Fact) -> str:
    """Why a kind of value that was taken is refused now, or nothing if none is.

    Texts of a special form stand in Python's types as wider than text (`datetime | str`), and options of one type not
    at all, so that the types alone do not tell.
    """
    for one, other in _pairs(old, new):
        if other is None:
            if not any(_takes_all(one, option) for option in options(new)):
                return f"{_words(one)} is no longer taken as it was"
        elif one.kind != other.kind and other.kind in _FORMS:
            return f"texts that were taken are refused, unless each is the text of {_WORDS[other.kind]}"
        elif (one.kind, other.kind) == ("number", "integer"):
            return "numbers with a fraction are refused"
        elif one.free and not other.free and not one.fields:
            # With documented members on both sides, it is told once for the model.
            return "objects with other members than the documented ones are refused"
        elif one.kind == "array" and (reason := refused(_items(one), _items(other))):
            return reason
    return ""


def differences(
    old: Fact, new: Fact, *, given: bool, elsewhere: Callable[[Fact, Fact], bool] = lambda old, new: False
) -> list[Difference]:
    """List what differs in enums, patterns, ranges and masking, each difference once.

    Args:
        old: the value as it was.
        new: the value as it is.
        given: whether callers give it.
        elsewhere: whether the change of a pattern is told elsewhere, for all that refer to it.
    """
    places: dict[Difference, set[str]] = {}
    for found, place in _all(old, new, given, elsewhere, ""):
        places.setdefault(found, set()).add(place)
    # What holds for several options is said of the whole.
    return [
        replace(found, reason=found.reason + (where.pop() if len(where) == 1 else ""))
        for found, where in places.items()
    ]


def _all(
    old: Fact, new: Fact, given: bool, elsewhere: Callable[[Fact, Fact], bool], place: str
) -> Iterator[tuple[Difference, str]]:
    if old.sensitive != new.sensitive:
        yield _masking(old, new), place
    several = "union" in (old.kind, new.kind)
    for one, other in _pairs(old, new):
        if other is None:
            continue  # its kind of value is gone, which `refused` tells
        where = f", where it is {_words(other)}" if several else place
        for found in _facets(one, other, given, elsewhere):
            yield found, where
        if one.kind == "array":
            yield from _all(_items(one), _items(other), given, elsewhere, where)


def _pairs(old: Fact, new: Fact) -> list[tuple[Fact, Fact | None]]:
    """Pair each option that was with one that is, or with none.

    Which of several is no matter: if each takes what its partner took, then nothing is refused that was taken.
    """
    before, left = options(old), list(options(new))
    if len(before) == len(left) == 1:
        return [(before[0], left[0] if _alike(before[0], left[0]) else None)]
    found: dict[int, Fact] = {}
    # The best first, so that what only stands elsewhere, or takes more, is no change for the worse.
    for fits in (_same, _takes_all, _alike):
        for index, one in enumerate(before):
            partner = None if index in found else next((other for other in left if fits(one, other)), None)
            if partner is not None:
                found[index] = partner
                left.remove(partner)
    return [(one, found.get(index)) for index, one in enumerate(before)]


def _same(one: Fact, other: Fact) -> bool:
    return _bare(one) == _bare(other)


def _alike(one: Fact, other: Fact) -> bool:
    return _group(one) == _group(other)


def _takes_all(one: Fact, other: Fact) -> bool:
    """Whether what is now takes all that the other took; neither is a union."""
    if other.kind == "any":
        return True
    if not _alike(one, other) or (other.fields and not _same(one, other)):
        return False
    return not refused(one, other) and not any(found.breaking for found in differences(one, other, given=True))


def _group(fact: Fact) -> str:
    return "string" if fact.kind in _TEXTS else "number" if fact.kind == "integer" else fact.kind


def _bare(fact: Fact) -> Fact:
    """A value without what is only documentation."""
    return replace(
        fact,
        description="",
        default=None,
        inferred="",
        items=None if fact.items is None else _bare(fact.items),
        fields=tuple(_bare(member) for member in fact.fields),
    )


def _items(fact: Fact) -> Fact:
    return fact.items if fact.items is not None else Fact("", "", "any", nullable=True)


def _words(fact: Fact) -> str:
    if fact.kind == "array":
        return "an array" if fact.items is None else f"an array of which each is {_words(fact.items)}"
    if fact.kind == "union":
        return " or ".join(dict.fromkeys(_words(option) for option in options(fact)))
    return _WORDS[fact.kind]


# One value that is no union


def _facets(old: Fact, new: Fact, given: bool, elsewhere: Callable[[Fact, Fact], bool]) -> Iterator[Difference]:
    yield from _values(old.enum, new.enum, given)
    # A text of a special form has no pattern; what else is refused then, the change of its kind tells.
    patterned = old.pattern != new.pattern and (new.kind not in _FORMS or old.kind == new.kind)
    # Any such text is a line.
    lines = old.kind in _FORMS and old.kind != new.kind and new.pattern is not None and is_any_line(new.pattern)
    if patterned and not lines and not elsewhere(old, new):
        breaking, reason = pattern(old.pattern, new.pattern)
        was, now = (_patterned(one.pattern) for one in (old, new))
        yield Difference(breaking and given, reason if given else _UNCHECKED, was, now)
    for facet, narrower in (("minimum", rises), ("maximum", falls)):
        was, now = getattr(old, facet), getattr(new, facet)
        if was != now:
            breaking = given and narrower(was, now)
            reason = "values that were taken are refused" if breaking else "values that were taken still are"
            yield Difference(breaking, reason if given else _UNCHECKED, _range(facet, was), _range(facet, now))
    if old.sensitive != new.sensitive:
        yield _masking(old, new)


_UNCHECKED = "it is not checked in answers"


def _masking(old: Fact, new: Fact) -> Difference:
    shown = "masked" if new.sensitive else "shown"
    reason = f"it is {shown} in logs, errors and representations from now on"
    was, now = (Words("sensitive" if fact.sensitive else "not sensitive") for fact in (old, new))
    return Difference(False, reason, was, now)


def _values(before: tuple[Any, ...], after: tuple[Any, ...], given: bool) -> Iterator[Difference]:
    more, fewer = [one for one in after if one not in before], [one for one in before if one not in after]
    if not before or not after:
        if before:
            reason = "any value of its type is taken" if given else "any value of its type may come"
            yield Difference(False, reason, _list(before), Words("any value"), area="enum value")
        elif after:
            reason = "other values are refused" if given else "other values still come through"
            yield Difference(given, reason, Words("any value"), _list(after), area="enum value")
        return
    if more:
        reason = (
            "all that was taken still is"
            if given
            else "types of answers are open (`Literal[...] | str`), so that code already had to expect values that "
            "it does not know; a `match` over the known ones needs its `case _`"
        )
        yield Difference(False, reason, None, _list(more), "added", "enum value")
    if fewer:
        reason = (
            "calls that give it are refused, and type checkers object"
            if given
            else "type checkers still accept comparisons with it; it is no longer documented to come"
        )
        yield Difference(given, reason, _list(fewer), None, "removed", "enum value")


def _patterned(value: str | None) -> str:
    return Words("any text" if value is None else f"text of the pattern `{value}`")


def _range(facet: str, value: float | None) -> str | None:
    return None if value is None else Words(f"{facet} `{value:g}`")


def _list(values: Any) -> str:
    return ", ".join(repr(value) if isinstance(value, str) else str(value) for value in values)


__all__ = ["Difference", "differences", "options", "parts", "refused"]
