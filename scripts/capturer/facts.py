"""The facts of a documentation page, in the form that specs are read into as well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

Node = Mapping[str, Any]
_PLACEHOLDER = re.compile(r"<.*>")
_PLACEHOLDER_NUMBER = 123  # the page generator of the vendor writes it for any number


class PageError(Exception):
    """A page does not have the expected form. Guessing would hide facts, so none of it is used."""


class SpecError(Exception):
    """A spec has a construct that cannot be compared."""


class Missing:
    """The type of `MISSING`; None would be a value of JSON samples."""

    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = Missing()


@dataclass(kw_only=True)
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
    facets: dict[str, Any] = field(default_factory=dict[str, Any])
    examples: tuple[Any, ...] = ()
    fields: tuple[Field, ...] | None = None
    """The fields of an object, or of the objects of an array, as far as the page shows them."""
    branches: tuple[Node, ...] = ()
    """The facets of each branch of a union, where the format shows them."""
    sampled: bool = False
    """Whether the field is known from a JSON sample only."""
    loose_numbers: bool = False
    """Whether the types come from a sample, where 60 may be an integer or a number."""
    several: bool | None = None
    """Whether the page shows or states that there can be several values; None if its form cannot."""
    words: str = ""
    """The description on the page. It belongs to the vendor: it is not compared, and no spec repeats it."""
    gaps: tuple[str, ...] = ()
    """What the page announces about the value and does not show."""
    unread: tuple[str, ...] = ()
    """Lines about the value that are not understood. A spec cannot agree with them."""
    schema: Node = field(default_factory=dict[str, Any])
    """Of a spec: the schema."""
    inferred: str = ""
    """Of a spec: the reason, if facets, types or nullability beyond the page are marked."""
    parameter_inferred: bool = False
    """Of a spec: whether the style or the required flag of a parameter is marked."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """A request body, or the body of a response, on a page."""

    media_types: tuple[str, ...]
    types: frozenset[str]
    fields: tuple[Field, ...] = ()
    sample: Any = MISSING
    sample_is_whole: bool = True
    """Whether a field that is missing from the sample is missing from the body too."""
    required: bool | None = None
    """Whether a request body is required; None if the page has no flag for the body as a whole."""
    whole: Field | None = None
    """The body as a value, if the page states more of it than its types."""
    unread: tuple[str, ...] = ()
    """Lines about the body as a whole that are not understood, as in `Field`."""

    @property
    def listed(self) -> bool:
        """Whether the page lists the fields, and does not only show them in a sample."""
        return any(not item.sampled for item in self.fields)


@dataclass(frozen=True, kw_only=True)
class Page:
    """All facts of one saved page."""

    file: str
    method: str
    path: str
    hosts: tuple[str, ...]
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
    unread: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Other lines that are not understood, by their place on the page."""
    document: Node | None = None
    """The OpenAPI document with this operation, if the page has it."""

    def bodies(self) -> list[tuple[str, Body]]:
        """Return all bodies with their places."""
        found = [
            ("request body", self.body),
            *((f"response {status}", body) for status, body in self.responses.items()),
        ]
        return [(place, body) for place, body in found if body is not None]


@dataclass(frozen=True)
class Difference:
    """One fact that differs between page and spec."""

    file: str
    place: str
    page_says: str
    spec_says: str
    unread: bool = False
    """Whether it is no fact, but a line of the page that is not understood."""

    def __str__(self) -> str:
        return f"{self.file}: {self.place}: page says {self.page_says}, spec says {self.spec_says}"


def first_of(value: Any) -> Any:
    """Return the first item of an array that is not empty; anything else unchanged."""
    return value[0] if isinstance(value, list | tuple) and value else value


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


def fields_of_sample(sample: Any) -> tuple[Field, ...] | None:
    """Return the fields of an object in a JSON sample, or of an array's first item: names, order, types, and fields."""
    shown = first_of(sample)
    if not isinstance(shown, dict):
        return None
    return tuple(
        Field(
            name=name,
            types=frozenset() if value is None else frozenset({json_type(value)}),
            nullable=value is None,
            fields=fields_of_sample(value),
            sampled=True,
            loose_numbers=True,
        )
        for name, value in shown.items()
    )


def with_sample(fields: Iterable[Field], sample: Any) -> tuple[Field, ...]:
    """Return listed fields with those of the objects that only a sample shows; without a list, the sample's."""
    shown = first_of(sample)
    if not isinstance(shown, dict):
        return tuple(fields)
    listed = tuple(replace(item, fields=fields_of_sample(shown.get(item.name))) for item in fields)
    return listed or fields_of_sample(shown) or ()


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal in JSON."""
    # 1 and true are equal in Python, but not in JSON.
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def leaves(value: Any) -> Iterable[tuple[tuple[str | int, ...], Any]]:
    """Yield the innermost values with their paths."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, inner in pairs:
        yield from (((key, *rest), leaf) for rest, leaf in leaves(inner))
    if not isinstance(value, dict) and not isinstance(value, list | tuple):
        yield (), value


def is_placeholder(value: Any) -> bool:
    """Return whether a value is one that the page generator of the vendor writes for any string, number or boolean."""
    if isinstance(value, str):
        return _PLACEHOLDER.fullmatch(value) is not None
    return value is True or (not isinstance(value, bool) and value == _PLACEHOLDER_NUMBER)


def readable(value: Any) -> str:
    """Return a value as the report shows it."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(readable, value)) + "]"
    return value if isinstance(value, str) else repr(value)
