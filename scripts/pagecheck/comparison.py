"""Compares a page with its operation, in both directions.

Everything on the page must be in the spec. Everything in the spec that is not on the page must be marked `x-inferred`
there: the mark of a schema covers types, nullability and facets, that of a parameter its style and its required flag,
that of an object which of its properties are required, that of a response the whole response. No mark covers a
documented list of values, an order, or a name that the page lacks; such a name must be listed in the `x-capture` of the
operation, under `beyond-page`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .facts import MISSING, Body, Difference, Field, Page, fields_of_sample, json_type
from .specification import Media, Node, Operation, Spec, SpecField
from .values import as_object, first_of, is_placeholder, leaves, readable, same

UNREAD = "unread"
"""The kind of a difference that is not a fact: a line of the page that is not understood."""
_INFERRED = "x-inferred"
_CAPTURED = ("permissions", "subscription")
_STYLES = frozenset({"style", "explode"})
# The column of the table that counts a facet.
_RANGES = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
        *("minProperties", "maxProperties"),
    }
)
_COLUMNS = {"enum": "values", "pattern": "patterns", "default": "defaults"}
KINDS = (
    "operation",
    "names",
    "types",
    "nullable",
    "required",
    "values",
    "patterns",
    "ranges",
    "defaults",
    "other",
    "examples",
    "responses",
)


def differences_of_field(expected: Field, actual: SpecField) -> list[Difference]:
    """Return the differences of one parameter or field between a page and a spec."""
    nothing = Page(file="", method="", path="", host="", security=frozenset(), parameters={}, body=None, responses={})
    comparison = Comparison(nothing, Operation(Spec("", {}), "", "", {}, {}))
    comparison.compare_field(expected.name, expected, actual, container_inferred=False)
    return comparison.differences


class Comparison:
    """The comparison of one page with one operation."""

    def __init__(self, page: Page, operation: Operation) -> None:
        self.page = page
        self.operation = operation
        self.counts: Counter[str] = Counter()
        self.differences: list[Difference] = []
        self._spec: Spec = operation.spec
        self._beyond: list[str] = list(operation.capture.get("beyond-page", ()))
        self._excused: set[str] = set()

    def run(self) -> None:
        """Compare everything."""
        self._compare_operation()
        self._compare_parameters()
        self._compare_request()
        self._compare_responses()
        for place, lines in self.page.unread.items():
            self._add_unread(place, lines)
        for place in self._beyond:
            if place not in self._excused:
                self._check(
                    "operation",
                    "x-capture beyond-page",
                    page=f"{place} is there, or is in neither",
                    spec=f"{place} is not there",
                    agree=False,
                )

    def _check(self, kind: str, place: str, *, page: Any, spec: Any, agree: bool) -> bool:
        self.counts[kind] += 1
        if not agree:
            self.differences.append(Difference(self.page.file, place, readable(page), readable(spec), kind))
        return agree

    def _add_unread(self, place: str, lines: Iterable[str]) -> None:
        """Report lines that are not understood: they cannot be compared, and must not be ignored."""
        self.differences += [
            Difference(self.page.file, f"{place}: not understood", item, readable(MISSING), UNREAD) for item in lines
        ]

    def _compare_operation(self) -> None:
        page, operation = self.page, self.operation
        facts: list[tuple[str, Any, Any]] = [
            ("method", page.method, operation.method),
            ("path", page.path, operation.path),
            ("security", sorted(page.security), sorted(operation.security)),
            *(
                (f"x-capture {name}", page.capture.get(name), operation.capture.get(name))
                for name in _CAPTURED
                if name in page.capture or name in operation.capture
            ),
        ]
        for what, expected, actual in facts:
            self._check("operation", what, page=expected, spec=actual, agree=expected == actual)
        hosts = operation.hosts
        self._check("operation", "host", page=page.host, spec=hosts, agree=page.host in hosts)

    def _excuse(self, place: str) -> bool:
        """Return whether the spec declares that the page lacks this name."""
        self._excused.add(place)
        return place in self._beyond

    def _compare_parameters(self) -> None:
        actual = self.operation.parameters()
        places = list(dict.fromkeys([*self.page.parameters, *actual]))
        for place in places:
            self._compare_fields(
                f"{place} parameter",
                self.page.parameters.get(place, ()),
                actual.get(place, []),
                container_inferred=False,
            )

    def _compare_request(self) -> None:
        expected, actual = self.page.body, self.operation.request()
        self._add_unread("request body", expected.unread if expected else ())
        if expected is None:
            if actual is not None:
                self._check("names", "request body", page=MISSING, spec="a body", agree=_INFERRED in actual[0])
            return
        if actual is None:
            self._check("names", "request body", page="a body", spec=MISSING, agree=False)
            return
        node, media = actual
        self._check(
            "required",
            "request body: required",
            page=any(field.required for field in expected.fields) or MISSING,
            spec=node.get("required", False),
            # With a required field the body is required; otherwise the page does not say.
            agree=_same_need(expected, bool(node.get("required", False)), _INFERRED in node),
        )
        self._compare_body("request body", expected, node, media)

    def _compare_responses(self) -> None:
        responses = self.operation.responses()
        for status, expected in self.page.responses.items():
            place = f"response {status}"
            there = status in responses
            self._add_unread(place, expected.unread if expected else ())
            if not self._check("responses", place, page="there", spec="there" if there else MISSING, agree=there):
                continue
            node, media = responses[status]
            if expected is not None:
                self._compare_body(place, expected, node, media)
                continue
            for name, item in media.items():
                marked = _INFERRED in node or _INFERRED in self._spec.items(item.schema)
                self._check("responses", f"{place} {name}", page=MISSING, spec="there", agree=marked)
        for status, (node, _) in responses.items():
            if status not in self.page.responses:
                self._check("responses", f"response {status}", page=MISSING, spec="there", agree=_INFERRED in node)

    def _compare_body(self, place: str, expected: Body, node: Node, media: Mapping[str, Media]) -> None:
        there = expected.media_type in media
        self._check(
            "responses" if place.startswith("response") else "operation",
            f"{place} media type",
            page=expected.media_type,
            spec=sorted(media),
            agree=there and (len(media) == 1 or _INFERRED in node),
        )
        if not there:
            return
        actual = media[expected.media_type]
        whole = self._spec.describe(place, actual.schema, required=False)
        self._check(
            "types",
            f"{place} as a whole",
            page=sorted(expected.types),
            spec=sorted(whole.field.types),
            agree=expected.types == whole.field.types and not whole.field.nullable,
        )
        target = self._spec.items(actual.schema)
        marked = _INFERRED in target
        if expected.fields:
            self._compare_fields(place, expected.fields, self._spec.properties(target), container_inferred=marked)
        if expected.sample is not MISSING:
            self._compare_sample(
                place, first_of(expected.sample), target, listed=bool(expected.fields), expected=expected
            )
            self._compare_values(place, expected.sample, actual.example)

    def _compare_fields(
        self,
        place: str,
        expected: Sequence[Field],
        actual: Sequence[SpecField],
        *,
        container_inferred: bool,
    ) -> None:
        by_name = {item.field.name: item for item in actual}
        names = [field.name for field in expected]
        for field in expected:
            item = by_name.get(field.name)
            if self._check(
                "names",
                f"{place} {field.name}",
                page="there",
                spec=MISSING if item is None else "there",
                agree=item is not None,
            ):
                assert item is not None
                self.compare_field(f"{place} {field.name}", field, item, container_inferred)
            else:
                self._add_unread(f"{place} {field.name}", field.unread)
        for name in by_name:
            if name not in names:
                self._check(
                    "names",
                    f"{place} {name}",
                    page=MISSING,
                    spec="there",
                    agree=self._excuse(f"{place} {name}"),
                )
        ours = [name for name in by_name if name in names]
        theirs = [name for name in names if name in by_name]
        if theirs:
            self._check("names", f"{place}: order", page=theirs, spec=ours, agree=theirs == ours)

    def compare_field(self, place: str, expected: Field, item: SpecField, container_inferred: bool) -> None:
        """Compare one parameter or field."""
        actual = item.field
        self._add_unread(place, expected.unread)
        if expected.types:
            self._check(
                "types",
                f"{place}: type",
                page=sorted(expected.types),
                spec=sorted(actual.types),
                agree=_types_agree(expected, actual, item.inferred),
            )
        if expected.nullable is not None:
            agree = expected.nullable == actual.nullable
            self._check(
                "nullable",
                f"{place}: nullable",
                page=expected.nullable,
                spec=actual.nullable,
                agree=agree or (item.inferred and not expected.nullable),
            )
        agree = expected.required == actual.required
        if expected.required is None:
            marked = container_inferred or item.inferred or item.parameter_inferred
            agree = marked or not actual.required
        self._check(
            "required",
            f"{place}: required",
            page="nothing" if expected.required is None else expected.required,
            spec=actual.required,
            agree=agree,
        )
        self._compare_facets(place, expected, item)
        for example in expected.examples:
            self._check(
                "examples",
                f"{place}: example",
                page=example,
                spec=list(actual.examples) or MISSING,
                agree=any(same(example, other) for other in actual.examples),
            )

    def _compare_facets(self, place: str, expected: Field, item: SpecField) -> None:
        actual = item.field.facets
        for name in dict.fromkeys([*expected.facets, *actual]):
            theirs, ours = expected.facets.get(name, MISSING), actual.get(name, MISSING)
            marked = item.parameter_inferred if name in _STYLES else item.inferred
            agree = same(theirs, ours) or (theirs is MISSING and marked)
            kind = "ranges" if name in _RANGES else _COLUMNS.get(name, "other")
            # Each value of a list counts as a fact.
            if name == "enum" and agree and theirs is not MISSING:
                self.counts[kind] += len(theirs) - 1
            self._check(kind, f"{place}: {name}", page=theirs, spec=ours, agree=agree)

    def _compare_sample(
        self, place: str, sample: Any, schema: Node, *, listed: bool, expected: Body | None = None
    ) -> None:
        """Compare the names and types of a JSON sample, at every depth.

        If the page lists the fields (`listed`), the list counts for the top level, and the sample must not contradict
        it.
        """
        fields = as_object(sample)
        if fields is None:
            described = self._spec.describe(place, schema, required=False)
            field = Field(name=place, types=frozenset({json_type(sample)}), loose_numbers=True)
            self._check(
                "types",
                f"{place}: type in the sample",
                page=sorted(field.types),
                spec=sorted(described.field.types),
                agree=_types_agree(field, described.field, described.inferred),
            )
            return
        actual = self._spec.properties(schema)
        by_name = {item.field.name: item for item in actual}
        if not listed:
            self._compare_fields(place, fields_of_sample(fields), actual, container_inferred=False)
        else:
            self._compare_listed_sample(place, fields, by_name, expected)
        for name, value in fields.items():
            inner = as_object(first_of(value))
            if name in by_name and inner is not None:
                target = self._spec.items(by_name[name].schema)
                if inner or "properties" in target:
                    self._compare_sample(f"{place} {name}", inner, target, listed=False)

    def _compare_listed_sample(
        self,
        place: str,
        fields: Mapping[str, Any],
        by_name: Mapping[str, SpecField],
        expected: Body | None,
    ) -> None:
        whole = expected is None or expected.sample_is_whole
        theirs = list(fields)
        ours = [name for name in by_name if whole or name in fields]
        ours = [name for name in ours if f"{place} {name}" not in self._beyond]
        self._check("names", f"{place}: names in the sample", page=theirs, spec=ours, agree=theirs == ours)
        for field in fields_of_sample(fields):
            item = by_name.get(field.name)
            if item is None or not field.types:
                continue
            self._check(
                "types",
                f"{place} {field.name}: type in the sample",
                page=sorted(field.types),
                spec=sorted(item.field.types),
                agree=_accepts_sample(field, item.field),
            )

    def _compare_values(self, place: str, sample: Any, example: Any) -> None:
        """Compare the values of a sample, except placeholders, with the example of the spec."""
        for where, value in leaves(sample):
            if is_placeholder(value):
                continue
            found: Any = example
            for step in where:
                try:
                    found = found[step]
                except (KeyError, IndexError, TypeError):
                    found = MISSING
                    break
            name = ".".join(str(step) for step in where) or "as a whole"
            self._check(
                "examples",
                f"{place} {name}: value in the sample",
                page=value,
                spec=found,
                agree=same(value, found),
            )


def _same_need(expected: Body, required: bool, inferred: bool) -> bool:
    if any(field.required for field in expected.fields):
        return required
    return inferred or not required


def _types_agree(expected: Field, actual: Field, inferred: bool) -> bool:
    theirs, ours = _comparable(expected.types, expected), _comparable(actual.types, expected)
    if inferred and "any[]" in theirs:  # an empty or unseen array only shows that it is an array
        theirs -= {"any[]"} if any(type_.endswith("[]") for type_ in ours) else set()
    return theirs == ours or (inferred and theirs <= ours)


def _accepts_sample(expected: Field, actual: Field) -> bool:
    """Return whether the types include that of a sample; the list next to the sample has all of them."""
    theirs, ours = _comparable(expected.types, expected), _comparable(actual.types, expected)
    if "any[]" in theirs:
        return any(type_.endswith("[]") for type_ in ours)
    return theirs <= ours


def _comparable(types: Iterable[str], expected: Field) -> frozenset[str]:
    if not expected.loose_numbers:
        return frozenset(types)
    return frozenset(type_.replace("integer", "number") for type_ in types)
