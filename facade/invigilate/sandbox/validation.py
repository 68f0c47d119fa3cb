"""Checks of requests and answers against a specification, made of the parts of openapi-core.

openapi-core's own request validator builds all its parts anew for each request, which takes 5 ms
for a report with its 18 parameters. Here the same parts (styles of parameters, media types, schema
validators) are built once per operation, when it is first called, and kept for the whole process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

from jsonschema_path import SchemaPath
from openapi_core.casting.schemas import oas31_schema_casters_factory
from openapi_core.deserializing.exceptions import DeserializeError
from openapi_core.deserializing.media_types.factories import MediaTypeDeserializersFactory
from openapi_core.deserializing.styles import style_deserializers
from openapi_core.schema.parameters import get_style_and_explode
from openapi_core.validation.schemas import oas31_schema_validators_factory
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from werkzeug.datastructures import Headers, ImmutableMultiDict

from . import json_text
from .documents import Document, OperationEntry
from .problems import invalid

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(slots=True)
class Call:
    """A valid request: what it asks for, with the types that the specification gives.

    Attributes:
        path: path parameters by documented name.
        query: query parameters that were sent.
        header: header parameters that were sent.
        body: body, None when there is none.
        target: path as it was sent.
        pairs: the query's names and values, as they were sent.
        base_url: address of the API, for links.
    """

    path: dict[str, Any] = field(default_factory=dict[str, Any])
    query: dict[str, Any] = field(default_factory=dict[str, Any])
    header: dict[str, Any] = field(default_factory=dict[str, Any])
    body: Any = None
    target: str = ""
    pairs: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    base_url: str = ""


class SchemaCheck:
    """One schema, in which members that it does not name are mistakes."""

    def __init__(self, root: SchemaPath, schema: SchemaPath) -> None:
        self._validator = oas31_schema_validators_factory.create(
            root, schema, forbid_unspecified_additional_properties=True
        )

    def mistake(self, value: Any) -> str | None:
        """What is wrong with a value, in words without the value itself; None when nothing is."""
        try:
            self._validator.validate(value)
        except InvalidSchemaValue as error:
            return "; ".join(_describe(each) for each in error.schema_errors)
        return None


def _describe(error: Any) -> str:
    # The value may be a card number in the wrong place, so messages that quote it are not used.
    place = ".".join(str(part) for part in error.absolute_path)
    at = f"{place}: " if place else ""
    match error.validator:
        case "type":
            kinds = error.validator_value
            return f"{at}not of type {kinds if isinstance(kinds, str) else ' or '.join(kinds)}"
        case "enum":
            return f"{at}not one of {', '.join(map(str, error.validator_value))}"
        case "pattern":
            return f"{at}does not match the documented pattern"
        case "required":
            return f"{at}{error.message}"
        case "minimum" | "maximum":
            return f"{at}out of the documented range"
        case "properties" | "additionalProperties" | None if error.schema is not True:
            unknown = set(error.instance) - set(error.schema.get("properties", ()))
            return f"{at}{_undocumented(unknown)}"
        case keyword:
            return f"{at}violates {keyword}"


def _undocumented(names: Iterable[str]) -> str:
    # A name is shown only when it looks like one.
    shown = sorted(name for name in names if name.isidentifier() and len(name) <= 50)
    return f"{', '.join(shown) or 'a member'} not documented"


class ParameterCheck:
    """One documented parameter."""

    def __init__(self, root: SchemaPath, parameter: SchemaPath) -> None:
        self.name = (parameter / "name").read_str()
        self.location = (parameter / "in").read_str()
        self.required = (parameter / "required").read_bool(default=False)
        schema = parameter / "schema"
        self._schema = SchemaCheck(root, schema)
        style, self._explode = get_style_and_explode(parameter)
        self._load = style_deserializers[style]
        self._type = (schema / "type").read_str("")
        item_type = (schema / "items" / "type").read_str("") if "items" in schema else ""
        self._convert = _CONVERSIONS.get(item_type if self._type == "array" else self._type, str)

    def read(self, location: Mapping[str, Any], into: dict[str, Any]) -> str | None:
        """Read the parameter, if it was sent; what is wrong with it, if anything is."""
        try:
            raw = self._load(self._explode, self.name, self._type, location)
        except KeyError:
            return f"{self.name}: missing" if self.required else None
        except (ValueError, TypeError, AttributeError):
            return f"{self.name}: not in the documented style"
        if self._type != "array" and self.location == "query":
            sent = cast("ImmutableMultiDict[str, str]", location).getlist(self.name)
            if len(sent) > 1:
                return f"{self.name}: sent more than once"
        try:
            value = [*map(self._convert, raw)] if self._type == "array" else self._convert(raw)
        except ValueError as error:
            return f"{self.name}: {error}"
        mistake = self._schema.mistake(value)
        if mistake:
            return f"{self.name}: {mistake}"
        into[self.name] = value
        return None


def _integer(text: str) -> int:
    # int() takes blanks, underscores and digits of other scripts, too.
    digits = text[1:] if text.startswith("-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError("not of type integer")
    return int(text)


def _number(text: str) -> Any:
    try:
        value = json_text.decode(text.encode())
    except ValueError:
        value = None
    if isinstance(value, bool | str | list | dict) or value is None:
        raise ValueError("not of type number")
    return value


def _boolean(text: str) -> bool:
    # openapi-core takes "True" and "yes" as well; here the documented values are wanted.
    if text not in ("true", "false"):
        raise ValueError("neither true nor false")
    return text == "true"


_CONVERSIONS: dict[str, Callable[[str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}


class BodyCheck:
    """The bodies that an operation takes or gives, by media type."""

    def __init__(self, root: SchemaPath, content: SchemaPath) -> None:
        factory = MediaTypeDeserializersFactory.from_schema_casters_factory(oas31_schema_casters_factory)
        self._kinds: dict[str, tuple[Callable[[bytes], Any], SchemaCheck]] = {}
        for media_type in content.str_keys():
            schema = content / media_type / "schema"
            if media_type == FORM:
                read: Callable[[bytes], Any] = _form
            else:
                read = factory.create(
                    root,
                    media_type,
                    schema=schema,
                    extra_media_type_deserializers={JSON: json_text.decode},
                ).deserialize
            self._kinds[media_type] = (read, SchemaCheck(root, schema))

    def read(self, body: bytes, content_type: str) -> Any:
        """Read a request's body.

        Raises:
            Problem: if it is not as documented.
        """
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in self._kinds:
            expected = " or ".join(self._kinds)
            raise invalid(f"Content-Type: not {expected}.")
        read, schema = self._kinds[media_type]
        try:
            value = read(body)
        except (DeserializeError, ValueError) as error:
            raise invalid(f"The body is no {media_type}.") from error
        mistake = schema.mistake(value)
        if mistake:
            raise invalid(f"The body is not as documented: {mistake}.")
        return value

    def mistake(self, value: Any) -> str | None:
        """What is wrong with the JSON data of an answer, None when nothing is."""
        if JSON not in self._kinds:
            return f"JSON is not documented, but {', '.join(self._kinds)}"
        return self._kinds[JSON][1].mistake(value)


def _form(body: bytes) -> dict[str, str]:
    pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(body))
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field comes twice")
    return fields


class OperationCheck:
    """Everything that the specification says about one operation's requests and answers."""

    def __init__(self, root: SchemaPath, entry: OperationEntry) -> None:
        item = root / "paths" / entry.template
        operation = item / entry.method.lower()
        self._parameters = [
            ParameterCheck(root, parameter)
            for place in (operation, item)
            if "parameters" in place
            for parameter in place / "parameters"
        ]
        self._query_names = {each.name for each in self._parameters if each.location == "query"}
        self._body: BodyCheck | None = None
        self._body_required = False
        if "requestBody" in operation:
            body = operation / "requestBody"
            self._body = BodyCheck(root, body / "content")
            self._body_required = (body / "required").read_bool(default=False)
        self._answers = {
            str(status): BodyCheck(root, operation / "responses" / status / "content")
            for status in (operation / "responses").str_keys()
            if "content" in operation / "responses" / status
        }
        requirements = operation["security"] if "security" in operation else root["security"]
        self.secured = bool(requirements)

    def read(
        self, target: str, variables: dict[str, str], query: str, headers: Mapping[str, str],
        body: bytes,
    ) -> Call:  # fmt: skip
        """Check a request and read it.

        Raises:
            Problem: if it is not as documented, naming every mistake in path, query and headers.
        """
        pairs = parse_qsl(query, keep_blank_values=True)
        call = Call(target=target, pairs=pairs)
        places: dict[str, tuple[Mapping[str, Any], dict[str, Any]]] = {
            "path": ({name: unquote(text) for name, text in variables.items()}, call.path),
            "query": (ImmutableMultiDict(pairs), call.query),
            "header": (cast("Mapping[str, Any]", Headers(headers)), call.header),
        }
        mistakes = [
            mistake
            for parameter in self._parameters
            if parameter.location in places and (mistake := parameter.read(*places[parameter.location]))
        ]
        unknown = {name for name, _ in pairs} - self._query_names
        if unknown:
            mistakes.append(_undocumented(unknown))
        if mistakes:
            raise invalid("; ".join(mistakes) + ".")
        if self._body is None:
            if body:
                raise invalid("A body is not documented here.")
        elif body:
            call.body = self._body.read(body, headers.get("content-type", ""))
        elif self._body_required:
            raise invalid("The body is missing.")
        return call

    def answer_mistake(self, status: int, data: Any) -> str | None:
        """What is wrong with a successful answer, None when nothing is."""
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in self._answers:
                return self._answers[key].mistake(data)
        return f"status {status} is not documented"


class Specification:
    """One document with the checks of its operations, made when they are first needed."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._root = SchemaPath.from_dict(document.content)
        self._checks: dict[str, OperationCheck] = {}
        self._error: SchemaCheck | None = None
        self._lock = threading.Lock()

    def check(self, entry: OperationEntry) -> OperationCheck:
        """The checks of an operation."""
        found = self._checks.get(entry.operation_id)
        if found is None:
            # openapi-core resolves references in shared caches, hence one thread at a time.
            with self._lock:
                found = self._checks.get(entry.operation_id)
                if found is None:
                    found = OperationCheck(self._root, entry)
                    self._checks[entry.operation_id] = found
        return found

    def error_mistake(self, data: Any) -> str | None:
        """What is wrong with the body of an error. Errors are the same for all operations."""
        with self._lock:
            if self._error is None:
                schema = self._root / "components" / "schemas" / "Error"
                self._error = SchemaCheck(self._root, schema)
        return self._error.mistake(data)
