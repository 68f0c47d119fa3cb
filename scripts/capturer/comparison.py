"""Compares a page with its operation, in both directions.

Everything on the page must be in the spec. Everything in the spec that is not on the page must be marked `x-inferred`
there: the mark of a schema covers types and facets, and nullability if its reason mentions null; that of a parameter
its style and its required flag, that of an object which of its properties are required, that of a response the whole
response. No mark covers a documented list of values, an order, or a name that the page lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .facts import (
    MISSING,
    Body,
    Difference,
    Field,
    Node,
    Page,
    fields_of_sample,
    first_of,
    is_placeholder,
    json_type,
    leaves,
    readable,
    same,
)
from .specification import INFERRED, Media, Operation, Spec

# A mark with this reason states the type of the page, beyond which the spec goes.
_STATED = re.compile(r"documented as an? (?P<type>string|integer|number|boolean|object|array)\b")
_STYLES = frozenset({"style", "explode"})


def compare(page: Page, operation: Operation) -> Comparison:
    """Compare one page with one operation."""
    comparison = Comparison(page.file, operation.spec)
    comparison.compare_operation(page, operation)
    return comparison


class Comparison:
    """The comparison of one page with a spec.

    Args:
        file: the name of the page.
        spec: the spec, which resolves the references of schemas.

    Attributes:
        facts: the number of facts compared.
        differences: the facts that differ.
    """

    def __init__(self, file: str, spec: Spec) -> None:
        self.facts = 0
        self.differences: list[Difference] = []
        self._file = file
        self._spec = spec

    def _check(self, place: str, page: Any, spec: Any, agree: bool | None = None) -> bool:
        self.facts += 1
        agree = same(page, spec) if agree is None else agree
        if not agree:
            self.differences.append(Difference(self._file, place, readable(page), readable(spec)))
        return agree

    def _add_unread(self, place: str, lines: Iterable[str]) -> None:
        """Report lines that are not understood: they cannot be compared, and must not be ignored."""
        for line in lines:
            self.differences.append(
                Difference(self._file, f"{place}: not understood", line, readable(MISSING), unread=True)
            )

    def compare_operation(self, page: Page, operation: Operation) -> None:
        """Compare everything."""
        self._check("method", page.method, operation.method)
        self._check("path", page.path, operation.path)
        self._check("security", sorted(page.security), sorted(operation.security))
        for name in ("permissions", "subscription"):
            if name in page.capture or name in operation.capture:
                stated = page.capture.get(name), operation.capture.get(name)
                self._check(f"x-capture {name}", *stated)
        for host in page.hosts:
            self._check("host", host, operation.hosts, host in operation.hosts)
        actual = operation.parameters()
        for place in dict.fromkeys([*page.parameters, *actual]):
            self._compare_fields(f"{place} parameter", page.parameters.get(place, ()), actual.get(place, []))
        self._compare_request(page.body, operation.request())
        self._compare_responses(page.responses, operation.responses())
        for place, lines in page.unread.items():
            self._add_unread(place, lines)

    def _compare_request(self, expected: Body | None, actual: tuple[Node, dict[str, Media]] | None) -> None:
        if expected is None or actual is None:
            excused = actual is None or INFERRED in actual[0]
            if expected is not None or actual is not None:
                sides = ("a body" if expected else MISSING), ("a body" if actual else MISSING)
                self._check("request body", *sides, agree=expected is None and excused)
            self._add_unread("request body", expected.unread if expected else ())
            return
        node, media = actual
        required = bool(node.get("required", False))
        # With a required field the body is required; otherwise the page may not say.
        needed = any(item.required for item in expected.fields) if expected.required is None else expected.required
        agree = required == needed if needed or expected.required is not None else INFERRED in node or not required
        self._check("request body: required", needed or MISSING, required, agree)
        self._compare_body("request body", expected, node, media)

    def _compare_responses(
        self, expected: Mapping[str, Body | None], actual: dict[str, tuple[Node, dict[str, Media]]]
    ) -> None:
        for status in dict.fromkeys([*expected, *actual]):
            place = f"response {status}"
            node, media = actual.get(status, ({}, {}))
            sides = ("there" if status in expected else MISSING), ("there" if status in actual else MISSING)
            agree = status in actual and (status in expected or INFERRED in node)
            body = expected.get(status)
            if not self._check(place, *sides, agree) or status not in expected:
                self._add_unread(place, body.unread if body else ())
            elif body is not None:
                self._compare_body(place, body, node, media)
            else:
                for name, item in media.items():
                    marked = INFERRED in node or INFERRED in self._spec.items(item.schema)
                    self._check(f"{place} {name}", MISSING, "there", marked)

    def _compare_body(self, place: str, expected: Body, node: Node, media: Mapping[str, Media]) -> None:
        self._add_unread(place, expected.unread)
        known = set(expected.media_types) <= media.keys()
        agree = known and (len(media) == len(expected.media_types) or INFERRED in node)
        self._check(f"{place} media type", list(expected.media_types), sorted(media), agree)
        if not known or not expected.media_types:
            return
        actual = media[expected.media_types[0]]
        whole = self._spec.describe(place, actual.schema, required=False)
        if expected.whole is not None:
            self.compare_field(f"{place} as a whole", expected.whole, whole)
        else:
            agree = expected.types == whole.types and not whole.nullable
            self._check(f"{place} as a whole", sorted(expected.types), sorted(whole.types), agree)
        target = self._spec.items(actual.schema)
        self._compare_inner(place, expected.fields, target)
        if expected.sample is MISSING:
            return
        shown = fields_of_sample(expected.sample)
        if shown is None and not expected.fields:
            kind = frozenset({json_type(first_of(expected.sample))})
            item = self._spec.describe(place, target, required=False)
            field = Field(name=place, types=kind, loose_numbers=True)
            self._check(f"{place}: type in the sample", sorted(kind), sorted(item.types), _types_agree(field, item))
        elif shown is not None and expected.listed:
            self._compare_listed_sample(place, shown, target, expected)
        self._compare_values(place, expected.sample, actual.example)

    def _compare_inner(self, place: str, expected: Sequence[Field] | None, target: Node) -> None:
        """Compare the fields of an object, as far as the page shows them."""
        if expected or (expected is not None and "properties" in target):
            sampled = all(item.sampled for item in expected)
            self._compare_fields(
                place, expected, self._spec.properties(target), inferred=INFERRED in target and not sampled
            )

    def _compare_fields(
        self, place: str, expected: Sequence[Field], actual: Sequence[Field], *, inferred: bool = False
    ) -> None:
        by_name = {item.name: item for item in actual}
        names = [field.name for field in expected]
        for field in expected:
            item = by_name.get(field.name)
            where = f"{place} {field.name}"
            self._check(where, "there", MISSING if item is None else "there", item is not None)
            if item is not None:
                self.compare_field(where, field, item, container_inferred=inferred)
            else:
                self._add_unread(where, field.unread)
        for name in (name for name in by_name if name not in names):
            self._check(f"{place} {name}", MISSING, "there")
        theirs = [name for name in names if name in by_name]
        if theirs:
            self._check(f"{place}: order", theirs, [name for name in by_name if name in names])

    def compare_field(self, place: str, expected: Field, actual: Field, *, container_inferred: bool = False) -> None:
        """Compare one parameter or field."""
        self._add_unread(place, expected.unread)
        if expected.types or expected.several is not None:
            sides = sorted(expected.types), sorted(actual.types)
            self._check(f"{place}: type", *sides, agree=_types_agree(expected, actual))
        if expected.nullable is not None:
            agree = expected.nullable == actual.nullable or ("null" in actual.inferred and not expected.nullable)
            self._check(f"{place}: nullable", expected.nullable, actual.nullable, agree)
        agree = expected.required == actual.required
        if expected.required is None:
            agree = container_inferred or bool(actual.inferred) or actual.parameter_inferred or not actual.required
        required = "nothing" if expected.required is None else expected.required
        self._check(f"{place}: required", required, actual.required, agree)
        for name in dict.fromkeys([*expected.facets, *actual.facets]):
            theirs, ours = expected.facets.get(name, MISSING), actual.facets.get(name, MISSING)
            marked = actual.parameter_inferred if name in _STYLES else bool(actual.inferred)
            agree = same(theirs, ours) or (theirs is MISSING and marked)
            if name == "enum" and agree and theirs is not MISSING:
                self.facts += len(theirs) - 1  # each value of a list counts as a fact
            self._check(f"{place}: {name}", theirs, ours, agree)
        if expected.branches:
            self._check(f"{place}: union", list(expected.branches), list(actual.branches))
        for example in expected.examples:
            found = any(same(example, other) for other in actual.examples)
            self._check(f"{place}: example", example, list(actual.examples) or MISSING, found)
        self._compare_inner(place, expected.fields, self._spec.items(actual.schema))

    def _compare_listed_sample(self, place: str, shown: Sequence[Field], target: Node, expected: Body) -> None:
        """Compare a sample beside a list of fields. The list counts, and the sample must not contradict it."""
        by_name = {item.name: item for item in self._spec.properties(target)}
        theirs = [item.name for item in shown]
        ours = [name for name in by_name if expected.sample_is_whole or name in theirs]
        self._check(f"{place}: names in the sample", theirs, ours)
        for field in shown:
            item = by_name.get(field.name)
            if item is not None and field.types:
                sides = sorted(field.types), sorted(item.types)
                self._check(f"{place} {field.name}: type in the sample", *sides, _accepts_sample(field, item))

    def _compare_values(self, place: str, sample: Any, example: Any) -> None:
        """Compare the values of a sample, except placeholders, with the example of the spec."""
        for where, value in leaves(sample):
            found: Any = example
            for step in where:
                try:
                    found = found[step]
                except (KeyError, IndexError, TypeError):
                    found = MISSING
                    break
            if not is_placeholder(value):
                name = ".".join(map(str, where)) or "as a whole"
                self._check(f"{place} {name}: value in the sample", value, found)


def _types_agree(expected: Field, actual: Field) -> bool:
    theirs, ours = _comparable(expected.types, expected), _comparable(actual.types, expected)
    arrays = any(type_.endswith("[]") for type_ in ours)
    if expected.several is not None and expected.several != arrays:
        return False  # no mark covers it: the form of the page shows which fields can have several values
    stated = _STATED.match(actual.inferred)
    if stated is not None and expected.types != {stated["type"]}:
        return False
    if actual.inferred and "any[]" in theirs:  # an empty or unseen array only shows that it is an array
        theirs -= {"any[]"} if arrays else set()
    return not expected.types or theirs == ours or (bool(actual.inferred) and theirs <= ours)


def _accepts_sample(expected: Field, actual: Field) -> bool:
    """Return whether the types include that of a sample; the list next to the sample has all of them."""
    theirs, ours = _comparable(expected.types, expected), _comparable(actual.types, expected)
    return any(type_.endswith("[]") for type_ in ours) if "any[]" in theirs else theirs <= ours


def _comparable(types: Iterable[str], expected: Field) -> frozenset[str]:
    return frozenset(type_.replace("integer", "number") if expected.loose_numbers else type_ for type_ in types)
