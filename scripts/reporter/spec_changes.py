"""Changes between two versions of a specification, and what they mean for callers of the Python API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from regenerator.facts import OperationFacts
from regenerator.schemas import Fact

from .changes import Change, Subject, Words
from .patterns import verdict
from .specification import Call, Member, Model, Specification
from .value_changes import differences, parts, rejected

_NO_WARNING = "it works as before, without a warning"
_OR_NULL = " or null"
# Below this ratio, two names are not similar enough for a rename.
_ALIKE = 0.5
_PLACES = {
    "query": "sent in the query",
    "header": "sent as a header",
    "path": "part of the path",
    "body": "sent in the body",
    "content": "sent as the body",
}
_STYLES = {
    "": "written as usual",
    "comma": "joined with commas",
    "form": "written as one parameter for each key",
    "deepObject": "written as `name[key]=value`",
    "pairs": "written as `key=value`",
}


class SpecComparison:
    """Compares two versions of one specification.

    Args:
        old: the released one.
        new: that of this tree.
        bound: the client call that each operation is bound to, by package and module.
        was_bound: the same in the release.
    """

    def __init__(
        self,
        old: Specification,
        new: Specification,
        bound: Mapping[tuple[str, str], str],
        was_bound: Mapping[tuple[str, str], str],
    ) -> None:
        self.old, self.new, self.bound, self.was_bound = old, new, bound, was_bound

    def changes(self) -> list[Change]:
        """List the changes of SIDs, operations, their arguments, and the fields of models."""
        return [*self._sids(), *self._operations(), *self._models()]

    # SIDs

    def _sids(self) -> Iterator[Change]:
        for name in [*self.old.sids, *(name for name in self.new.sids if name not in self.old.sids)]:
            was, now = self.old.sids.get(name), self.new.sids.get(name)
            where = tuple(
                dict.fromkeys(
                    self._call(call)
                    for call in self.new.calls.values()
                    if any(part.sid == name for value in call.arguments.values() for part in parts(value.fact))
                )
            )
            about: frozenset[Subject] = frozenset({("sid", self.new.package, name)})
            if was is None:
                yield Change("added", "sid", name, False, "a new kind of SID", was, now, where, about)
            elif now is None:
                reason = "SIDs of this kind are no longer recognized"
                yield Change("removed", "sid", name, True, reason, was, now, where, about)
            elif was != now:
                breaking, reason = verdict(was, now)
                yield Change("changed", "sid", name, breaking, reason, was, now, where, about)

    # Operations

    def _operations(self) -> Iterator[Change]:
        old_by_place = {(call.facts.method, call.facts.path): call for call in self.old.calls.values()}
        kept: set[str] = set()
        for id_, call in self.new.calls.items():
            before = self.old.calls.get(id_) or old_by_place.get((call.facts.method, call.facts.path))
            if before is None or (before.facts.id != id_ and before.facts.id in self.new.calls):
                bound = (call.package, call.module) in self.bound
                reason = "nothing else changes" if bound else "no client has it yet"
                yield self._operation("added", call, False, f"a new call; {reason}")
                continue
            kept.add(before.facts.id)
            yield from self._operation_changes(before, call)
        for id_, call in self.old.calls.items():
            if id_ not in kept:
                yield self._operation("removed", call, True, "code that calls it raises AttributeError")

    def _operation(
        self, kind: str, call: Call, breaking: bool | None, reason: str, was: str | None = None, now: str | None = None
    ) -> Change:
        request = f"{call.facts.method} {call.facts.path}"
        if kind in {"added", "removed"}:
            was, now = (request, None) if kind == "removed" else (None, request)
        about = call.subjects
        if kind in {"added", "removed"}:
            about |= {("tag", call.package, call.path.split(".")[-2])}
        return Change(
            kind,
            "operation",
            f"{self._call(call)}()",
            breaking,
            reason,
            was,
            now,
            (call.facts.id,),
            about,
            frozenset(("model", call.package, model) for model in call.models),
            uses=self._names(call) if kind == "removed" else (),
        )

    def _operation_changes(self, old: Call, new: Call) -> Iterator[Change]:
        before, after = old.facts, new.facts
        if old.path != new.path:
            yield self._moved(old, new)
        if before.method != after.method or not _same_url(before.path, after.path):
            was, now = f"{before.method} {before.path}", f"{after.method} {after.path}"
            yield self._operation("changed", new, False, "the call is sent to another URL", was, now)
        if before.idempotent != after.idempotent:
            # Either way, a program that relied on the old value behaves differently when a response is lost.
            reason = (
                "it is no longer retried once any part of it was written; a lost response raises OutcomeUnknownError"
                if not after.idempotent
                else "it may now be sent more than once; a lost response no longer raises OutcomeUnknownError"
            )
            was, now = Words(_idempotency(before)), Words(_idempotency(after))
            yield self._operation("changed", new, True, reason, was, now)
        if before.pagination != after.pagination:
            paged = before.pagination is not None and after.pagination is not None
            reason = "it pages in another way; the pager reads the same rows" if paged else "it returns another type"
            was, now = Words(_paging(before)), Words(_paging(after))
            yield self._operation("changed", new, not paged, reason, was, now)
        if before.secured != after.secured:
            was, now = (Words(f"sent {'with' if facts.secured else 'without'} the token") for facts in (before, after))
            change = self._operation("changed", new, False, "calls stay the same", was, now)
            # The generated functions take the clients that can send it.
            yield replace(change, subjects=change.subjects | {("argument", new.package, new.module, "client")})
        if old.deprecated != new.deprecated:
            yield self._operation("changed", new, False, _NO_WARNING, _outdated(old), _outdated(new))
        if before.media != after.media:
            yield self._operation("changed", new, False, "the body has another media type", before.media, after.media)
        if old.returns != new.returns:
            reason = "callers get another type"
            yield self._operation("changed", new, None, reason, old.returns, new.returns)
        yield from self._arguments(old, new)

    def _moved(self, old: Call, new: Call) -> Change:
        """Report a changed operationId or tag, which name the generated module and its package."""
        was, now = self.was_bound.get((old.package, old.module)), self.bound.get((new.package, new.module))
        reason = "code that imports it from the generated package raises ImportError"
        if now is None:
            reason += "; no client has it yet"
        elif was == now:
            reason += f"; the client's call stays {now}()"
        about = old.subjects | new.subjects
        about |= {("tag", call.package, call.path.split(".")[-2]) for call in (old, new)}
        uses = self._names(old)[:1] if old.module != new.module else (old.path,)
        return Change(
            "renamed", "operation", old.path, True, reason, old.path, new.path, (new.facts.id,), about, uses=uses
        )

    def _names(self, call: Call) -> tuple[str, ...]:
        """Return the names under which code refers to an operation: its module, and the call without its client."""
        _, _, bound = self.was_bound.get((call.package, call.module), "").partition(".")
        return (call.module, bound) if bound else (call.module,)

    def _call(self, call: Call) -> str:
        """Return the client call, or the generated function if no client has one."""
        key = (call.package, call.module)
        return self.bound.get(key) or self.was_bound.get(key) or f"{call.path}.describe"

    # Arguments and fields

    def _arguments(self, old: Call, new: Call) -> Iterator[Change]:
        name = self._call(new)
        # Callers do not see where an argument is sent, so its name identifies it if that is unique.
        before, after = _by_wire(old.arguments), _by_wire(new.arguments)

        def shown(value: Member) -> str:
            return f"{name}({value.python}=)"

        yield from self._members(before, after, "parameter", shown, passed=True, returned=False, calls=(name,))

    def _models(self) -> Iterator[Change]:
        for name, after in self.new.models.items():
            before = self.old.models.get(name)
            if before is not None:
                calls = tuple(self._call(self.new.calls[id_]) for id_ in after.calls)

                if before.free != after.free:
                    yield self._openness(name, _passed(before, after), after.free, calls)

                def shown(value: Member, model: str = name) -> str:
                    return f"{model}.{value.python}"

                yield from self._members(
                    before.fields,
                    after.fields,
                    "field",
                    shown,
                    passed=_passed(before, after),
                    returned=before.returned or after.returned,
                    calls=calls,
                )

    def _openness(self, name: str, passed: bool, free: bool, where: tuple[str, ...]) -> Change:
        reason = "responses keep undocumented properties in `additional_properties` either way"
        if passed:
            reason = f"undocumented properties are {'accepted' if free else 'rejected'}"
        was, now = (Words("open to undocumented properties" if one else "closed") for one in (not free, free))
        about: frozenset[Subject] = frozenset({("member", self.new.package, name, "additional_properties")})
        return Change("changed", "field", name, passed and not free, reason, was, now, where, about)

    def _members(
        self,
        before: Mapping[str, Member],
        after: Mapping[str, Member],
        area: str,
        shown: Any,
        *,
        passed: bool,
        returned: bool,
        calls: tuple[str, ...],
    ) -> Iterator[Change]:
        removed = [wire for wire in before if wire not in after]
        added = [wire for wire in after if wire not in before]
        where = calls
        for old_wire, new_wire in _renamed(removed, added, before, after):
            old, new = before[old_wire], after[new_wire]
            removed.remove(old_wire)
            added.remove(new_wire)
            yield self._renaming(area, shown, old, new, passed, where)
            yield from self._facets(area, shown(new), old, new, passed, returned, where)
        for wire in removed:
            value = before[wire]
            reason = (
                "calls that pass it raise TypeError"
                if area == "parameter"
                else "code that reads or passes it fails"
                if passed
                else "code that reads it raises AttributeError"
            )
            yield Change(
                "removed",
                area,
                shown(value),
                True,
                reason,
                _words(value),
                None,
                where,
                value.subjects,
                _models_of(value, self.old.package),
                uses=_spellings(value),
            )
        for wire in added:
            yield self._added(area, shown(after[wire]), after[wire], passed, where)
        for wire, new in after.items():
            if wire in before:
                yield from self._facets(area, shown(new), before[wire], new, passed, returned, where)

    def _renaming(
        self, area: str, shown: Any, old: Member, new: Member, passed: bool, where: tuple[str, ...]
    ) -> Change:
        about = old.subjects | new.subjects
        if old.python == new.python:
            breaking, reason = False, "the attribute stays; `to_dict()` has the new name"
            if area == "parameter":
                reason = "the name in Python stays"
            elif passed:
                breaking, reason = True, "mappings with its old name are rejected; the name in Python stays"
            was, now = (Words(f"documented as `{one.fact.wire_name}`") for one in (old, new))
            return Change("changed", area, shown(new), breaking, reason, was, now, where, about)
        if area == "parameter":
            reason = "calls that pass it by its old name raise TypeError"
        elif passed:
            reason = "code that passes it by its old name is rejected or fails"
        else:
            reason = "code that reads it by its old name raises AttributeError"
        reason = f"{reason} (documented as {old.fact.wire_name}, now {new.fact.wire_name})"
        uses = _spellings(old)
        return Change("renamed", area, shown(old), True, reason, old.python, new.python, where, about, uses=uses)

    def _added(self, area: str, name: str, value: Member, passed: bool, where: tuple[str, ...]) -> Change:
        required = passed and _is_required(value)
        reason = "calls without it still work"
        if required and area == "parameter":
            reason = "calls without it raise TypeError"
        elif required:
            reason = "values without it are rejected"
        elif not passed:
            reason = "it was in `additional_properties`; now it is an attribute"
        about, models = value.subjects, _models_of(value, self.new.package)
        return Change("added", area, name, required, reason, None, _words(value), where, about, models)

    def _facets(
        self, area: str, name: str, old: Member, new: Member, passed: bool, returned: bool, where: tuple[str, ...]
    ) -> Iterator[Change]:
        """Compare everything about one argument or field."""

        def change(
            breaking: bool | None,
            reason: str,
            was: str | None,
            now: str | None,
            kind: str = "changed",
            of: str = area,
        ) -> Change:
            about, models = old.subjects | new.subjects, frozenset[Subject]()
            shared = self._shared(old, new)
            if shared:
                was, now = _without_null(was, now)
            if of == area and kind == "changed" and old.models != new.models:
                models = _models_of(old, self.old.package) | _models_of(new, self.new.package)
            return Change(kind, of, name, breaking, reason, was, now, where, about, models, shared=shared)

        narrower = rejected(old.fact, new.fact) if passed else ""
        if old.type != new.type or narrower:
            # The Python surface shows the rest.
            reason = narrower or ("its type changed" if passed else "responses may have another type")
            yield change(True if narrower else None, reason, old.type, new.type)
        if area == "parameter" and old.fact.location != new.fact.location:
            reason = "it is sent in another place; calls stay the same"
            yield change(False, reason, *(Words(_PLACES[one.fact.location]) for one in (old, new)))
        elif old.fact.style != new.fact.style:
            reason = "it is written in another way; calls stay the same"
            yield change(False, reason, *(Words(_STYLES[one.fact.style]) for one in (old, new)))
        if old.deprecated != new.deprecated:
            yield change(False, _NO_WARNING, _outdated(old), _outdated(new))
        if _is_required(old) != _is_required(new):
            if passed:
                reason = "calls without it raise TypeError"
                if area == "field":
                    reason = "models without it raise TypeError, and mappings InvalidArgumentError"
                reason = reason if _is_required(new) else "it may now be omitted"
                yield change(_is_required(new), reason, *(_optional(one) for one in (old, new)))
            else:
                reason = (
                    "it is documented as always present"
                    if _is_required(new)
                    else "it may be missing, and is `UNSET` then"
                )
                yield change(None, reason, *(_optional(one) for one in (old, new)))
        for one in differences(old.fact, new.fact, passed=passed, elsewhere=self._reported_as_sid):
            yield change(one.breaking, one.reason, one.was, one.now, one.kind, one.area or area)
        if old.fact.default != new.fact.default:
            reason = "a server default; not sent unless set"
            yield change(False, reason, _default(old), _default(new))
        if old.fact.client_default != new.fact.client_default and _is_required(old) == _is_required(new):
            reason = "another client option is its default"
            yield change(None, reason, old.fact.client_default, new.fact.client_default)

    def _shared(self, old: Member, new: Member) -> str:
        """Return the shared schema of both, if it changed itself."""
        name = new.schema if new.schema == old.schema else ""
        return name if name and self.old.shared(name) != self.new.shared(name) else ""

    def _reported_as_sid(self, old: Fact, new: Fact) -> bool:
        """Return whether the change of a pattern is reported once for all uses of the SID."""
        sid = new.sid
        return sid is not None and sid == old.sid and self.old.sids.get(sid) != self.new.sids.get(sid)


def _renamed(
    removed: list[str], added: list[str], before: Mapping[str, Member], after: Mapping[str, Member]
) -> list[tuple[str, str]]:
    """Pair removed names with added ones that are the same except for a similar name.

    Args:
        removed: the removed names.
        added: the added names.
        before: all old values.
        after: all new values.
    """
    pairs: list[tuple[float, str, str]] = []
    for old in removed:
        for new in added:
            one, other = before[old], after[new]
            if (one.type, one.leaf.enum, one.leaf.pattern, _is_required(one)) != (
                *(other.type, other.leaf.enum, other.leaf.pattern, _is_required(other)),
            ):
                continue
            alike = SequenceMatcher(None, old.lower(), new.lower()).ratio()
            described = bool(one.fact.description) and one.fact.description == other.fact.description
            if alike >= _ALIKE or described:
                pairs.append((alike + described, old, new))
    found: list[tuple[str, str]] = []
    for _, old, new in sorted(pairs, reverse=True):
        if old not in {first for first, _ in found} and new not in {second for _, second in found}:
            found.append((old, new))
    return found


def _same_url(old: str, new: str) -> bool:
    """Return whether two paths differ only in the names of their parameters."""
    before, after = (re.findall(r"\{([^{}]*)\}", path) for path in (old, new))
    if re.sub(r"\{[^{}]*\}", "{}", old) != re.sub(r"\{[^{}]*\}", "{}", new):
        return False
    # A name in another position is another value.
    pairs = zip(before, after, strict=True)
    return all(one == other or (one not in after and other not in before) for one, other in pairs)


def _outdated(thing: Call | Member) -> str | None:
    return Words("documented as deprecated") if thing.deprecated else None


def _without_null(was: str | None, now: str | None) -> tuple[str | None, str | None]:
    """Return the types without what both have in addition to the shared schema, so that it is reported once."""
    if was and now and was.endswith(_OR_NULL) and now.endswith(_OR_NULL):
        return was.removesuffix(_OR_NULL), now.removesuffix(_OR_NULL)
    return was, now


def _passed(old: Model, new: Model) -> bool:
    return old.passed or new.passed


def _by_wire(arguments: Mapping[tuple[str, str], Member]) -> dict[str, Member]:
    wires = [wire for _, wire in arguments]
    return {
        wire if wires.count(wire) == 1 else f"{wire} ({place})": value for (place, wire), value in arguments.items()
    }


def _is_required(value: Member) -> bool:
    return value.fact.required and value.fact.client_default is None


def _models_of(value: Member, package: str) -> frozenset[Subject]:
    return frozenset(("model", package, model) for model in value.models)


def _spellings(value: Member) -> tuple[str, ...]:
    return tuple(dict.fromkeys((value.python, value.fact.wire_name)))


def _words(value: Member) -> str:
    return f"{value.fact.wire_name}: {value.type}, {_optional(value)}"


def _optional(value: Member) -> str:
    return Words("required" if _is_required(value) else "optional")


def _default(value: Member) -> str | None:
    return None if value.fact.default is None else Words(f"default `{value.fact.default!r}`")


def _paging(facts: OperationFacts) -> str:
    return f"paged by {facts.pagination['type']}" if facts.pagination else "not paged"


def _idempotency(facts: OperationFacts) -> str:
    return "idempotent" if facts.idempotent else "not idempotent"


__all__ = ["SpecComparison"]
