"""What the templates lay out: arguments, annotations, decoding and docstrings, worked out from facts and models."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import Any

from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.parser.properties.list_property import ListProperty
from openapi_python_client.parser.properties.model_property import ModelProperty
from openapi_python_client.parser.properties.union import UnionProperty
from openapi_python_client.schema.untrusted_string import UntrustedString

from .facts import Fact, OperationFacts, SpecError

WIDTH = 110


def plain(value: UntrustedString | str | None) -> str:
    """The text of a value that the generator marks as untrusted; whoever uses it in code must quote it."""
    return value.get_untrusted_value() if isinstance(value, UntrustedString) else (value or "")


def literal(value: Any) -> str:
    """Python source of a plain value."""
    return repr(plain(value) if isinstance(value, UntrustedString) else value)


def is_free(model: ModelProperty) -> bool:
    """Whether a model documents no member of its own, so that a plain dict serves as well.

    Forward-referenced models have no processed properties yet, so the schema is looked at.
    """
    return not model.data.properties and not model.data.allOf


def models_within(prop: Any) -> list[ModelProperty]:
    """The models with documented members in a property, lists and unions looked through."""
    if isinstance(prop, ModelProperty):
        return [] if is_free(prop) else [prop]
    if isinstance(prop, ListProperty):
        return models_within(prop.inner_property)
    if isinstance(prop, UnionProperty):
        return [model for inner in prop.inner_properties for model in models_within(inner)]
    return []


def model_within(prop: Any) -> ModelProperty | None:
    """The one model in a property.

    Raises:
        SpecError: if there are several: nothing in an answer would tell them apart.
    """
    found = {str(model.class_info.name): model for model in models_within(prop)}
    if len(found) > 1:
        raise SpecError(f"{plain(prop.name)}: a union of several models is not supported ({', '.join(sorted(found))})")
    return next(iter(found.values()), None)


def annotate(fact: Fact, model: str | None, *, argument: bool, answered: bool = False) -> str:
    """The annotation of an argument, or of a member of a model.

    Args:
        fact: what the specification says.
        model: the class that stands for the object in it.
        argument: an argument takes more types than a member of an answer has.
        answered: a member of an answer: enums are open there, and times stay texts.
    """
    return " | ".join(dict.fromkeys(_alternatives(fact, model, argument, answered)))


def _alternatives(fact: Fact, model: str | None, argument: bool, answered: bool) -> list[str]:
    given = argument or not answered
    if fact.enum:
        names = [f"Literal[{', '.join(repr(value) for value in fact.enum)}]"]
        if not given:
            names += sorted({type(value).__name__ for value in fact.enum})
    elif fact.kind == "union":
        names = [name for option in fact.fields for name in _alternatives(option, model, argument, answered)]
    elif fact.kind == "array":
        inner = annotate(fact.items, model, argument=argument, answered=answered) if fact.items else "Any"
        names = [f"Sequence[{inner}]" if given else f"list[{inner}]"]
    elif fact.kind == "object":
        documented = bool(fact.fields) and model is not None
        names = [str(model)] if documented else []
        if argument or not documented:
            names.append("Mapping[str, Any]" if given else "dict[str, Any]")
    else:
        names = {
            "string": ["str"],
            "integer": ["int"],
            "number": ["float", "Decimal"] if given else ["float"],
            "boolean": ["bool"],
            "timestamp": ["datetime", "str"] if given else ["str"],
            "date": ["date", "str"] if given else ["str"],
            "uuid": ["UUID", "str"] if given else ["str"],
            "comma": ["str", "Sequence[str]"] if argument else ["str"],
            "any": ["Any"],
        }[fact.kind]
    return [*names, "None"] if fact.nullable and names != ["Any"] else names


def field_source(fact: Fact, name: str = "") -> str:
    """Python source of the `Field` that a fact becomes."""
    parts = [literal(name), literal(fact.wire), literal(fact.place), literal(fact.kind)]
    options: dict[str, Any] = {
        "required": fact.required,
        "nullable": fact.nullable,
        "pattern": fact.pattern,
        "sid": fact.sid,
        "enum": fact.enum,
        "minimum": fact.minimum,
        "maximum": fact.maximum,
        "sensitive": fact.sensitive,
        "free": fact.free,
        "client_default": fact.client_default,
    }
    parts += [f"{key}={value!r}" for key, value in options.items() if value not in (None, False, ())]
    if fact.items:
        parts.append(f"items={field_source(fact.items)}")
    if fact.fields:
        parts.append(f"fields=({', '.join(field_source(member) for member in fact.fields)},)")
    return f"Field({', '.join(parts)})"


def docstring(text: str) -> str:
    """A docstring literal; backslashes and quotes in the specification stay text."""
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').strip()
    if text.endswith('"'):
        text += " "
    return f'"""{text}\n"""' if "\n" in text else f'"""{text}"""'


def wrapped(text: str, indent: str = "", hanging: str | None = None) -> str:
    """Wrap prose; `indent` goes before each line, `hanging` before all but the first."""
    return textwrap.fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def format_note(fact: Fact, *, given: bool = True) -> str:
    """What form a value takes, beyond its annotation.

    Args:
        fact: what the specification says of it.
        given: a value that callers give; answers come as they come.
    """
    notes = {
        "timestamp": "an aware datetime, or RFC 3339 text with an offset; goes out in UTC",
        "comma": "comma-separated text or a list of texts",
        "number": "a Decimal keeps its digits",
    }
    parts = [notes.get(fact.kind, "")] if given else []
    if fact.pattern:
        parts.append(f"matches `{fact.pattern}`")
    if fact.minimum is not None:
        parts.append(f"at least {fact.minimum:g}")
    if fact.maximum is not None:
        parts.append(f"at most {fact.maximum:g}")
    if fact.default is not None:
        parts.append(f"documented default, never sent unasked: `{fact.default}`")
    if fact.client_default:
        parts.append(f"by default the client's `{fact.client_default}`")
    if fact.sensitive:
        parts.append("never shown in logs or errors")
    if fact.inferred:
        parts.append(f"inferred: {fact.inferred}")
    return "; ".join(part for part in parts if part)


@dataclass(frozen=True)
class Argument:
    """One argument of a generated function."""

    name: str
    fact: Fact
    annotation: str

    @property
    def optional(self) -> bool:
        """Whether callers may leave it out."""
        return not self.fact.required or self.fact.client_default is not None

    def source(self) -> str:
        """How it stands in the signature."""
        return f"{self.name}: {self.annotation}" + (" | Unset = UNSET" if self.optional else "")

    def doc(self) -> str:
        """How it stands in the docstring."""
        note = format_note(self.fact)
        text = f"{self.name}: {self.fact.description or self.fact.wire}" + (f" ({note})" if note else "")
        return wrapped(text, "    ", " " * 8)


@dataclass
class OperationView:
    """What `endpoint_module.py.jinja` lays out."""

    facts: OperationFacts
    returns: str
    call_type: str
    read_expression: str
    models: list[tuple[str, str]]
    read_models: list[tuple[str, str]]
    fields: list[str]
    arguments: list[str]
    docstring: str
    path_arguments: list[str]
    other_arguments: list[str]
    argument_names: list[str]
    plain_arguments: list[tuple[str, str]]
    body_name: str
    body_type: str
    body_required: bool
    row: str = ""
    row_model: bool = False
    row_module: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        if name in {"id", "method", "path", "summary", "repeat", "answer", "media", "secured"}:
            return getattr(self.facts, name)
        if name == "documentation":
            return self.facts.page
        raise AttributeError(name)


def name_arguments(facts: OperationFacts, endpoint: Endpoint) -> list[tuple[str, Fact, Any]]:
    """Pair each fact with the generator's property and give it a Python name of its own."""
    by_place: dict[str, list[Any]] = {
        "path": list(endpoint.path_parameters),
        "query": list(endpoint.query_parameters),
        "header": list(endpoint.header_parameters),
        "body": [],
    }
    if endpoint.bodies:
        body = endpoint.bodies[0].prop
        if isinstance(body, ModelProperty):
            by_place["body"] = [
                *(body.required_properties or []),
                *(body.optional_properties or []),
            ]
    taken: set[str] = set()
    named: list[tuple[str, Fact, Any]] = []
    for fact in facts.facts:
        matches = [prop for prop in by_place[fact.place] if plain(prop.name) == fact.wire]
        if len(matches) != 1:
            raise SpecError(f"{facts.id}: the generator lost the {fact.place} argument {fact.wire}")
        name = fact.client_default or str(matches[0].python_name)
        if name in taken:
            name = f"{fact.place}_{name}"
        if name in taken or name.startswith("_"):
            raise SpecError(f"{facts.id}: {fact.wire} has no Python name of its own")
        taken.add(name)
        named.append((name, fact, matches[0]))
    lost = sum(len(props) for props in by_place.values()) - len(named)
    if lost:
        raise SpecError(f"{facts.id}: {lost} arguments of the generator are not in the specification")
    return named


def describe_docstring(facts: OperationFacts, arguments: list[Argument], returns: str, row: str) -> str:
    """The docstring of `describe`: it is what editors show for the facade's method."""
    lines = [f"{facts.summary}.", ""]
    if facts.description:
        lines += [wrapped(facts.description), ""]
    if arguments:
        lines += ["Args:", *(argument.doc() for argument in arguments), ""]
    given = f"the rows of the report as `{row}`, page by page" if row else f"`{returns}`"
    if facts.answer == "text":
        given = "the text that the server answers with; empty if there is none"
    lines += ["Returns:", wrapped(f"The call; carried out, it gives {given}.", "    "), ""]
    lines += [wrapped(f"Repeating is {facts.repeat}: {facts.repeat_reason}"), ""]
    lines.append(f"Documentation: {facts.page} (captured {facts.captured}, extent: {facts.extent}).")
    return docstring("\n".join(lines))
