"""What differs between two versions of a specification, and what that means for callers of the Python API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from regenerator.schemas import Fact

from .changes import Change, Subject, Words
from .judgements import pattern, renamed
from .specification import Call, Member, Model, Specification
from .value_changes import differences, parts, refused

_NO_WARNING = "it works as before, and no warning is raised"
_OR_NULL = " or null"
_PLACES = {
    "query": "sent in the query",
    "header": "sent as a header",
    "path": "part of the path",
    "body": "sent in the body",
}


class SpecComparison:
    """Compares two versions of one specification.

    Args:
        old: the released one.
        new: that of this tree.
        bound: package and module of an operation -> the call of a client that it is bound to, as callers write it.
        was_bound: the same, as it was released.
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
        """List what differs: SIDs, operations, their arguments, and the fields of models."""
        return [*self._sids(), *self._operations(), *self._models()]

    # SIDs

    def _sids(self) -> Iterator[Change]:
        for name in [*self.old.sids, *(name for name in self.new.sids if name not in self.old.sids)]:
            was, now = self.old.sids.get(name), self.new.sids.get(name)
            where = tuple(
                dict.fromkeys(
                    self._call(call)
                    for call in self.new.calls.values()
                    if any(part.sid == name for member in call.arguments.values() for part in parts(member.fact))
                )
            )
            about: frozenset[Subject] = frozenset({("sid", self.new.package, name)})
            if was is None:
                yield Change(
                    "added", "sid", name, False, "a kind of SID with a pattern of its own", was, now, where, about
                )
            elif now is None:
                reason = "identifiers of this kind are no longer told apart"
                yield Change("removed", "sid", name, True, reason, was, now, where, about)
            elif was != now:
                breaking, reason = pattern(was, now)
                yield Change("changed", "sid", name, breaking, reason, was, now, where, about)

    # Operations

    def _operations(self) -> Iterator[Change]:
        old_by_place = {(call.facts.method, call.facts.path): call for call in self.old.calls.values()}
        kept: set[str] = set()
        for id_, call in self.new.calls.items():
            before = self.old.calls.get(id_) or old_by_place.get((call.facts.method, call.facts.path))
            if before is None or (before.facts.id != id_ and before.facts.id in self.new.calls):
                bound = (call.package, call.module) in self.bound
                reason = "nothing that was goes" if bound else "no client has it yet"
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
        )

    def _operation_changes(self, old: Call, new: Call) -> Iterator[Change]:
        before, after = old.facts, new.facts
        if old.path != new.path:
            yield self._moved(old, new)
        if before.method != after.method or not _same_url(before.path, after.path):
            was, now = f"{before.method} {before.path}", f"{after.method} {after.path}"
            yield self._operation("changed", new, False, "the same call is sent elsewhere", was, now)
        if before.repeat != after.repeat:
            # Either way a program that relied on the old class does something else when a reply is lost.
            reason = (
                "it is no longer sent again by itself once something of it was written; a lost reply raises "
                "OutcomeUnknownError"
                if after.repeat == "unsafe"
                else "it may be sent more than once from now on; a lost reply no longer raises OutcomeUnknownError"
            )
            was, now = Words(f"{before.repeat} to repeat"), Words(f"{after.repeat} to repeat")
            yield self._operation("changed", new, True, reason, was, now)
        if before.secured != after.secured:
            was, now = (Words(f"sent {'with' if facts.secured else 'without'} the token") for facts in (before, after))
            change = self._operation("changed", new, False, "the call stays as it is", was, now)
            # The generated functions take the clients that can send it.
            yield replace(change, subjects=change.subjects | {("argument", new.package, new.module, "client")})
        if old.deprecated != new.deprecated:
            yield self._operation("changed", new, False, _NO_WARNING, _outdated(old), _outdated(new))
        if before.media != after.media:
            yield self._operation("changed", new, False, "the body is sent in another form", before.media, after.media)
        if old.answers != new.answers:
            reason = "callers get another type"
            yield self._operation("changed", new, None, reason, old.answers, new.answers)
        yield from self._arguments(old, new)

    def _moved(self, old: Call, new: Call) -> Change:
        """Another operationId or tag, of which the generated module has its name and its place."""
        was, now = self.was_bound.get((old.package, old.module)), self.bound.get((new.package, new.module))
        reason = "code that imports it from the generated package raises ImportError"
        if now is None:
            reason += "; no client has a call for it yet"
        elif was == now:
            reason += f"; the client's call stays: {now}()"
        about = old.subjects | new.subjects
        about |= {("tag", call.package, call.path.split(".")[-2]) for call in (old, new)}
        return Change("renamed", "operation", old.path, True, reason, old.path, new.path, (new.facts.id,), about)

    def _call(self, call: Call) -> str:
        """What callers write: a call of a client, or what is generated while none has it."""
        key = (call.package, call.module)
        return self.bound.get(key) or self.was_bound.get(key) or f"{call.path}.describe"

    # Arguments and fields

    def _arguments(self, old: Call, new: Call) -> Iterator[Change]:
        name = self._call(new)
        # Where an argument travels is no matter to callers, so they are told apart by name alone where that serves.
        before, after = _by_wire(old.arguments), _by_wire(new.arguments)

        def shown(member: Member) -> str:
            return f"{name}({member.python}=)"

        yield from self._members(before, after, "parameter", shown, given=True, answered=False, calls=(name,))

    def _models(self) -> Iterator[Change]:
        for name, after in self.new.models.items():
            before = self.old.models.get(name)
            if before is not None:
                calls = tuple(self._call(self.new.calls[id_]) for id_ in after.calls)

                if before.free != after.free:
                    yield self._closing(name, _given(before, after), after.free, calls)

                def shown(member: Member, model: str = name) -> str:
                    return f"{model}.{member.python}"

                yield from self._members(
                    before.fields,
                    after.fields,
                    "field",
                    shown,
                    given=_given(before, after),
                    answered=before.answered or after.answered,
                    calls=calls,
                )

    def _closing(self, name: str, given: bool, free: bool, where: tuple[str, ...]) -> Change:
        reason = "answers keep what is not documented in `additional_properties` either way"
        if given:
            reason = f"members beyond the documented ones are {'taken' if free else 'refused'}"
        was, now = (Words("open to other members" if one else "closed") for one in (not free, free))
        about: frozenset[Subject] = frozenset({("member", self.new.package, name, "additional_properties")})
        return Change("changed", "field", name, given and not free, reason, was, now, where, about)

    def _members(
        self,
        before: Mapping[str, Member],
        after: Mapping[str, Member],
        area: str,
        shown: Any,
        *,
        given: bool,
        answered: bool,
        calls: tuple[str, ...],
    ) -> Iterator[Change]:
        gone = [wire for wire in before if wire not in after]
        come = [wire for wire in after if wire not in before]
        where = calls
        for old_wire, new_wire in renamed(gone, come, before, after):
            old, new = before[old_wire], after[new_wire]
            gone.remove(old_wire)
            come.remove(new_wire)
            yield self._renaming(area, shown, old, new, given, where)
            yield from self._facets(area, shown(new), old, new, given, answered, where)
        for wire in gone:
            member = before[wire]
            reason = (
                "calls that give it raise TypeError"
                if area == "parameter"
                else "code that reads or gives it fails"
                if given
                else "code that reads it raises AttributeError"
            )
            yield Change(
                "removed",
                area,
                shown(member),
                True,
                reason,
                _words(member),
                None,
                where,
                member.subjects,
                _models_of(member, self.old.package),
            )
        for wire in come:
            yield self._added(area, shown(after[wire]), after[wire], given, where)
        for wire, new in after.items():
            if wire in before:
                yield from self._facets(area, shown(new), before[wire], new, given, answered, where)

    def _renaming(self, area: str, shown: Any, old: Member, new: Member, given: bool, where: tuple[str, ...]) -> Change:
        about = old.subjects | new.subjects
        if old.python == new.python:
            breaking, reason = False, "the attribute stays; `to_dict()` has the new name"
            if area == "parameter":
                reason = "the name in Python stays"
            elif given:
                breaking, reason = True, "mappings that hold it by its old name are refused; the name in Python stays"
            was, now = (Words(f"documented as `{one.fact.wire}`") for one in (old, new))
            return Change("changed", area, shown(new), breaking, reason, was, now, where, about)
        if area == "parameter":
            reason = "calls that give it by its old name raise TypeError"
        elif given:
            reason = "code that gives it by its old name is refused or fails"
        else:
            reason = "code that reads it by its old name raises AttributeError"
        reason = f"{reason} (documented as {old.fact.wire}, now {new.fact.wire})"
        return Change("renamed", area, shown(old), True, reason, old.python, new.python, where, about)

    def _added(self, area: str, name: str, member: Member, given: bool, where: tuple[str, ...]) -> Change:
        needed = given and _needed(member)
        reason = "calls may go on without it"
        if needed and area == "parameter":
            reason = "calls without it raise TypeError"
        elif needed:
            reason = "what is given without it is refused"
        elif not given:
            reason = "answers that held it kept it in `additional_properties`; now it is an attribute"
        about, models = member.subjects, _models_of(member, self.new.package)
        return Change("added", area, name, needed, reason, None, _words(member), where, about, models)

    def _facets(
        self, area: str, name: str, old: Member, new: Member, given: bool, answered: bool, where: tuple[str, ...]
    ) -> Iterator[Change]:
        """Compare all that is said of one argument or field."""

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

        narrower = refused(old.fact, new.fact) if given else ""
        if old.type != new.type or narrower:
            # What else callers see of it, the Python surface tells.
            reason = narrower or ("its type changed" if given else "what comes may be of another type")
            yield change(True if narrower else None, reason, old.type, new.type)
        if area == "parameter" and old.fact.place != new.fact.place:
            reason = "it is sent elsewhere; the call stays as it is"
            yield change(False, reason, *(Words(_PLACES[one.fact.place]) for one in (old, new)))
        if old.deprecated != new.deprecated:
            yield change(False, _NO_WARNING, _outdated(old), _outdated(new))
        if _needed(old) != _needed(new):
            if given:
                reason = "calls without it raise TypeError"
                if area == "field":
                    reason = "the model without it raises TypeError, and a mapping without it InvalidArgumentError"
                reason = reason if _needed(new) else "it may be left out now"
                yield change(_needed(new), reason, *(_optional(one) for one in (old, new)))
            else:
                reason = "it is documented to come always" if _needed(new) else "it may be missing: `UNSET` then"
                yield change(None, reason, *(_optional(one) for one in (old, new)))
        for one in differences(old.fact, new.fact, given=given, elsewhere=self._told_as_sid):
            yield change(one.breaking, one.reason, one.was, one.now, one.kind, one.area or area)
        if old.fact.default != new.fact.default:
            reason = "documented for what is left out; it is never sent, so that the server decides"
            yield change(False, reason, _default(old), _default(new))
        if old.fact.client_default != new.fact.client_default and _needed(old) == _needed(new):
            reason = "another option of the client stands in for it"
            yield change(None, reason, old.fact.client_default, new.fact.client_default)

    def _shared(self, old: Member, new: Member) -> str:
        """The shared schema that both have and that changed itself."""
        name = new.schema if new.schema == old.schema else ""
        return name if name and self.old.shared(name) != self.new.shared(name) else ""

    def _told_as_sid(self, old: Fact, new: Fact) -> bool:
        """Whether the change of a pattern is told once, for all that refer to the SID."""
        sid = new.sid
        return sid is not None and sid == old.sid and self.old.sids.get(sid) != self.new.sids.get(sid)


def _same_url(old: str, new: str) -> bool:
    """Whether two paths differ in the names of their parameters alone."""
    before, after = (re.findall(r"\{([^{}]*)\}", path) for path in (old, new))
    if re.sub(r"\{[^{}]*\}", "{}", old) != re.sub(r"\{[^{}]*\}", "{}", new):
        return False
    # A name that stands in another place is another value there.
    pairs = zip(before, after, strict=True)
    return all(one == other or (one not in after and other not in before) for one, other in pairs)


def _outdated(thing: Call | Member) -> str | None:
    return Words("documented as deprecated") if thing.deprecated else None


def _without_null(was: str | None, now: str | None) -> tuple[str | None, str | None]:
    """Types without what both have in common beside the shared schema, so that it is told once."""
    if was and now and was.endswith(_OR_NULL) and now.endswith(_OR_NULL):
        return was.removesuffix(_OR_NULL), now.removesuffix(_OR_NULL)
    return was, now


def _given(old: Model, new: Model) -> bool:
    return old.given or new.given


def _by_wire(arguments: Mapping[tuple[str, str], Member]) -> dict[str, Member]:
    wires = [wire for _, wire in arguments]
    return {
        wire if wires.count(wire) == 1 else f"{wire} ({place})": member for (place, wire), member in arguments.items()
    }


def _needed(member: Member) -> bool:
    return member.fact.required and member.fact.client_default is None


def _models_of(member: Member, package: str) -> frozenset[Subject]:
    return frozenset(("model", package, model) for model in member.models)


def _words(member: Member) -> str:
    return f"{member.fact.wire}: {member.type}, {_optional(member)}"


def _optional(member: Member) -> str:
    return Words("required" if _needed(member) else "optional")


def _default(member: Member) -> str | None:
    return None if member.fact.default is None else Words(f"default `{member.fact.default!r}`")


__all__ = ["SpecComparison"]
