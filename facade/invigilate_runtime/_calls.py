"""Calls described without any I/O: what is sent, and how the response is decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any, Generic, Literal, NamedTuple, TypeVar, cast

from ._decoding import check_complete, read_page, read_response
from ._encoding import (
    InvalidValue,
    comma_separated,
    dump,
    encode_body,
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
        location: `path`, `query`, `header`, `body` (a field of it) or `content` (the whole body); empty for fields of
            nested objects.
        type: `string`, `integer`, `number`, `boolean`, `array`, `object`, `any`, `union`, `file`, or one of the special
            strings `timestamp`, `date`, `uuid` and `comma` (comma-separated).
        sid: the name of the SID schema that the pattern comes from.
        minimum: of a number; of a string its length, of an array the number of its items.
        maximum: as `minimum`.
        fields: fields of an object, or the alternatives of a union.
        additional: an object that allows fields beyond the documented ones, or what the specification says of these.
        client_default: the option of the client that stands in when the argument is not passed.
        style: how an array or object is written in a query or header, unless as repeated keys or with commas: `comma`,
            `form`, `deepObject` or `pairs`.
        above: what a number must be larger than.
        below: what a number must be smaller than.
        multiple: what a number must be a multiple of.
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
    fields: Sequence[Field] = ()
    additional: bool | Field = False
    client_default: str | None = None
    style: str = ""
    above: float | None = None
    below: float | None = None
    multiple: float | None = None


class SharedFields(Sequence[Field]):
    """Fields that several descriptions share, or that contain themselves: imported on first use.

    Args:
        module: the module that has them as `FIELDS`, relative to the package.
        package: the package.
    """

    def __init__(self, module: str, package: str | None) -> None:
        self._place = module, package

    @cached_property
    def _fields(self) -> Any:
        return import_module(*self._place).FIELDS

    def __getitem__(self, index: Any) -> Any:
        return self._fields[index]

    def __len__(self) -> int:
        return len(self._fields)


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
        next: the field that announces another page: anything, or the token of the next page. Where it is documented
            under several names, all of them, separated by ` | `.
        columns: the documented fields of a row, in documented order, and the types of the columns that exports have for
            them: `string`, `boolean`, `integer`, `number`, `timestamp` and `json`.
    """

    type: Literal["offset", "cursor"]
    rows: str
    parameter: str
    limit: str | None = None
    total: str | None = None
    next: str | None = None
    columns: tuple[tuple[str, str], ...] = ()


class Operation(NamedTuple, Generic[T]):
    """The static description of an operation.

    Attributes:
        id: its operationId.
        method: upper case.
        path: the documented template.
        idempotent: whether a second, identical request has no further effect (RFC 9110).
        returns: the types of a success, separated by ` | `: the JSON types `object`, `array`, `string`, `null` and
            `any`; `none` (no content), `text` and `bytes`.
        read: builds the documented type from decoded JSON.
        documentation: the page that the operation was captured from.
        fields: its arguments: path, query and header parameters, and the fields of the body.
        media: the content type of the body, or `None`.
        body_required: whether a body is sent even if none of its fields was passed.
        pagination: how it pages, if it does.
        secured: whether it needs credentials.
        success: those of 202 and 206 that are documented; both say less than a success does.
        accept: the documented media types of a success.
        sensitive: the names of all sensitive fields of its request and response in lower case, for objects in the
            request that nothing else describes.
    """

    id: str
    method: str
    path: str
    idempotent: bool
    returns: str
    read: Callable[[Any], T]
    documentation: str
    fields: tuple[Field, ...] = ()
    media: str | None = None
    body_required: bool = True
    pagination: Pagination | None = None
    secured: bool = True
    success: tuple[int, ...] = ()
    accept: str = "application/json"
    sensitive: tuple[str, ...] = ()

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
        headers: dict[str, str] = {"Accept": self.accept}
        whole: Any = {} if body is UNSET else dump(body)
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
                    whole[field.wire_name] = dump(value)
                elif field.location == "content":
                    whole = body = dump(value)
                elif field.location == "query":
                    query += query_pairs(field.wire_name, value, field.style)
                elif field.location == "header":
                    headers[field.wire_name] = header_value(value, field.style)
                else:
                    path = path.replace("{" + field.wire_name + "}", path_segment(value), 1)
            except InvalidValue as error:
                error.argument = field.name
                raise
        content: bytes | None = None
        if self.media is not None and (whole or self.body_required or body is not UNSET):
            # Files are written by field, since a file and a list of strings may look alike.
            headers["Content-Type"], content = encode_body(
                self.media, whole, {field.wire_name: (field.items or field).type for field in self.fields}
            )
        return Request(self.method, path + ("?" + "&".join(query) if query else ""), headers, content)

    def decode(self, content: bytes, *, status: int = 200, media: str = "application/json") -> T:
        """Build the documented type from a 2xx response.

        Args:
            content: the body.
            status: the HTTP status.
            media: the `Content-Type`; a documented string may also come as `text/plain`.

        Raises:
            UndecodableResponse: if the response is not what is documented.
        """
        if status not in self.success:
            check_complete(status)
        return self.read(read_response(content, self.returns, media))


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
