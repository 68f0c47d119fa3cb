"""The facts of a documentation page, in a form that the specs can be converted to as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final


class PageError(Exception):
    """A page does not have the expected form. Guessing would hide facts, so none of it is used."""


class SpecError(Exception):
    """A spec has a construct that cannot be compared."""


class Missing:
    """The type of `MISSING`; None would be a value of JSON samples."""

    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = Missing()


@dataclass(frozen=True, kw_only=True)
class Field:
    """A parameter, or a field of a request body or a response.

    `types` has JSON type names without null; arrays are written `string[]`. Where a page does not say, it is empty, and
    `nullable` and `required` are None. `facets` has everything else that restricts the value (`enum`, `pattern`,
    `minimum`, `default`, ...) by its name in a schema; facets of the items of an array are those of the array.
    """

    name: str
    types: frozenset[str] = frozenset()
    nullable: bool | None = None
    required: bool | None = None
    facets: Mapping[str, Any] = field(default_factory=dict[str, Any])
    examples: tuple[Any, ...] = ()
    loose_numbers: bool = False
    """Whether the types come from a sample, where 60 may be an integer or a number."""
    words: str = ""
    """The description on the page. It belongs to the vendor: it is not compared, and no spec repeats it."""
    gaps: tuple[str, ...] = ()
    """What the page announces about the value and does not show."""
    unread: tuple[str, ...] = ()
    """Lines about the value that are not understood. A spec cannot agree with them."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """A request body, or the body of a response, on a page."""

    media_type: str
    types: frozenset[str]
    fields: tuple[Field, ...] = ()
    sample: Any = MISSING
    sample_is_whole: bool = True
    """Whether a field that is missing from the sample is missing from the body too."""
    words: str = ""
    """The description on the page, as in `Field`."""
    unread: tuple[str, ...] = ()
    """Lines about the body as a whole that are not understood, as in `Field`."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """All facts of one saved page."""

    file: str
    method: str
    path: str
    host: str
    security: frozenset[tuple[str, str, str]]
    """Type, name and location of each credential, such as `("apiKey", "token", "header")`."""
    parameters: Mapping[str, Sequence[Field]]
    """By location: `path`, `query`, `header`."""
    body: Body | None
    responses: Mapping[str, Body | None]
    """By status; None where the page does not describe the body."""
    capture: Mapping[str, str] = field(default_factory=dict[str, str])
    """Facts that OpenAPI has no field for, which are in `x-capture`: permissions and such."""
    title: str = ""
    """The heading of the page."""
    secure: bool | None = None
    """Whether the sample on the page uses https; None if it does not show."""
    remarks: tuple[str, ...] = ()
    """Where the page has prose that belongs to no parameter and no field."""
    unread: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Other lines that are not understood, by their place on the page."""


@dataclass(frozen=True)
class Difference:
    """One fact that differs between page and spec."""

    file: str
    place: str
    page_says: str
    spec_says: str
    kind: str = "operation"
    """The kind of fact, which is a column of the table."""

    def __str__(self) -> str:
        return f"{self.file}: {self.place}: page says {self.page_says}, spec says {self.spec_says}"


def json_type(value: Any) -> str:
    """Return the JSON type of a decoded value; of arrays by the first item, `any[]` if empty."""
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
    """Return the fields of an object in a JSON sample: names, order and types."""
    return tuple(
        Field(
            name=name,
            types=frozenset() if value is None else frozenset({json_type(value)}),
            nullable=value is None,
            loose_numbers=True,
        )
        for name, value in sample.items()
    )
