"""Changes of one value: of an argument or a field, of its items, of the options of a union.

Properties of documented objects are not compared here: they are fields of models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from regenerator.schemas import Fact, SharedFields

from .changes import Words
from .patterns import is_any_line, verdict

# Types that are sent as strings. Those in the second set have a format, and other strings are rejected.
_STRINGS = frozenset({"string", "comma", "timestamp", "date", "uuid"})
_FORMS = frozenset({"timestamp", "date", "uuid"})
_FORM_NAMES = {"timestamp": "timestamps", "date": "dates", "uuid": "UUIDs"}
_WORDS = {
    "string": "a string",
    "comma": "a string",
    "timestamp": "a timestamp",
    "date": "a date",
    "uuid": "a UUID",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "file": "a file",
    "any": "any value",
}


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes:
        breaking: whether values passed so far may be rejected; never for values that only responses contain.
        reason: what it means for callers.
        was: the old state, or `None`.
        now: the new state, or `None`.
        kind: `added`, `removed` or `changed`.
        area: `enum value`, or empty for that of the argument or field.
    """

    breaking: bool
    reason: str
    was: str | None
    now: str | None
    kind: str = "changed"
    area: str = ""


def options(fact: Fact) -> tuple[Fact, ...]:
    """Return the options of a union, flattened; of anything else, itself."""
    if fact.type != "union":
        return (fact,)
    return tuple(inner for option in fact.fields for inner in options(option))


def parts(fact: Fact) -> Iterator[Fact]:
    """Yield every value that is not a union: the options, and the items of arrays."""
    for option in options(fact):
        yield option
        if option.items is not None:
            yield from parts(option.items)


def rejected(old: Fact, new: Fact) -> str:
    """Return why a type of value that was accepted is now rejected, or an empty string if none is.

    The types in Python do not show this: strings with a format are wider there (`datetime | str`), and options of one
    type look alike.
    """
    for one, other in _pairs(old, new):
        if other is None:
            if not any(_accepts_all(one, option) for option in options(new)):
                return f"{_words(one)} is no longer accepted"
        elif one.type != other.type and other.type in _FORMS:
            return f"strings that were accepted are rejected unless they are {_FORM_NAMES[other.type]}"
        elif (one.type, other.type) == ("number", "integer"):
            return "numbers with a fraction are rejected"
        elif one.additional is not False and other.additional is False and not one.fields:
            # With documented properties on both sides, it is reported once for the model.
            return "objects with undocumented properties are rejected"
        else:
            for inner, outer in _inner(one, other):
                if reason := rejected(inner, outer):
                    return reason
    return ""


def differences(
    old: Fact, new: Fact, *, passed: bool, elsewhere: Callable[[Fact, Fact], bool] = lambda old, new: False
) -> list[Difference]:
    """List the changes of enums, patterns, ranges and masking, each once.

    Args:
        old: the old value.
        new: the new value.
        passed: whether callers pass it.
        elsewhere: whether the change of a pattern is reported elsewhere, for all that refer to it.
    """
    places: dict[Difference, set[str]] = {}
    for found, place in _all(old, new, passed, elsewhere, ""):
        places.setdefault(found, set()).add(place)
    # A change of several options is reported for the union.
    return [
        replace(found, reason=found.reason + (where.pop() if len(where) == 1 else ""))
        for found, where in places.items()
    ]


def _all(
    old: Fact, new: Fact, passed: bool, elsewhere: Callable[[Fact, Fact], bool], place: str
) -> Iterator[tuple[Difference, str]]:
    if old.sensitive != new.sensitive:
        yield _masking(old, new), place
    several = "union" in (old.type, new.type)
    for one, other in _pairs(old, new):
        if other is None:
            continue  # its type was removed, which `rejected` reports
        where = f", where it is {_words(other)}" if several else place
        for found in _facets(one, other, passed, elsewhere):
            yield found, where
        for inner, outer in _inner(one, other):
            yield from _all(inner, outer, passed, elsewhere, where)


def _pairs(old: Fact, new: Fact) -> list[tuple[Fact, Fact | None]]:
    """Pair each old option with a new one, or with none.

    Which of several does not matter: if each accepts what its partner accepted, nothing that was accepted is rejected.
    """
    before, left = options(old), list(options(new))
    if len(before) == len(left) == 1:
        return [(before[0], left[0] if _alike(before[0], left[0]) else None)]
    found: dict[int, Fact] = {}
    # The best first, so that an option that only moved, or accepts more, is not reported as breaking.
    for fits in (_same, _accepts_all, _alike):
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


def _accepts_all(one: Fact, other: Fact) -> bool:
    """Return whether the new value accepts everything that the old one did; neither is a union."""
    if other.type == "any":
        return True
    if not _alike(one, other) or (other.fields and not _same(one, other)):
        return False
    return not rejected(one, other) and not any(found.breaking for found in differences(one, other, passed=True))


def _group(fact: Fact) -> str:
    return "string" if fact.type in _STRINGS else "number" if fact.type == "integer" else fact.type


def _bare(fact: Fact) -> Fact:
    """Return a value without its documentation. A shared schema counts by its name: it is compared as a model."""
    return replace(
        fact,
        description="",
        default=None,
        inferred="",
        items=None if fact.items is None else _bare(fact.items),
        fields=fact.fields if isinstance(fact.fields, SharedFields) else tuple(map(_bare, fact.fields)),
    )


def _inner(one: Fact, other: Fact) -> Iterator[tuple[Fact, Fact]]:
    """Yield what both contain: the items of arrays, and the values of undocumented properties."""
    anything = Fact("", "", "any", nullable=True)
    if one.type == other.type == "array":
        yield one.items or anything, other.items or anything
    if one.type == other.type == "object" and one.additional is not False and other.additional is not False:
        before, after = (fact.additional if isinstance(fact.additional, Fact) else anything for fact in (one, other))
        yield before, after


def _words(fact: Fact) -> str:
    if fact.type == "array":
        return "an array" if fact.items is None else f"an array, each item {_words(fact.items)}"
    if fact.type == "union":
        return " or ".join(dict.fromkeys(_words(option) for option in options(fact)))
    return _WORDS[fact.type]


# One value that is not a union


def _facets(old: Fact, new: Fact, passed: bool, elsewhere: Callable[[Fact, Fact], bool]) -> Iterator[Difference]:
    yield from _values(old.enum, new.enum, passed)
    # A string with a format has no pattern; what else is rejected is reported with the type.
    patterned = old.pattern != new.pattern and (new.type not in _FORMS or old.type == new.type)
    # Any such string is one line.
    lines = old.type in _FORMS and old.type != new.type and new.pattern is not None and is_any_line(new.pattern)
    if patterned and not lines and not elsewhere(old, new):
        breaking, reason = verdict(old.pattern, new.pattern)
        was, now = (_patterned(one.pattern) for one in (old, new))
        yield Difference(breaking and passed, reason if passed else _UNCHECKED, was, now)
    for limit, narrower in (
        (_lowest, lambda was, now: now > was),
        (_highest, lambda was, now: now < was),
        (_multiple, lambda was, now: bool(was % now)),
    ):
        (was, was_said), (now, now_said) = limit(old), limit(new)
        if was_said != now_said:
            less = now is not None and (was is None or narrower(was, now))
            reason = "values that were accepted are rejected" if less else "values that were accepted still are"
            if not passed:
                reason = _UNCHECKED if less else f"{_UNCHECKED}; values outside the old limit may be returned"
            yield Difference(less and passed, reason, was_said, now_said)
    if old.sensitive != new.sensitive:
        yield _masking(old, new)


_Limit = tuple[Any, str | None]
"""A limit in a form that can be compared, and in words; `None` for none."""
_SIZES = {"string": "Length", "array": "Items"}


def _lowest(fact: Fact) -> _Limit:
    found = [] if fact.minimum is None else [((fact.minimum, 0), f"min{_SIZES.get(fact.type, 'imum')}", fact.minimum)]
    if fact.above is not None:
        # Above 5, an integer is at least 6.
        least = (fact.above + 1, 0) if fact.type == "integer" else (fact.above, 1)
        found.append((least, "exclusiveMinimum", fact.above))
    limit, name, value = max(found, default=(None, "", None))
    return limit, _range(name, value)


def _highest(fact: Fact) -> _Limit:
    found = [] if fact.maximum is None else [((fact.maximum, 0), f"max{_SIZES.get(fact.type, 'imum')}", fact.maximum)]
    if fact.below is not None:
        most = (fact.below - 1, 0) if fact.type == "integer" else (fact.below, -1)
        found.append((most, "exclusiveMaximum", fact.below))
    limit, name, value = min(found, default=(None, "", None))
    return limit, _range(name, value)


def _multiple(fact: Fact) -> _Limit:
    return None if fact.multiple is None else Fraction(str(fact.multiple)), _range("multipleOf", fact.multiple)


_UNCHECKED = "responses are not checked"


def _masking(old: Fact, new: Fact) -> Difference:
    shown = "masked" if new.sensitive else "shown"
    reason = f"it is now {shown} in logs, errors and reprs"
    was, now = (Words("sensitive" if fact.sensitive else "not sensitive") for fact in (old, new))
    return Difference(False, reason, was, now)


def _values(before: tuple[Any, ...], after: tuple[Any, ...], passed: bool) -> Iterator[Difference]:
    more, fewer = [one for one in after if one not in before], [one for one in before if one not in after]
    if not before or not after:
        if before:
            reason = "any value of its type is accepted" if passed else "any value of its type may be returned"
            yield Difference(False, reason, _list(before), Words("any value"), area="enum value")
        elif after:
            reason = "other values are rejected" if passed else "other values still decode"
            yield Difference(passed, reason, Words("any value"), _list(after), area="enum value")
        return
    if more:
        reason = (
            "all values that were accepted still are"
            if passed
            else "response types are open (`Literal[...] | str`), so code already had to handle unknown values; a "
            "`match` over the known ones needs its `case _`"
        )
        yield Difference(False, reason, None, _list(more), "added", "enum value")
    if fewer:
        reason = (
            "calls that pass it are rejected, and type checkers report them"
            if passed
            else "type checkers still accept comparisons with it"
        )
        yield Difference(passed, reason, _list(fewer), None, "removed", "enum value")


def _patterned(value: str | None) -> str:
    return Words("any string" if value is None else f"string matching `{value}`")


def _range(facet: str, value: float | None) -> str | None:
    return None if value is None else Words(f"{facet} `{value:g}`")


def _list(values: Any) -> str:
    return ", ".join(repr(value) if isinstance(value, str) else str(value) for value in values)


__all__ = ["Difference", "differences", "options", "parts", "rejected"]
