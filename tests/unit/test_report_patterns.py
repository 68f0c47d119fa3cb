"""Whether patterns and types are wider or narrower than others."""

from __future__ import annotations

import itertools
import random
import re

import pytest
from reporter import patterns, type_relations


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("^EX[a-f0-9]{32}$", "^EX[a-f0-9]{32}$", "same"),
        ("^EX[a-f0-9]{32}$", "^EX[a-fA-F0-9]{32}$", "wider"),
        ("^EX[a-fA-F0-9]{32}$", "^EX[a-f0-9]{32}$", "narrower"),
        ("^EX[a-f0-9]{32}$", "^EX[a-f0-9]{31}$", "other"),
        ("^EX[a-f0-9]{32}$", "^[A-Z]{2}[a-f0-9]{32}$", "wider"),
        ("^(A|B)x$", "^Ax$", "narrower"),
        (".*Z", "^.*Z$", "same"),
        (r"^\d+$", r"^[0-9][0-9]*$", "same"),
        (r"^\d\w+$", r"^\d.*$", "wider"),
        ("^a*b*$", "^[ab]*$", "wider"),
        (r"^a\.b$", "^a.b$", "wider"),
        ("^a?b?$", "^(a|b|ab)?$", "same"),
        ("^a{2,}$", "^a{2,3}$", "narrower"),
        ("^[^a]$", "^[b-z]$", "narrower"),
        ("^a+?$", "^a+$", "same"),
        ("^(?i:a)$", "^a$", "narrower"),
        # Not decided: what is no regular language, or written in a way that no documented pattern is.
        (r"^(a)\1$", "^aa$", "unknown"),
        ("^a(?=b)$", "^a$", "unknown"),
        ("^a++$", "^a+$", "unknown"),
        (r"^\ba$", "^a$", "unknown"),
    ],
)
def test_patterns(old: str, new: str, expected: str) -> None:
    assert patterns.relation(old, new) == expected
    mirrored = {"wider": "narrower", "narrower": "wider"}
    assert patterns.relation(new, old) == mirrored.get(expected, expected)


def test_patterns_of_too_many_states_are_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "_TIMEOUT", 0.1)
    assert patterns.relation("[ab]*a[ab]{20}", "[ab]*b[ab]{20}") == "unknown"


def grown(chance: random.Random, depth: int) -> str:
    """A pattern over three letters."""
    kind = chance.random()
    if depth == 0 or kind < 0.35:
        return chance.choice(["a", "b", "[ab]", "[^a]", "c", "."])
    if kind < 0.6:
        return grown(chance, depth - 1) + grown(chance, depth - 1)
    if kind < 0.8:
        return f"({grown(chance, depth - 1)}|{grown(chance, depth - 1)})"
    return f"({grown(chance, depth - 1)}){chance.choice(['?', '*', '+', '{2}', '{1,2}', '{0,1}'])}"


def test_patterns_agree_with_re() -> None:
    """All texts of up to five letters are tried on both patterns."""
    texts = ["".join(letters) for length in range(6) for letters in itertools.product("abc", repeat=length)]
    chance = random.Random(5)
    seen: set[str] = set()
    for _ in range(150):
        old, new = grown(chance, 3), grown(chance, 3)
        before = {text for text in texts if re.fullmatch(old, text)}
        after = {text for text in texts if re.fullmatch(new, text)}
        relation = patterns.relation(f"^{old}$", f"^{new}$")
        seen.add(relation)
        # Longer texts may tell apart what these do not.
        assert relation != "unknown"
        if not before <= after:
            assert relation in {"narrower", "other"}, (old, new)
        if not after <= before:
            assert relation in {"wider", "other"}, (old, new)
    assert seen == {"same", "wider", "narrower", "other"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("str | None | Unset", "Unset | str | None", "same"),
        ("Optional[str]", "str | None", "same"),
        ("Union[str, int]", "int | str", "same"),
        ("str", "str | None", "wider"),
        ("Literal['a']", "Literal['a', 'b']", "wider"),
        ("Literal['a', 'b']", "str", "wider"),
        ("Literal['a'] | str", "Literal['b'] | str", "same"),
        ("Literal[1]", "float", "wider"),
        ("int", "float", "wider"),
        ("str", "datetime | str", "wider"),
        ("list[str]", "Sequence[str]", "wider"),
        ("Sequence[Literal['a']]", "Sequence[str]", "wider"),
        ("Call[ExamSession]", "Call[User]", "other"),
        ("Pager[Row]", "Pager[Row | None]", "wider"),
        ("list[int]", "list[float]", "other"),
        ("dict[str, Any]", "Mapping[str, Any]", "wider"),
        ("str", "Any", "wider"),
        ("Callable[[int], str]", "Callable[[str], str]", "other"),
        ("'Thing'", "Thing", "same"),
        ("tuple[int, ...]", "tuple[int, int]", "other"),
        ("no type at all", "no type at all", "same"),
        ("str", "bytes", "other"),
    ],
)
def test_types(old: str, new: str, expected: str) -> None:
    assert type_relations.relation(old, new) == expected
    mirrored = {"wider": "narrower", "narrower": "wider"}
    assert type_relations.relation(new, old) == mirrored.get(expected, expected)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Any", "str", "checked"),
        ("Any | None", "str | None", "checked"),
        ("Mapping[str, Any]", "Mapping[str, str]", "checked"),
        ("list", "list[str]", "checked"),
        ("str | Any", "str", "narrower"),
        ("object", "str", "narrower"),
        ("str | None", "str", "narrower"),
        ("str", "Any", "wider"),
        ("Any", "Any", "same"),
        ("Any", "object", "same"),
        # A list that is read may contain less.
        ("list[str | None]", "list[str]", "narrower"),
        ("list[str]", "list[str | None]", "wider"),
        ("dict[str, Any]", "dict[str, int]", "checked"),
        ("list[str]", "list[Literal['a'] | str]", "same"),
    ],
)
def test_types_of_results(old: str, new: str, expected: str) -> None:
    """What was used as anything is held to its type."""
    assert type_relations.result_relation(old, new) == expected


def test_names_of_a_type() -> None:
    assert type_relations.names("Sequence[Literal['x'] | models.Row] | None") == {"Sequence", "Row", "None"}
