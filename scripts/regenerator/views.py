"""Builds what the templates render from facts and models: arguments, annotations, decoding and docstrings."""

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
from .schemas import Fact, SharedFields, SpecError

WIDTH = 110


def plain(value: UntrustedString | str | None) -> str:
    """Return the string of a value that the generator marks as untrusted; it must be quoted in code."""
    return value.get_untrusted_value() if isinstance(value, UntrustedString) else (value or "")


def literal(value: Any) -> str:
    """Return the Python source of a plain value."""
    return repr(plain(value) if isinstance(value, UntrustedString) else value)


def is_free(model: ModelProperty) -> bool:
    """Return whether a model documents no fields, so that a plain dict replaces it.

    Forward-referenced models have no processed properties yet, so this reads the schema.
    """
    return not model.data.properties and not model.data.allOf


def models_within(prop: Any) -> list[ModelProperty]:
    """Return the models with documented fields in a property, including those in lists and unions."""
    if isinstance(prop, ModelProperty):
        return [] if is_free(prop) else [prop]
    if isinstance(prop, ListProperty):
        return models_within(prop.inner_property)
    if isinstance(prop, UnionProperty):
        return [model for inner in prop.inner_properties for model in models_within(inner)]
    return []


def model_within(prop: Any) -> ModelProperty | None:
    """Return the model in a property; none if there are several, since nothing in a response distinguishes them."""
    found = {str(model.class_info.name): model for model in models_within(prop)}
    return next(iter(found.values())) if len(found) == 1 else None


def classes_within(prop: Any) -> str | None:
    """Return the classes of the models in a property, for annotations of what callers pass."""
    return " | ".join(dict.fromkeys(str(model.class_info.name) for model in models_within(prop))) or None


def annotate(fact: Fact, model: str | None, *, argument: bool, in_response: bool = False) -> str:
    """Return the annotation of an argument, or of a field of a model.

    Args:
        fact: the argument or field.
        model: the class of the object in it, or several for what callers pass.
        argument: for an argument, which accepts more types than a field has.
        in_response: for a field of a response: enums are open there, and times stay strings.
    """
    return " | ".join(dict.fromkeys(_alternatives(fact, model, argument, in_response)))


def _alternatives(fact: Fact, model: str | None, argument: bool, in_response: bool) -> list[str]:
    sent = argument or not in_response
    if fact.enum and all(isinstance(value, str | int) for value in fact.enum):
        names = [f"Literal[{', '.join(repr(value) for value in fact.enum)}]"]
        if not sent:
            names += sorted({type(value).__name__ for value in fact.enum})
    elif fact.type == "union":
        names = [name for option in fact.fields for name in _alternatives(option, model, argument, in_response)]
    elif fact.type == "array":
        inner = annotate(fact.items, model, argument=argument, in_response=in_response) if fact.items else "Any"
        names = [f"Sequence[{inner}]" if sent else f"list[{inner}]"]
    elif fact.type == "object":
        documented = bool(fact.fields) and model is not None
        names = [str(model)] if documented else []
        if argument or not documented:
            names.append("Mapping[str, Any]" if sent else "dict[str, Any]")
    else:
        names = {
            "string": ["str"],
            "integer": ["int"],
            "number": ["float", "Decimal"] if sent else ["float"],
            "boolean": ["bool"],
            "timestamp": ["datetime", "str"] if sent else ["str"],
            "date": ["Date", "str"] if sent else ["str"],
            "uuid": ["UUID", "str"] if sent else ["str"],
            "comma": ["str", "Sequence[str]"] if argument else ["str"],
            "file": ["FileInput"],
            "any": ["Any"],
        }[fact.type]
    return [*names, "None"] if fact.nullable and names != ["Any"] else names


def decode_source(fact: Fact, model: str | None, source: str, depth: int = 0) -> str:
    """Return the Python source that builds the documented type from `source`, a name; other types are kept.

    Without a model in it, that is `source` itself.
    """
    options = fact.fields if fact.type == "union" else (fact,)
    result = source
    for option in reversed(options):
        if option.type == "object" and option.fields and model is not None:
            result = f"{model}.from_dict({source}) if {source}.__class__ is dict else {result}"
        elif option.type == "array" and option.items is not None:
            item = f"_item{depth or ''}"
            inner = decode_source(option.items, model, item, depth + 1)
            if inner != item:
                result = f"[{inner} for {item} in {source}] if {source}.__class__ is list else {result}"
    return result


def field_source(fact: Fact, name: str = "", *, folder: str = "..._fields.") -> str:
    """Return the Python source of the `Field` for a fact.

    Args:
        fact: the argument, or the field of a nested object.
        name: the Python name of the argument.
        folder: where the module has the fields of shared schemas, relative to its package.
    """
    parts = [literal(name), literal(fact.wire_name), literal(fact.location), literal(fact.type)]
    options: dict[str, Any] = {
        # Servers ignore it, or reject it, when it is sent.
        "required": fact.required and not fact.read_only,
        "nullable": fact.nullable,
        "pattern": fact.pattern,
        "sid": fact.sid,
        "enum": fact.enum or None,
        "minimum": fact.minimum,
        "maximum": fact.maximum,
        "sensitive": fact.sensitive,
        "additional": fact.additional is True,
        "client_default": fact.client_default,
        "style": fact.style or None,
        "above": fact.above,
        "below": fact.below,
        "multiple": fact.multiple,
    }
    # By identity: a minimum of 0 is not False.
    parts += [f"{key}={value!r}" for key, value in options.items() if value is not None and value is not False]
    if isinstance(fact.additional, Fact):
        parts.append(f"additional={field_source(fact.additional, folder=folder)}")
    if fact.items:
        parts.append(f"items={field_source(fact.items, folder=folder)}")
    if isinstance(fact.fields, SharedFields):
        parts.append(f"fields=SharedFields({literal(folder + fields_module(fact.fields.name))}, __package__)")
    elif fact.fields:
        parts.append(f"fields=({', '.join(field_source(field, folder=folder) for field in fact.fields)},)")
    return f"Field({', '.join(parts)})"


def fields_module(name: str) -> str:
    """Return the module that has the fields of a shared schema."""
    return str(PythonIdentifier(name, "field_"))


def docstring(text: str) -> str:
    """Return a docstring literal, with everything in it escaped."""
    text = text.strip().replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    # Invisible characters could disguise code.
    text = "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)
    # A quote at the end would merge with the closing quotes.
    return f'"""{text}\n"""' if "\n" in text or text.endswith('"') else f'"""{text}"""'


def sentence(text: str) -> str:
    """Return a string on one line with a capital letter and a full stop."""
    text = " ".join(text.split())
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def wrapped(text: str, indent: str = "", hanging: str | None = None) -> str:
    """Wrap prose; `indent` precedes each line, `hanging` all but the first."""
    return textwrap.fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def format_note(fact: Fact, *, argument: bool = True) -> str:
    """Describe what a value must be, beyond its annotation.

    Args:
        fact: the argument or field.
        argument: for a value that callers pass; values of responses stay as received.
    """
    notes = {
        "timestamp": "an aware datetime, or RFC 3339 string with a UTC offset; sent in UTC",
        "comma": "a comma-separated string or a list of strings",
        "number": "a Decimal keeps its digits",
        "file": "bytes, a file opened in binary mode, or a tuple of name, one of these, and media type",
    }
    parts = [notes.get(fact.type, "")] if argument else []
    if fact.pattern:
        parts.append(f"matches `{fact.pattern}`")
    if fact.enum and not all(isinstance(value, str | int) for value in fact.enum):
        parts.append(f"one of {', '.join(f'`{shown(value)}`' for value in fact.enum)}")
    parts += _limits(fact)
    if fact.default is not None:
        parts.append(f"server default; not sent unless set: `{shown(fact.default)}`")
    if fact.client_default:
        parts.append(f"defaults to the client's `{fact.client_default}`")
    if fact.sensitive:
        parts.append("never shown in logs or errors")
    if fact.inferred:
        parts.append(f"inferred: {fact.inferred}")
    return " ".join(sentence(part) for part in parts if part)


def _limits(fact: Fact) -> list[str]:
    low, high = fact.minimum, fact.maximum
    unit = {"string": " character", "array": " item"}.get(fact.type, "")
    counted = f"{unit}s" if unit and (high if high is not None else low) != 1 else unit
    if low is not None and high is not None:
        parts = [f"from {low:g} to {high:g}{counted}" if low != high else f"exactly {low:g}{counted}"]
    else:
        parts = [f"at least {low:g}{counted}"] if low is not None else []
        parts += [f"at most {high:g}{counted}"] if high is not None else []
    more = {"more than": fact.above, "less than": fact.below, "a multiple of": fact.multiple}
    return parts + [f"{words} {number:g}" for words, number in more.items() if number is not None]


def shown(value: Any) -> str:
    """Return a documented value as in JSON, strings without quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def entry(name: str, fact: Fact, *, argument: bool) -> str:
    """Return the line of an argument or a field in a docstring."""
    line = f"{name}: {sentence(fact.description or f'`{fact.wire_name}`')} {format_note(fact, argument=argument)}"
    return wrapped(line, "    ", " " * 8)


@dataclass(frozen=True)
class Argument:
    """One argument of a generated function."""

    name: str
    fact: Fact
    annotation: str

    @property
    def optional(self) -> bool:
        """Whether callers may omit it."""
        return not self.fact.required or self.fact.client_default is not None

    def source(self) -> str:
        """Return its source in the signature."""
        return f"{self.name}: {self.annotation}" + (" | Unset = UNSET" if self.optional else "")


@dataclass(frozen=True)
class OperationView:
    """The values that `endpoint_module.py.jinja` renders.

    Attributes:
        facts: the operation in the specification.
        title: the first line of docstrings.
        returns: the type of the response.
        call_type: the return type of `describe`.
        read: source that builds the response from `value`.
        read_models: the models in it, each with its module.
        row: the type of a row, if the operation pages.
        pagination: source of the `Pagination`.
        read_row: source that builds a row from `row`.
        row_models: the models in it, each with its module.
        models: all models in annotations, each with its module.
        fields: source of the `Field` of each argument.
        arguments: the arguments of `describe`.
        docstring: that of `describe`.
        path_arguments: the positional arguments of the other functions.
        other_arguments: their keyword arguments.
        passed: the names of both, except the body.
        body_name: the argument for the body, if there is one.
        body_type: its model.
    """

    facts: OperationFacts
    title: str
    returns: str
    call_type: str
    read: str
    read_models: list[tuple[str, str]]
    row: str
    pagination: str
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


def python_name(prop: Any, location: str = "") -> str:
    """Return the Python name that the generator chose for an argument or a field.

    Raises:
        SpecError: if another one has the same name; the generator then keeps the documented spelling of both.
    """
    name, documented = str(prop.python_name), plain(prop.name)
    usual = str(PythonIdentifier(documented, "field_"))
    if name not in {usual, f"{usual}_{location}", str(PythonIdentifier(f"{usual}_{location}", "field_"))}:
        raise SpecError(f"{documented}: another name also becomes {usual} in Python")
    # Names that models define themselves.
    return f"{name}_" if name in {"additional_keys", "additional_properties", "from_dict", "to_dict"} else name


def name_arguments(facts: OperationFacts, endpoint: Endpoint) -> list[tuple[str, Fact, Any]]:
    """Pair each argument with the property of the generator and a unique Python name."""
    by_location: dict[str, list[Any]] = {
        "path": list(endpoint.path_parameters),
        "query": list(endpoint.query_parameters),
        "header": list(endpoint.header_parameters),
        "body": [],
        "content": [],
    }
    if endpoint.bodies:
        body = endpoint.bodies[0].prop
        if any(fact.location == "content" for fact in facts.arguments):
            by_location["content"] = [body]
        elif isinstance(body, ModelProperty):
            by_location["body"] = [*(body.required_properties or []), *(body.optional_properties or [])]
    taken: set[str] = set()
    named: list[tuple[str, Fact, Any]] = []
    for fact in facts.arguments:
        matches = [prop for prop in by_location[fact.location] if plain(prop.name) == fact.wire_name]
        if len(matches) != 1:
            raise SpecError(f"{facts.id}: the generator lost the {fact.location} argument {fact.wire_name}")
        name = fact.client_default or python_name(matches[0], fact.location)
        if name in taken:
            name = f"{'request' if fact.location == 'content' else fact.location}_{name}"
        if name in taken or name.startswith("_"):
            raise SpecError(f"{facts.id}: {fact.wire_name} has no unique Python name")
        taken.add(name)
        named.append((name, fact, matches[0]))
    by_location["body"] = [prop for prop in by_location["body"] if plain(prop.name) not in facts.read_only]
    lost = sum(len(props) for props in by_location.values()) - len(named)
    if lost:
        raise SpecError(f"{facts.id}: {lost} arguments of the generator are not in the specification")
    return named


_EXTENTS = {
    "full": "captured in full",
    "partial": "captured in part",
    "guide": "captured from a guide",
    "document": "captured from the vendor's OpenAPI document",
}
_RETURNED = {
    "none": "Nothing",
    "string": "The string of the response",
    "text": "The text of the response",
    "bytes": "The bytes of the response",
}


def describe_docstring(facts: OperationFacts, arguments: list[Argument], returns: str, row: str) -> str:
    """Return the docstring of `describe`, which editors show for the method of the facade."""
    lines = [sentence(facts.summary), ""]
    if facts.description:
        lines += [wrapped(sentence(facts.description)), ""]
    if arguments:
        lines += ["Args:", *(entry(argument.name, argument.fact, argument=True) for argument in arguments), ""]
    returned = f"The rows as `{row}`, fetched page by page" if row else _RETURNED.get(facts.returns, f"`{returns}`")
    lines += ["Returns:", f"    {returned}.", ""]
    lines += [wrapped(f"{'Idempotent' if facts.idempotent else 'Not idempotent'}: {facts.idempotent_reason}"), ""]
    lines.append(wrapped(f"Documentation: {facts.page} ({_EXTENTS[facts.extent]}, {facts.captured})."))
    return docstring("\n".join(lines))
