"""What the templates lay out: arguments, annotations, decoding and docstrings, worked out from facts and models."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from typing import Any

from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.parser.properties.list_property import ListProperty
from openapi_python_client.parser.properties.model_property import ModelProperty
from openapi_python_client.parser.properties.union import UnionProperty
from openapi_python_client.schema.untrusted_string import UntrustedString
from openapi_python_client.strings import PythonIdentifier

from .facts import OperationFacts
from .schemas import Fact, SpecError

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
    if fact.enum and all(isinstance(value, str | int) for value in fact.enum):
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
            "date": ["Date", "str"] if given else ["str"],
            "uuid": ["UUID", "str"] if given else ["str"],
            "comma": ["str", "Sequence[str]"] if argument else ["str"],
            "any": ["Any"],
        }[fact.kind]
    return [*names, "None"] if fact.nullable and names != ["Any"] else names


def decode_source(fact: Fact, model: str | None, source: str, depth: int = 0) -> str:
    """Python source that builds the documented type from `source`, a name; other types are passed on.

    Where no model is in it, `source` itself is all there is to do.
    """
    options = fact.fields if fact.kind == "union" else (fact,)
    result = source
    for option in reversed(options):
        if option.kind == "object" and option.fields and model is not None:
            result = f"{model}.from_dict({source}) if {source}.__class__ is dict else {result}"
        elif option.kind == "array" and option.items is not None:
            item = f"_item{depth or ''}"
            inner = decode_source(option.items, model, item, depth + 1)
            if inner != item:
                result = f"[{inner} for {item} in {source}] if {source}.__class__ is list else {result}"
    return result


def field_source(fact: Fact, name: str = "") -> str:
    """Python source of the `Field` that a fact becomes."""
    parts = [literal(name), literal(fact.wire), literal(fact.place), literal(fact.kind)]
    options: dict[str, Any] = {
        "required": fact.required,
        "nullable": fact.nullable,
        "pattern": fact.pattern,
        "sid": fact.sid,
        "enum": fact.enum or None,
        "minimum": fact.minimum,
        "maximum": fact.maximum,
        "sensitive": fact.sensitive,
        "free": fact.free,
        "client_default": fact.client_default,
    }
    # By identity: a minimum of 0 is no False.
    parts += [f"{key}={value!r}" for key, value in options.items() if value is not None and value is not False]
    if fact.items:
        parts.append(f"items={field_source(fact.items)}")
    if fact.fields:
        parts.append(f"fields=({', '.join(field_source(member) for member in fact.fields)},)")
    return f"Field({', '.join(parts)})"


def docstring(text: str) -> str:
    """A docstring literal; whatever the specification holds stays text."""
    text = text.strip().replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    # Invisible characters could make code look like something else than it is.
    text = "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)
    # A quote at the end would join those that close the literal.
    return f'"""{text}\n"""' if "\n" in text or text.endswith('"') else f'"""{text}"""'


def sentence(text: str) -> str:
    """A text on one line that begins and ends as a sentence does."""
    text = " ".join(text.split())
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


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
    if fact.enum and not all(isinstance(value, str | int) for value in fact.enum):
        parts.append(f"one of {', '.join(f'`{shown(value)}`' for value in fact.enum)}")
    if fact.minimum is not None and fact.maximum is not None:
        parts.append(f"from {fact.minimum:g} to {fact.maximum:g}")
    elif fact.minimum is not None:
        parts.append(f"at least {fact.minimum:g}")
    elif fact.maximum is not None:
        parts.append(f"at most {fact.maximum:g}")
    if fact.default is not None:
        parts.append(f"documented default, never sent unasked: `{shown(fact.default)}`")
    if fact.client_default:
        parts.append(f"by default the client's `{fact.client_default}`")
    if fact.sensitive:
        parts.append("never shown in logs or errors")
    if fact.inferred:
        parts.append(f"inferred: {fact.inferred}")
    return " ".join(sentence(part) for part in parts if part)


def shown(value: Any) -> str:
    """A documented value as it stands in JSON, texts without their quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def entry(name: str, fact: Fact, *, given: bool) -> str:
    """The line of an argument or a member in a docstring."""
    text = f"{name}: {sentence(fact.description or f'`{fact.wire}`')} {format_note(fact, given=given)}"
    return wrapped(text, "    ", " " * 8)


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


@dataclass(frozen=True)
class OperationView:
    """What `endpoint_module.py.jinja` lays out.

    Attributes:
        facts: what the specification says.
        title: the first line of docstrings.
        returns: the type of the answer.
        call_type: what `describe` returns.
        read: source of the answer, built from `value`.
        read_models: the models named in it, each with its module.
        row: the type of a row, if the operation answers page by page.
        read_row: source of a row, built from `row`.
        row_models: the models named in it, each with its module.
        models: all models that annotations name, each with its module.
        fields: source of the `Field` of each argument.
        arguments: arguments of `describe`.
        docstring: that of `describe`.
        path_arguments: positional arguments of the other functions.
        other_arguments: their keyword arguments.
        passed: the names of both, but for the body.
        body_name: the argument that takes the body, if there is one.
        body_type: its model.
    """

    facts: OperationFacts
    title: str
    returns: str
    call_type: str
    read: str
    read_models: list[tuple[str, str]]
    row: str
    read_row: str
    row_models: list[tuple[str, str]]
    models: list[tuple[str, str]]
    fields: list[str]
    arguments: list[str]
    docstring: str
    path_arguments: list[str]
    other_arguments: list[str]
    passed: list[str]
    body_name: str
    body_type: str


def python_name(prop: Any, place: str = "") -> str:
    """The name that the generator gave to an argument or a member, if it is the only one that would have it.

    Raises:
        SpecError: if another one would have the same name; the generator then keeps the documented spelling of both.
    """
    name, wire = str(prop.python_name), plain(prop.name)
    usual = str(PythonIdentifier(wire, "field_"))
    if name not in {usual, f"{usual}_{place}", str(PythonIdentifier(f"{usual}_{place}", "field_"))}:
        raise SpecError(f"{wire}: another name beside it becomes {usual} in Python as well")
    # What models have of their own.
    return f"{name}_" if name in {"additional_keys", "additional_properties", "from_dict", "to_dict"} else name


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
            by_place["body"] = [*(body.required_properties or []), *(body.optional_properties or [])]
    taken: set[str] = set()
    named: list[tuple[str, Fact, Any]] = []
    for fact in facts.facts:
        matches = [prop for prop in by_place[fact.place] if plain(prop.name) == fact.wire]
        if len(matches) != 1:
            raise SpecError(f"{facts.id}: the generator lost the {fact.place} argument {fact.wire}")
        name = fact.client_default or python_name(matches[0], fact.place)
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


_EXTENTS = {"full": "captured in full", "partial": "captured in part", "guide": "captured from a guide"}


def describe_docstring(facts: OperationFacts, arguments: list[Argument], returns: str, row: str) -> str:
    """The docstring of `describe`: it is what editors show for the facade's method."""
    lines = [sentence(facts.summary), ""]
    if facts.description:
        lines += [wrapped(sentence(facts.description)), ""]
    if arguments:
        lines += ["Args:", *(entry(argument.name, argument.fact, given=True) for argument in arguments), ""]
    given = f"the rows as `{row}`, page by page" if row else f"`{returns}`"
    if facts.answer in {"text", "none"}:
        given = "nothing" if facts.answer == "none" else "the string of the response"
    lines += ["Returns:", f"    When it is carried out, the call gives {given}.", ""]
    lines += [wrapped(f"Repeating is {facts.repeat}. {sentence(facts.repeat_reason)}"), ""]
    lines.append(wrapped(f"Documentation: {facts.page} ({_EXTENTS[facts.extent]}, {facts.captured})."))
    return docstring("\n".join(lines))
