"""What a documentation page states, in a form that the specs can be put into as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final


class PageError(Exception):
    """A page is not of the expected form. Guessing would hide facts, so none of it is used."""


class SpecError(Exception):
    """A spec uses a construct that cannot be compared."""


class Missing:
    """The type of `MISSING`; a class of its own, because None is a value that JSON samples hold."""

    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = Missing()


@dataclass(frozen=True, kw_only=True)
class Field:
    """A parameter, a member of a request body or a member of an answer.

    `types` holds JSON type names without null; arrays are written `string[]`. It is empty, and
    `nullable` and `required` are None, where a page is silent. `facets` holds everything else
    that narrows the value (`enum`, `pattern`, `minimum`, `default`, ...) by its name in a schema;
    what stands on the items of an array counts as the array's.
    """

    name: str
    types: frozenset[str] = frozenset()
    nullable: bool | None = None
    required: bool | None = None
    facets: Mapping[str, Any] = field(default_factory=dict[str, Any])
    examples: tuple[Any, ...] = ()
    loose_numbers: bool = False
    """Whether the types are read off a sample, where 60 may be an integer and a number."""
    words: str = ""
    """The page's own description. It belongs to the vendor: nothing compares it, and no spec repeats it."""
    gaps: tuple[str, ...] = ()
    """What the page announces of the value and does not show."""
    unread: tuple[str, ...] = ()
    """What the page says of the value in a way that is not understood. A spec cannot agree with it."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """A request body, or the body of an answer, as a page states it."""

    media_type: str
    types: frozenset[str]
    fields: tuple[Field, ...] = ()
    sample: Any = MISSING
    sample_is_whole: bool = True
    """Whether a member that is missing from the sample is missing from the body, too."""
    words: str = ""
    """The page's own description, as in `Field`."""
    unread: tuple[str, ...] = ()
    """What is not understood of the body as a whole, as in `Field`."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything that one saved page states about its operation."""

    file: str
    method: str
    path: str
    host: str
    security: frozenset[tuple[str, str, str]]
    """Kind, name and place of each credential, such as `("apiKey", "token", "header")`."""
    parameters: Mapping[str, Sequence[Field]]
    """By place: `path`, `query`, `header`."""
    body: Body | None
    answers: Mapping[str, Body | None]
    """By status; None where the page says nothing about the body."""
    capture: Mapping[str, str] = field(default_factory=dict[str, str])
    """What OpenAPI has no place for, and `x-capture` holds: permissions and such."""
    title: str = ""
    """The heading of the page."""
    secure: bool | None = None
    """Whether the page's sample uses https; None where it does not say."""
    remarks: tuple[str, ...] = ()
    """Where the page says something in prose that belongs to no parameter and no member."""
    unread: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """What is not understood and belongs to no parameter, member or body, by its place."""


@dataclass(frozen=True)
class Difference:
    """One fact on which page and spec disagree."""

    file: str
    place: str
    page_says: str
    spec_says: str
    kind: str = "operation"
    """The kind of fact, one of the columns that are counted."""

    def __str__(self) -> str:
        return f"{self.file}: {self.place}: page says {self.page_says}, spec says {self.spec_says}"


def json_type(value: Any) -> str:
    """Name of the JSON type of a decoded value; arrays by their first item, `any[]` if empty."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return f"{json_type(value[0])}[]" if value else "any[]"
        case _:
            return "object"


def fields_of_sample(sample: Mapping[str, Any]) -> tuple[Field, ...]:
    """What a JSON sample tells of the members of an object: names, order and types."""
    return tuple(
        Field(
            name=name,
            types=frozenset() if value is None else frozenset({json_type(value)}),
            nullable=value is None,
            loose_numbers=True,
        )
        for name, value in sample.items()
    )
