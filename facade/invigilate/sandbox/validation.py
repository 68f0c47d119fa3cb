"""Checks of requests and responses against a spec, built from the parts of openapi-core.

openapi-core's own request validator builds all its parts again for each request, which takes 5 ms for an operation with
18 parameters. Here the same parts (parameter styles, media types, schema validators) are built once per operation, when
it is first called, and kept for the whole process.
"""

from __future__ import annotations

import re
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

from . import json_values
from .documents import Document, OperationEntry
from .inventions import infer
from .problems import invalid

# Of RFC 9110 and its companions, of browsers, and of trace contexts.
_HTTP_HEADER = re.compile(
    "(accept|content|if|sec)-.*|accept|authorization|baggage|cache-control|connection|cookie|date|dnt|expect|forwarded"
    "|from|host|keep-alive|origin|pragma|priority|range|referer|te|trace(parent|state)|trailer|transfer-encoding|upgrade"
    "|user-agent|via"
)
_HEADER_NAME = re.compile("[a-z][a-z0-9-]{,49}")
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(slots=True)
class Call:
    """A valid request, with values of the documented types.

    Attributes:
        path: path parameters by documented name.
        query: query parameters that were sent.
        header: header parameters that were sent.
        body: body, None when there is none.
        target: path as it was sent.
        pairs: the query's names and values, as they were sent.
        base_url: URL of the API, for links.
    """

    path: dict[str, Any] = field(default_factory=dict[str, Any])
    query: dict[str, Any] = field(default_factory=dict[str, Any])
    header: dict[str, Any] = field(default_factory=dict[str, Any])
    body: Any = None
    target: str = ""
    pairs: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    base_url: str = ""


class SchemaCheck:
    """One schema."""

    def __init__(self, root: SchemaPath, schema: SchemaPath) -> None:
        create = oas31_schema_validators_factory.create
        self._strict = create(root, schema, forbid_unspecified_additional_properties=True)
        self._lenient = create(root, schema)

    def mistake(self, value: Any, *, lenient: bool = False) -> str | None:
        """Describe what is wrong with a value, without the value itself; None when nothing is.

        Args:
            value: JSON data.
            lenient: accept fields that the schema does not name.
        """
        try:
            self._strict.validate(value)
        except InvalidSchemaValue as error:
            mistakes = [_describe(each) for each in error.schema_errors]
            return self._lenient_mistake(value) if lenient else "; ".join(mistakes)
        return None

    def _lenient_mistake(self, value: Any) -> str | None:
        try:
            self._lenient.validate(value)
        except InvalidSchemaValue as error:
            return "; ".join(_describe(each) for each in error.schema_errors)
        return None


def _describe(error: Any) -> str:
    # The value may be a card number in the wrong place, so messages that quote it are not used.
    place = ".".join(str(part) for part in error.absolute_path)
    at = f"{place}: " if place else ""
    match error.validator:
        case "type":
            types = error.validator_value
            return f"{at}not of type {types if isinstance(types, str) else ' or '.join(types)}"
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
    infer("undocumented-input")
    # A name is shown only when it looks like one.
    shown = sorted(name for name in names if name.isidentifier() and len(name) <= 50)
    return f"{', '.join(shown) or 'a field'} not documented"


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
        self._type = _type_of(schema)
        # It is sent as `name[key]`.
        self.is_deep = style == "deepObject"
        item_type = _type_of(schema / "items") if "items" in schema else ""
        self._convert = _CONVERSIONS.get(item_type if self._type == "array" else self._type, str)

    def read(self, location: Mapping[str, Any], into: dict[str, Any]) -> str | None:
        """Read the parameter, if it was sent. Returns what is wrong with it, if anything is."""
        try:
            raw = self._load(self._explode, self.name, self._type, location)
        except KeyError:
            return f"{self.name}: missing" if self.required else None
        except (ValueError, TypeError, AttributeError):
            return f"{self.name}: not in the documented style"
        if self._type != "array" and self.location == "query":
            sent = cast("ImmutableMultiDict[str, str]", location).getlist(self.name)
            if len(sent) > 1:
                infer("strict-input")
                return f"{self.name}: sent more than once"
        try:
            value = raw if self.is_deep else [*map(self._convert, raw)] if self._type == "array" else self._convert(raw)
        except ValueError as error:
            return f"{self.name}: {error}"
        mistake = self._schema.mistake(value)
        if mistake:
            return f"{self.name}: {mistake}"
        into[self.name] = value
        return None


def _type_of(schema: SchemaPath) -> str:
    """The JSON type of a schema; null beside another type does not count."""
    types = (schema / "type").read_value() if "type" in schema else ""
    if isinstance(types, str):
        return types
    return next((str(each) for each in types if each != "null"), "")


def _integer(text: str) -> int:
    # int() accepts blanks, underscores and digits of other scripts, too.
    digits = text[1:] if text.startswith("-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError("not of type integer")
    return int(text)


def _number(text: str) -> Any:
    try:
        value = json_values.decode(text.encode())
    except ValueError:
        value = None
    if isinstance(value, bool | str | list | dict) or value is None:
        raise ValueError("not of type number")
    return value


def _boolean(text: str) -> bool:
    # openapi-core accepts "True" and "yes" as well.
    if text not in ("true", "false"):
        infer("strict-input")
        raise ValueError("neither true nor false")
    return text == "true"


_CONVERSIONS: dict[str, Callable[[str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}


class BodyCheck:
    """The bodies that an operation takes or returns, by media type."""

    def __init__(self, root: SchemaPath, content: SchemaPath) -> None:
        factory = MediaTypeDeserializersFactory.from_schema_casters_factory(oas31_schema_casters_factory)
        self._checks: dict[str, tuple[Callable[[bytes], Any], SchemaCheck]] = {}
        for media_type in content.str_keys():
            schema = content / media_type / "schema"
            if "schema" not in content / media_type:
                continue
            if media_type == FORM:
                read: Callable[[bytes], Any] = _form
            else:
                read = factory.create(
                    root,
                    media_type,
                    schema=schema,
                    extra_media_type_deserializers={JSON: json_values.decode},
                ).deserialize
            self._checks[media_type] = (read, SchemaCheck(root, schema))

    def read(self, body: bytes, content_type: str, *, lenient: bool) -> Any:
        """Read a request's body.

        Raises:
            Problem: it is not as documented.
        """
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in self._checks:
            expected = " or ".join(self._checks)
            raise invalid(f"Content-Type: not {expected}.")
        read, schema = self._checks[media_type]
        try:
            value = read(body)
        except (DeserializeError, ValueError) as error:
            raise invalid(f"The body is not {media_type}.") from error
        mistake = schema.mistake(value, lenient=lenient)
        if mistake:
            raise invalid(f"The body is not as documented: {mistake}.")
        return value

    def mistake(self, value: Any) -> str | None:
        """Describe what is wrong with the JSON data of a response; None when nothing is."""
        if JSON not in self._checks:
            return f"JSON is not documented, but {', '.join(self._checks)}"
        return self._checks[JSON][1].mistake(value)


def _form(body: bytes) -> dict[str, str]:
    pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(body))
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field is sent twice")
    return fields


class OperationCheck:
    """Everything that the spec says about one operation's requests and responses."""

    def __init__(self, root: SchemaPath, document: Document, entry: OperationEntry) -> None:
        item = root / "paths" / entry.template
        operation = item / entry.method.lower()
        self._parameters = [
            ParameterCheck(root, parameter)
            for node in (operation, item)
            if "parameters" in node
            for parameter in node / "parameters"
        ]
        self._query_names = {each.name for each in self._parameters if each.location == "query"} | _keys(
            document, "query"
        )
        self._header_names = {name.lower() for name in _keys(document, "header")}
        self._header_names |= {each.name.lower() for each in self._parameters if each.location == "header"}
        self._deep = {each.name for each in self._parameters if each.is_deep}
        self._body: BodyCheck | None = None
        self._body_required = False
        if "requestBody" in operation:
            body = operation / "requestBody"
            self._body = BodyCheck(root, body / "content")
            self._body_required = (body / "required").read_bool(default=False)
        responses = operation / "responses"
        statuses = list(responses.str_keys())
        self._responses = {
            str(status): BodyCheck(root, responses / status / "content")
            for status in statuses
            if "content" in responses / status
        }
        self._without_content = set(map(str, statuses)) - set(self._responses)
        self.success_status = _success_status(set(map(str, statuses)))
        requirements = document.operation(entry).get("security", document.content.get("security", ()))
        self.security: tuple[tuple[str, ...], ...] = tuple(tuple(each) for each in requirements)
        """Names of security schemes: a request has to satisfy all of one of the tuples."""

    def read(
        self, target: str, variables: dict[str, str], query: str, headers: Mapping[str, str],
        body: bytes, *, lenient: bool = False,
    ) -> Call:  # fmt: skip
        """Check a request and read it.

        Raises:
            Problem: it is not as documented; the message names every mistake in path, query and headers.
        """
        pairs = parse_qsl(query, keep_blank_values=True)
        call = Call(target=target, pairs=pairs)
        locations: dict[str, tuple[Mapping[str, Any], dict[str, Any]]] = {
            "path": ({name: unquote(text) for name, text in variables.items()}, call.path),
            "query": (ImmutableMultiDict(pairs), call.query),
            "header": (cast("Mapping[str, Any]", Headers(headers)), call.header),
        }
        mistakes = [
            mistake
            for parameter in self._parameters
            if parameter.location in locations and (mistake := parameter.read(*locations[parameter.location]))
        ]
        unknown = {name for name, _ in pairs if name.partition("[")[0] not in self._deep} - self._query_names
        if unknown:
            mistake = _undocumented(unknown)
            if not lenient:
                mistakes.append(mistake)
        if mistakes:
            raise invalid("; ".join(mistakes) + ".")
        if self._body is None:
            if body:
                infer("strict-input")
                raise invalid("A body is not documented here.")
        elif body:
            call.body = self._body.read(body, headers.get("content-type", ""), lenient=lenient)
        elif self._body_required:
            raise invalid("The body is missing.")
        return call

    def refuse_headers(self, headers: Mapping[str, str]) -> None:
        """Refuse undocumented headers, whose names are in lower case."""
        unknown = {name for name in headers if name not in self._header_names and not _HTTP_HEADER.fullmatch(name)}
        if unknown:
            infer("undocumented-input")
            # A name is shown only when it looks like one.
            shown = ", ".join(sorted(name.title() for name in unknown if _HEADER_NAME.fullmatch(name)))
            raise invalid(f"the header {shown} is not documented." if shown else "a header is not documented.")

    def has_content(self, status: int) -> bool:
        """Whether a response with this status has a body."""
        return str(status) in self._responses or str(status) not in self._without_content

    def response_mistake(self, status: int, data: Any) -> str | None:
        """Describe what is wrong with the JSON data of a successful response; None when nothing is."""
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in self._responses:
                return self._responses[key].mistake(data)
            if key in self._without_content:
                return None
        return f"status {status} is not documented"


def _keys(document: Document, location: str) -> set[str]:
    """Names of credentials that are sent in the query, or in headers."""
    schemes = document.content.get("components", {}).get("securitySchemes", {}).values()
    return {each["name"] for each in map(document.resolve, schemes) if each.get("in") == location}


def _success_status(statuses: set[str]) -> int:
    documented = sorted(int(status) for status in statuses if status.isdigit() and status.startswith("2"))
    return 200 if not documented or 200 in documented else documented[0]


class Specification:
    """One document with the checks of its operations, built when they are first needed."""

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
                    found = OperationCheck(self._root, self.document, entry)
                    self._checks[entry.operation_id] = found
        return found

    def error_mistake(self, data: Any) -> str | None:
        """Describe what is wrong with the body of an error, if the spec has a schema `Error`."""
        with self._lock:
            if self._error is None:
                schema = self._root / "components" / "schemas" / "Error"
                if not schema.exists():
                    return None
                self._error = SchemaCheck(self._root, schema)
        return self._error.mistake(data)
