"""Calls described without any I/O: what is sent, and how the response is decoded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeVar, cast

from ._decoding import (
    UndecodableResponse,
    check_complete,
    json_type,
    read_json,
    read_page,
    read_string,
)
from ._encoding import (
    InvalidValue,
    comma_separated,
    dump,
    format_timestamp,
    header_value,
    path_segment,
    query_pairs,
)
from ._types import UNSET

T = TypeVar("T")
R = TypeVar("R")


class Field(NamedTuple):
    """What the specification says of one argument, or of one field of a nested object.

    Attributes:
        name: the Python argument; empty for fields of nested objects.
        wire_name: the documented name.
        location: `path`, `query`, `header` or `body`; empty for fields of nested objects.
        type: `string`, `integer`, `number`, `boolean`, `array`, `object`, `any`, `union`, or one of the special
            strings `timestamp`, `date`, `uuid` and `comma` (comma-separated).
        sid: the name of the SID schema that the pattern comes from.
        fields: fields of an object, or the alternatives of a union.
        additional: an object that allows fields beyond the documented ones.
        client_default: the option of the client that stands in when the argument is not passed.
    """

    name: str
    wire_name: str
    location: str
    type: str
    required: bool = False
    nullable: bool = False
    pattern: str | None = None
    sid: str | None = None
    enum: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    sensitive: bool = False
    items: Field | None = None
    fields: tuple[Field, ...] = ()
    additional: bool = False
    client_default: str | None = None


class Request(NamedTuple):
    """What is sent, except the host and the credentials.

    Attributes:
        method: upper case.
        target: path and query, percent-encoded.
        headers: those that the operation itself needs.
        content: the body, or `None`.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes | None

    def __repr__(self) -> str:
        return f"<Request {self.method}, {len(self.content or b'')} bytes>"


class Pagination(NamedTuple):
    """How an operation pages, as its `x-pagination` declares.

    Attributes:
        type: `offset` (rows are counted) or `cursor` (each page holds the token of the next one).
        rows: the field of the response that holds the rows.
        parameter: the argument that selects the page: an offset, or a token.
        limit: the argument with the page size, if there is one.
        total: the field with the number of all rows, if there is one.
        next: the field that announces another page: anything, or the token of the next page.
    """

    type: Literal["offset", "cursor"]
    rows: str
    parameter: str
    limit: str | None = None
    total: str | None = None
    next: str | None = None


class Operation(NamedTuple, Generic[T]):
    """The static description of an operation.

    Attributes:
        id: its operationId.
        method: upper case.
        path: the documented template.
        idempotent: whether a second, identical request has no further effect (RFC 9110).
        returns: the type of a success.
        read: builds the documented type from decoded JSON.
        documentation: the page that the operation was captured from.
        fields: its arguments: path, query and header parameters, and the fields of the body.
        media: the content type of the body, or `None`.
        body_required: whether a body is sent even if none of its fields was passed.
        pagination: how it pages, if it does.
        secured: whether it needs credentials.
        success: the documented status of a success, if that is 202 or 206, which say less than a success does.
    """

    id: str
    method: str
    path: str
    idempotent: bool
    returns: Literal["object", "array", "string", "none", "any"]
    read: Callable[[Any], T]
    documentation: str
    fields: tuple[Field, ...] = ()
    media: str | None = None
    body_required: bool = True
    pagination: Pagination | None = None
    secured: bool = True
    success: int | None = None

    def __repr__(self) -> str:
        return f"<Operation {self.id}: {self.method} {self.path}>"

    def request(self, arguments: Mapping[str, Any], body: Any = UNSET) -> Request:
        """Encode a request.

        Args:
            arguments: by Python name; `UNSET` is not sent.
            body: the whole body as a model, instead of arguments for its fields.

        Raises:
            ValueError: if a path argument is missing, or a value cannot be written where it is due (`InvalidValue`).
        """
        path = self.path
        query: list[str] = []
        headers: dict[str, str] = {"Accept": "application/json"}
        fields: dict[str, Any] = {} if body is UNSET else dump(body)
        for field in self.fields:
            value = arguments.get(field.name, UNSET)
            if value is UNSET:
                if field.location == "path":
                    raise ValueError(f"{field.name}: a path argument is required")
                continue
            try:
                if field.type == "comma" and isinstance(value, list | tuple):
                    value = comma_separated(value)
                elif field.type == "timestamp" and value is not None:
                    value = format_timestamp(value)
                if field.location == "body":
                    fields[field.wire_name] = dump(value)
                elif field.location == "query":
                    query += query_pairs(field.wire_name, value)
                elif field.location == "header":
                    headers[field.wire_name] = header_value(value)
                else:
                    path = path.replace("{" + field.wire_name + "}", path_segment(value), 1)
            except InvalidValue as error:
                error.argument = field.name
                raise
        content: bytes | None = None
        if self.media is not None and (fields or self.body_required or body is not UNSET):
            headers["Content-Type"] = self.media
            if self.media == "application/json":
                content = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
            else:
                content = "&".join(pair for key in fields for pair in query_pairs(key, fields[key])).encode()
        return Request(self.method, path + ("?" + "&".join(query) if query else ""), headers, content)

    def load(self, value: Any) -> T:
        """Build the documented type from a decoded response.

        Raises:
            UndecodableResponse: if an object or an array is documented and something else came.
        """
        if {"object": dict, "array": list}.get(self.returns, value.__class__) is not value.__class__:
            raise UndecodableResponse(f"expected a JSON {self.returns}, got {json_type(value)}")
        return self.read(value)

    def decode(self, content: bytes, *, status: int = 200, media: str = "application/json") -> T:
        """Build the documented type from a 2xx response.

        Args:
            content: the body.
            status: the HTTP status.
            media: the `Content-Type`; a documented string may also come as `text/plain`.

        Raises:
            UndecodableResponse: if the response is not what is documented.
        """
        if status != self.success:
            check_complete(status)
        if self.returns == "string":
            return self.read(read_string(content, media))
        if self.returns == "none":
            if content.strip():
                raise UndecodableResponse(f"expected no content, got {len(content)} bytes")
            return self.read(None)
        return self.load(read_json(content))


class _Bound:
    __slots__ = ("arguments", "operation")

    def __init__(self, operation: Operation[Any], arguments: Mapping[str, Any]) -> None:
        self.operation = operation
        self.arguments = {key: value for key, value in arguments.items() if value is not UNSET}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.operation.id}({', '.join(self.arguments)})>"


class Call(_Bound, Generic[T]):
    """An operation with the arguments of one call.

    Attributes:
        operation: the operation.
        arguments: the arguments that were passed, by Python name.
        body: the whole body as a model, if it was passed as such.
    """

    __slots__ = ("body",)

    def __init__(self, operation: Operation[T], arguments: Mapping[str, Any], body: Any = UNSET) -> None:
        super().__init__(operation, arguments)
        self.body = body

    def decode(self, content: bytes, *, status: int = 200, media: str = "application/json") -> T:
        """Build the documented type from a 2xx response; see `Operation.decode`."""
        return cast("T", self.operation.decode(content, status=status, media=media))


class PagedCall(_Bound, Generic[R]):
    """An operation that returns rows page by page, with the arguments of one call.

    Attributes:
        operation: the operation.
        arguments: the arguments that were passed, by Python name.
        pagination: how the operation pages.
    """

    __slots__ = ("_read_rows", "pagination")

    def __init__(
        self, operation: Operation[Any], arguments: Mapping[str, Any], read_rows: Callable[[list[Any]], list[R]]
    ) -> None:
        super().__init__(operation, arguments)
        assert operation.pagination is not None
        self.pagination = operation.pagination
        self._read_rows = read_rows

    def decode_page(self, content: bytes, *, status: int = 200) -> tuple[list[R], dict[str, Any]]:
        """Decode one page: its rows, and the other fields of the response.

        Raises:
            UndecodableResponse: if the response is not an object with a list of rows.
        """
        rows, envelope = read_page(content, self.pagination.rows, status)
        return self._read_rows(rows), envelope
