"""What differs between two public surfaces, and what that means for callers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .changes import Change, Subject
from .surface import Surface
from .type_relations import names, relation

_OPERATION = re.compile(r"(\w+)\.api\.(\w+)(?:\.(\w+)(?:\.\w+)?)?")
_MODEL = re.compile(r"(\w+)\.models\.(\w+)(?:\.(\w+))?")
_POSITIONAL = frozenset({"positional-only", "positional or keyword"})


def compare(old: Surface, new: Surface) -> list[Change]:
    """List what differs; each thing on its own, however many differences have the same cause."""
    return [*_Comparison(old, new).changes()]


def shown(name: str, surface: Surface) -> str:
    """How a public name is shown to people: a call of a client as it is written."""
    for client, variable in (("SmarterProctoring", "client"), ("ISpringLearn", "ispring")):
        prefix = f"invigilate.{client}."
        if name.startswith(prefix) and (name.count(".") == 3 or surface.get(name, {}).get("kind") == "call"):
            return f"{variable}.{name.removeprefix(prefix)}"
    return name


class View:
    """A surface with names resolved, as Python would resolve them."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self.given, self.answered = set[str](), set[str]()
        for name, record in surface.items():
            if _OPERATION.fullmatch(name) and record["kind"] == "function":
                package = name.split(".")[0]
                for signature in record["signatures"]:
                    for _, _, annotation, _ in signature["parameters"]:
                        self.given |= self._models(package, annotation)
                    self.answered |= self._models(package, signature["returns"])
        self.given, self.answered = self.reached(self.given), self.reached(self.answered)

    def find(self, name: str) -> dict[str, Any] | None:
        """What stands under a name, through aliases and base classes."""
        record = self.surface.get(name)
        if record is not None:
            return self.find(record["of"]) if record["kind"] == "alias" else record
        parent, _, last = name.rpartition(".")
        if not parent:
            return None
        above = self.surface.get(parent)
        if above is None or above["kind"] == "alias":
            whole = self._real(parent)
            return self.find(f"{whole}.{last}") if whole not in (None, parent) else None
        for base in above.get("bases", ()):
            if f"{base}.{last}" in self.surface:
                return self.surface[f"{base}.{last}"]
        return None

    def reached(self, models: set[str]) -> set[str]:
        """Models, and those in their members."""
        found, waiting = set[str](), sorted(models)
        while waiting:
            model = waiting.pop()
            if model not in found:
                found.add(model)
                package = model.split(".")[0]
                for name, record in self.surface.items():
                    if name.startswith(f"{model}.") and record["kind"] == "attribute":
                        waiting += self._models(package, record.get("type"))
        return found

    def _real(self, name: str) -> str | None:
        record = self.surface.get(name)
        if record is not None:
            return str(record["of"]) if record["kind"] == "alias" else name
        parent, _, last = name.rpartition(".")
        real = self._real(parent) if parent else None
        return f"{real}.{last}" if real else None

    def _models(self, package: str, annotation: str | None) -> set[str]:
        paths = {f"{package}.models.{name}" for name in names(annotation or "None")}
        return {path for path in paths if path in self.surface}


def subjects(name: str, record: dict[str, Any] | None, parameter: str = "") -> frozenset[Subject]:
    """What a public name, or a parameter of it, is about."""
    path = record["describes"] if record and record["kind"] == "call" else name
    if (operation := _OPERATION.fullmatch(path)) is not None:
        package, tag, module = operation.groups()
        if module is None:
            return frozenset({("tag", package, tag)})
        about = ("argument", package, module, parameter) if parameter else ("operation", package, module)
        return frozenset({about})
    if (model := _MODEL.fullmatch(path)) is not None:
        package, class_name, member = model.groups()
        member = parameter or member
        return frozenset({("member", package, class_name, member) if member else ("model", package, class_name)})
    return frozenset({("surface", name, parameter)})


@dataclass(frozen=True)
class _Parameter:
    name: str
    kind: str
    type: str | None
    default: str | None

    @property
    def needed(self) -> bool:
        return self.default is None and not self.kind.startswith("variadic")

    @property
    def text(self) -> str:
        annotation = f": {self.type}" if self.type else ""
        return f"{self.name}{annotation}" + (f" = {self.default}" if self.default is not None else "")


class _Comparison:
    def __init__(self, old: Surface, new: Surface) -> None:
        self.old, self.new = View(old), View(new)

    def changes(self) -> Iterator[Change]:
        for name, record in self.old.surface.items():
            now = self.new.find(name)
            if now is not None:
                # What an alias stands for is compared under its own name.
                if record["kind"] != "alias":
                    yield from self._same(name, record, now)
            elif self._stands_alone(name, self.new, self.old):
                yield self._change(name, record, "removed", True, self._gone(name, record), shown_of=self.old)
        for name, record in self.new.surface.items():
            if self.old.find(name) is None and self._stands_alone(name, self.old, self.new):
                reason = "another name for what there was" if record["kind"] == "alias" else "nothing that was goes"
                yield self._change(name, record, "added", False, reason, shown_of=self.new)

    def _gone(self, name: str, record: dict[str, Any]) -> str:
        above = self.old.surface.get(name.rpartition(".")[0], {})
        error = "ImportError" if above.get("kind") == "module" else "AttributeError"
        return f"code that uses it raises {'ModuleNotFoundError' if record['kind'] == 'module' else error}"

    def _stands_alone(self, name: str, there: View, here: View) -> bool:
        """Whether what it is in came or went without it; else that is the change."""
        parent = name.rpartition(".")[0]
        return not parent or parent not in here.surface or there.find(parent) is not None

    def _change(
        self,
        name: str,
        record: dict[str, Any],
        kind: str,
        breaking: bool,
        reason: str,
        *,
        was: str | None = None,
        now: str | None = None,
        parameter: str = "",
        shown_of: View | None = None,
    ) -> Change:
        text = shown(name, (shown_of or self.new).surface)
        if parameter:
            text = f"{text.removesuffix('.__init__')}({parameter}=)"
        return Change(
            kind,
            "surface",
            text,
            breaking,
            reason,
            was,
            now,
            (name,),
            subjects(name, record, parameter),
            frozenset(subjects(name, record)) if record["kind"] == "class" else frozenset(),
        )

    def _same(self, name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        """Compare what has the same name."""
        if "call" in (old["kind"], new["kind"]) and old["kind"] == new["kind"]:
            # The signature is that of the generated function, and compared there, unless it is another one.
            if old["describes"] != new["describes"]:
                yield from self._rebound(name, old, new)
            return
        if old["kind"] != new["kind"]:
            reason = "it is used in another way"
            yield self._change(name, new, "changed", True, reason, was=_article(old), now=_article(new))
        elif old["kind"] == "class":
            yield from self._bases(name, old, new)
        elif old["kind"] == "attribute":
            yield from self._attribute(name, old, new)
        elif old["kind"] == "function" and old != new:
            yield from self._function(name, new, old["signatures"], new["signatures"])

    def _rebound(self, name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        before, after = self.old.find(old["describes"]), self.new.find(new["describes"])
        if before and after:
            yield from self._function(name, new, before["signatures"], after["signatures"])

    def _bases(self, name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        for base in sorted(set(old["bases"]) - set(new["bases"])):
            reason = f"`except` and `isinstance` with {base} no longer include it"
            yield self._change(name, new, "changed", True, reason, was=f"derived from {base}")
        for base in sorted(set(new["bases"]) - set(old["bases"])):
            reason = f"`except` and `isinstance` with {base} include it"
            yield self._change(name, new, "changed", False, reason, now=f"derived from {base}")

    def _attribute(self, name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        if old.get("value") != new.get("value"):
            reason = "code that holds the old value no longer finds it"
            yield self._change(name, new, "changed", True, reason, was=old.get("value"), now=new.get("value"))
        was, now = old.get("type"), new.get("type")
        if was is None or now is None or was == now:
            return
        model = name.rpartition(".")[0]
        if ".models." in name and model in self.new.given and model not in self.new.answered:
            return  # callers give it, so that the constructor's parameter is what counts
        kind = relation(was, now)
        if kind != "same":
            reason = {
                "wider": "code that reads it must be ready for more types",
                "narrower": "what it can be is still accepted everywhere",
                "other": "code that reads it finds another type",
            }[kind]
            yield self._change(name, new, "changed", kind != "narrower", reason, was=was, now=now)

    def _function(
        self, name: str, record: dict[str, Any], old: list[dict[str, Any]], new: list[dict[str, Any]]
    ) -> Iterator[Change]:
        model = name.rpartition(".")[0]
        if name.endswith(".__init__") and model in self.new.answered - self.new.given:
            return  # the SDK makes them; what is in them is compared member by member
        if len(old) != len(new):
            kept = all(signature in new for signature in old)
            reason = "every way to call it stays" if kept else "a way to call it is gone"
            yield self._change(name, record, "changed", not kept, reason, was=_ways(old), now=_ways(new))
            return
        for before, after in zip(old, new, strict=True):
            yield from self._parameters(name, record, before, after)
            yield from self._returns(name, record, before, after)

    def _parameters(
        self, name: str, record: dict[str, Any], old: dict[str, Any], new: dict[str, Any]
    ) -> Iterator[Change]:
        before = {entry[0]: _Parameter(*entry) for entry in old["parameters"]}
        after = {entry[0]: _Parameter(*entry) for entry in new["parameters"]}
        takes_any = any(parameter.kind == "variadic keyword" for parameter in after.values())
        for parameter in before.values():
            if parameter.name in after:
                yield from self._parameter(name, record, parameter, after[parameter.name])
            elif not (takes_any and parameter.kind == "keyword-only"):
                reason = "calls that give it raise TypeError"
                yield self._change(name, record, "removed", True, reason, was=parameter.text, parameter=parameter.name)
        for parameter in after.values():
            if parameter.name not in before:
                reason = "calls without it raise TypeError" if parameter.needed else "calls may go on without it"
                yield self._change(
                    name, record, "added", parameter.needed, reason, now=parameter.text, parameter=parameter.name
                )
        order = [parameter.name for parameter in before.values() if parameter.kind in _POSITIONAL]
        place = [parameter.name for parameter in after.values() if parameter.kind in _POSITIONAL]
        stay = [one for one in order if one in place]
        if stay != place[: len(stay)] and set(stay) == set(order):
            reason = "arguments given by position arrive elsewhere"
            yield self._change(name, record, "changed", True, reason, was=", ".join(order), now=", ".join(place))

    def _parameter(self, name: str, record: dict[str, Any], old: _Parameter, new: _Parameter) -> Iterator[Change]:
        found: list[tuple[bool, str]] = []
        if old.kind in _POSITIONAL and new.kind == "keyword-only":
            found.append((True, "it can no longer be given by position"))
        elif old.kind == "keyword-only" and new.kind == "positional-only":
            found.append((True, "it can no longer be given by name"))
        if not old.needed and new.needed:
            found.append((True, "calls without it raise TypeError"))
        elif old.needed and not new.needed:
            found.append((False, "it may be left out now"))
        elif old.default != new.default:
            found.append((False, "calls without it behave as the new default says"))
        kind = relation(old.type, new.type) if old.type is not None and new.type is not None else "same"
        if kind == "wider":
            found.append((False, "it takes all that it took, and more"))
        elif kind != "same":
            found.append((True, "it no longer takes all that it took"))
        if found:
            breaking = any(breaks for breaks, _ in found)
            reason = "; ".join(text for breaks, text in found if breaks or not breaking)
            yield self._change(
                name, record, "changed", breaking, reason, was=old.text, now=new.text, parameter=old.name
            )

    def _returns(self, name: str, record: dict[str, Any], old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        if bool(old.get("async")) != bool(new.get("async")):
            reason = "calls must be awaited" if new.get("async") else "calls must not be awaited any more"
            yield self._change(name, record, "changed", True, reason)
        was, now = old["returns"], new["returns"]
        if was is not None and now is not None and (kind := relation(was, now)) != "same":
            reason = {
                "wider": "callers must be ready for more types",
                "narrower": "what it gives is still accepted everywhere",
                "other": "callers get another type",
            }[kind]
            yield self._change(name, record, "changed", kind != "narrower", reason, was=was, now=now)


def _article(record: dict[str, Any]) -> str:
    return f"an {record['kind']}" if record["kind"][0] in "aeiou" else f"a {record['kind']}"


def _ways(signatures: list[dict[str, Any]]) -> str:
    return f"{len(signatures)} way{'s' if len(signatures) > 1 else ''} to call it"


__all__ = ["View", "compare", "shown", "subjects"]
