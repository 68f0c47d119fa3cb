"""Holds a page and its operation against each other.

Both directions count. What the page states must stand in the spec, always. What the spec states
beyond the page must be marked `x-inferred` where it stands: the mark of a schema covers types,
nullability and facets, a parameter's own mark its style and its required flag, the mark of an
object which of its members are required, the mark of an answer the whole answer. No mark covers
a documented list of values, an order, or a name that the page lacks; such a name must be listed
in the operation's `x-capture`, under `beyond-page`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .facts import MISSING, Body, Difference, Field, Page, fields_of_sample, json_type
from .specification import Media, Node, Operation, Spec, SpecField
from .values import as_object, first_of, is_placeholder, leaves, readable, same

UNREAD = "unread"
"""The kind of a difference that is no fact: what the page says there is not understood."""
_INFERRED = "x-inferred"
_CAPTURED = ("permissions", "subscription")
_STYLES = frozenset({"style", "explode"})
# Which column of the table a facet is counted in.
_RANGES = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
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
    "answers",
)


def differences_of_field(said: Field, stands: SpecField) -> list[Difference]:
    """On what a page and a spec disagree about one parameter or member."""
    nothing = Page(file="", method="", path="", host="", security=frozenset(), parameters={}, body=None, answers={})
    comparison = Comparison(nothing, Operation(Spec("", {}), "", "", {}, {}))
    comparison.compare_field(said.name, said, stands, container_inferred=False)
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
        """Compares everything."""
        self._compare_operation()
        self._compare_parameters()
        self._compare_request()
        self._compare_answers()
        for place, told in self.page.unread.items():
            self._tell_unread(place, told)
        for place in self._beyond:
            if place not in self._excused:
                self._check(
                    "operation",
                    "x-capture beyond-page",
                    page=f"{place} is there, or is nowhere",
                    spec=f"{place} is not there",
                    agree=False,
                )

    def _check(self, kind: str, place: str, *, page: Any, spec: Any, agree: bool) -> bool:
        self.counts[kind] += 1
        if not agree:
            self.differences.append(Difference(self.page.file, place, readable(page), readable(spec), kind))
        return agree

    def _tell_unread(self, place: str, told: Iterable[str]) -> None:
        """What is not understood is no fact that could be compared, and must not be passed over."""
        self.differences += [
            Difference(self.page.file, f"{place}: not understood", item, readable(MISSING), UNREAD) for item in told
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
        for what, said, stands in facts:
            self._check("operation", what, page=said, spec=stands, agree=said == stands)
        hosts = operation.hosts
        self._check("operation", "host", page=page.host, spec=hosts, agree=page.host in hosts)

    def _excuse(self, place: str) -> bool:
        """Whether the spec owns up to having this although the page lacks it."""
        self._excused.add(place)
        return place in self._beyond

    def _compare_parameters(self) -> None:
        stands = self.operation.parameters()
        places = list(dict.fromkeys([*self.page.parameters, *stands]))
        for place in places:
            self._compare_fields(
                f"{place} parameter",
                self.page.parameters.get(place, ()),
                stands.get(place, []),
                container_inferred=False,
            )

    def _compare_request(self) -> None:
        said, stands = self.page.body, self.operation.request()
        self._tell_unread("request body", said.unread if said else ())
        if said is None:
            if stands is not None:
                self._check("names", "request body", page=MISSING, spec="a body", agree=_INFERRED in stands[0])
            return
        if stands is None:
            self._check("names", "request body", page="a body", spec=MISSING, agree=False)
            return
        node, media = stands
        self._check(
            "required",
            "request body: required",
            page=any(field.required for field in said.fields) or MISSING,
            spec=node.get("required", False),
            # Where a member is required, so is the body; where none is, the page does not say.
            agree=_same_need(said, bool(node.get("required", False)), _INFERRED in node),
        )
        self._compare_body("request body", said, node, media)

    def _compare_answers(self) -> None:
        responses = self.operation.responses()
        for status, said in self.page.answers.items():
            place = f"answer {status}"
            there = status in responses
            self._tell_unread(place, said.unread if said else ())
            if not self._check("answers", place, page="there", spec="there" if there else MISSING, agree=there):
                continue
            node, media = responses[status]
            if said is not None:
                self._compare_body(place, said, node, media)
                continue
            for name, item in media.items():
                marked = _INFERRED in node or _INFERRED in self._spec.items(item.schema)
                self._check("answers", f"{place} {name}", page=MISSING, spec="there", agree=marked)
        for status, (node, _) in responses.items():
            if status not in self.page.answers:
                self._check("answers", f"answer {status}", page=MISSING, spec="there", agree=_INFERRED in node)

    def _compare_body(self, place: str, said: Body, node: Node, media: Mapping[str, Media]) -> None:
        there = said.media_type in media
        self._check(
            "answers" if place.startswith("answer") else "operation",
            f"{place} media type",
            page=said.media_type,
            spec=sorted(media),
            agree=there and (len(media) == 1 or _INFERRED in node),
        )
        if not there:
            return
        stands = media[said.media_type]
        whole = self._spec.describe(place, stands.schema, required=False)
        self._check(
            "types",
            f"{place} as a whole",
            page=sorted(said.types),
            spec=sorted(whole.field.types),
            agree=said.types == whole.field.types and not whole.field.nullable,
        )
        target = self._spec.items(stands.schema)
        marked = _INFERRED in target
        if said.fields:
            self._compare_fields(place, said.fields, self._spec.members(target), container_inferred=marked)
        if said.sample is not MISSING:
            self._compare_sample(place, first_of(said.sample), target, listed=bool(said.fields), said=said)
            self._compare_values(place, said.sample, stands.example)

    def _compare_fields(
        self,
        place: str,
        said: Sequence[Field],
        stands: Sequence[SpecField],
        *,
        container_inferred: bool,
    ) -> None:
        by_name = {item.field.name: item for item in stands}
        names = [field.name for field in said]
        for field in said:
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
                self._tell_unread(f"{place} {field.name}", field.unread)
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

    def compare_field(self, place: str, said: Field, item: SpecField, container_inferred: bool) -> None:
        """Compares one parameter or member."""
        stands = item.field
        self._tell_unread(place, said.unread)
        if said.types:
            self._check(
                "types",
                f"{place}: type",
                page=sorted(said.types),
                spec=sorted(stands.types),
                agree=_types_agree(said, stands, item.inferred),
            )
        if said.nullable is not None:
            agree = said.nullable == stands.nullable
            self._check(
                "nullable",
                f"{place}: nullable",
                page=said.nullable,
                spec=stands.nullable,
                agree=agree or (item.inferred and not said.nullable),
            )
        agree = said.required == stands.required
        if said.required is None:
            marked = container_inferred or item.inferred or item.parameter_inferred
            agree = marked or not stands.required
        self._check(
            "required",
            f"{place}: required",
            page="nothing" if said.required is None else said.required,
            spec=stands.required,
            agree=agree,
        )
        self._compare_facets(place, said, item)
        for example in said.examples:
            self._check(
                "examples",
                f"{place}: example",
                page=example,
                spec=list(stands.examples) or MISSING,
                agree=any(same(example, other) for other in stands.examples),
            )

    def _compare_facets(self, place: str, said: Field, item: SpecField) -> None:
        stands = item.field.facets
        for name in dict.fromkeys([*said.facets, *stands]):
            theirs, ours = said.facets.get(name, MISSING), stands.get(name, MISSING)
            marked = item.parameter_inferred if name in _STYLES else item.inferred
            agree = same(theirs, ours) or (theirs is MISSING and marked)
            kind = "ranges" if name in _RANGES else _COLUMNS.get(name, "other")
            # A list of values is as many facts as it has values.
            if name == "enum" and agree and theirs is not MISSING:
                self.counts[kind] += len(theirs) - 1
            self._check(kind, f"{place}: {name}", page=theirs, spec=ours, agree=agree)

    def _compare_sample(self, place: str, sample: Any, schema: Node, *, listed: bool, said: Body | None = None) -> None:
        """The names and types that a JSON sample shows, at every depth.

        Where the page lists the members (`listed`), the list counts for the topmost level, and
        the sample must only not contradict it.
        """
        members = as_object(sample)
        if members is None:
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
        stands = self._spec.members(schema)
        by_name = {item.field.name: item for item in stands}
        if not listed:
            self._compare_fields(place, fields_of_sample(members), stands, container_inferred=False)
        else:
            self._compare_listed_sample(place, members, by_name, said)
        for name, value in members.items():
            inner = as_object(first_of(value))
            if name in by_name and inner is not None:
                target = self._spec.items(by_name[name].schema)
                if inner or "properties" in target:
                    self._compare_sample(f"{place} {name}", inner, target, listed=False)

    def _compare_listed_sample(
        self,
        place: str,
        members: Mapping[str, Any],
        by_name: Mapping[str, SpecField],
        said: Body | None,
    ) -> None:
        whole = said is None or said.sample_is_whole
        theirs = list(members)
        ours = [name for name in by_name if whole or name in members]
        ours = [name for name in ours if f"{place} {name}" not in self._beyond]
        self._check("names", f"{place}: names in the sample", page=theirs, spec=ours, agree=theirs == ours)
        for field in fields_of_sample(members):
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
        """Real values of a sample must be those of the spec's example; placeholders are none."""
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


def _same_need(said: Body, required: bool, inferred: bool) -> bool:
    if any(field.required for field in said.fields):
        return required
    return inferred or not required


def _types_agree(said: Field, stands: Field, inferred: bool) -> bool:
    theirs, ours = _comparable(said.types, said), _comparable(stands.types, said)
    if inferred and "any[]" in theirs:  # of an empty or an unseen array, only that it is one
        theirs -= {"any[]"} if any(kind.endswith("[]") for kind in ours) else set()
    return theirs == ours or (inferred and theirs <= ours)


def _accepts_sample(said: Field, stands: Field) -> bool:
    """A sample shows one of the types; the list beside it is what states them all."""
    theirs, ours = _comparable(said.types, said), _comparable(stands.types, said)
    if "any[]" in theirs:
        return any(kind.endswith("[]") for kind in ours)
    return theirs <= ours


def _comparable(types: Iterable[str], said: Field) -> frozenset[str]:
    if not said.loose_numbers:
        return frozenset(types)
    return frozenset(kind.replace("integer", "number") for kind in types)
