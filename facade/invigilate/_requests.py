"""Encodes calls into requests: those that a specification describes, and raw ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from invigilate_runtime import UNSET, Call, Field, InvalidValue, Operation, PagedCall, Pagination, load_json

from ._checks import check_arguments
from ._masking import sensitive_values, shown_path, strings_within
from ._pagination import STRATEGIES, Page, first_position
from ._values import Decode, PreparedRequest
from .errors import InvalidArgumentError, InvalidSidError

AnyCall = Call[Any] | PagedCall[Any]

_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+/?")
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
# No server takes longer ones, and httpx reports them as a failure of the connection.
_LONGEST_TARGET = 60_000
OFFSET = Pagination("offset", rows="results", parameter="offset", limit="limit", total="total", next="next")
"""The paging of `paginate()` unless another one is passed."""


def prepare(
    call: AnyCall, defaults: Mapping[str, Any], *, check_sids: bool, page: Mapping[str, Any] | None = None
) -> PreparedRequest:
    """Check a call and encode its request.

    Args:
        call: the call.
        defaults: what the client supplies, by the name of its option.
        check_sids: whether SIDs must match their documented patterns.
        page: the argument that selects the page, instead of the caller's.

    Raises:
        InvalidArgumentError: if an argument is wrong.
        ConfigurationError: if a required argument was passed neither to the call nor to the client.
    """
    operation: Operation[Any] = call.operation
    decode: Decode = call.decode if isinstance(call, Call) else _page_decoder(call)
    # Of the idempotent POSTs, those that return data: others set a state, which may be an empty one.
    returns_data = operation.method == "POST" and bool({"array", "object"} & {*operation.returns.split(" | ")})
    reading = operation.idempotent and (operation.method == "GET" or returns_data)
    arguments = check_arguments(operation.fields, call.arguments, defaults, check_sids=check_sids, reading=reading)
    # A file is read once, however often the call is sent.
    call.arguments.update(
        {field.name: arguments[field.name] for field in operation.fields if _has_file(field, arguments)}
    )
    arguments.update(page or {})
    body = getattr(call, "body", UNSET)
    try:
        request = operation.request(arguments, body)
    except InvalidValue as error:
        # Also of SIDs that are not checked: they must still stay within their segment of the path.
        sid = any(field.sid and field.name == error.argument for field in operation.fields)
        wrong = InvalidSidError if sid else InvalidArgumentError
        position = "" if error.position is None else f"[{error.position}]"
        raise wrong((error.argument or "arguments") + position, error.expected, error.passed) from None
    except (ValueError, TypeError, RecursionError) as error:
        # Only what the specification leaves open gets here, such as a set within a free-form object.
        name = "json" if body is not UNSET else "arguments"
        raise InvalidArgumentError(name, "values with a JSON form", type(error).__name__) from None
    if len(request.target) > _LONGEST_TARGET:
        raise InvalidArgumentError("arguments", f"a URL of at most {_LONGEST_TARGET} characters", "a longer one")
    secrets = [
        *sensitive_values(operation.fields, arguments, operation.sensitive),
        *strings_within([] if body is UNSET else [body]),
    ]
    shown = {
        field.name: arguments[field.name] for field in operation.fields if field.name in arguments and _plain(field)
    }
    return PreparedRequest(
        request=request,
        decode=decode,
        idempotent=operation.idempotent,
        secured=operation.secured,
        path=shown_path(request.target, secrets),
        operation=operation.id or None,
        secrets=tuple(secrets if operation.id else (value for value in secrets if len(value) >= 4)),
        arguments=shown,
        template=operation.path if operation.id else "",
    )


def _has_file(field: Field, arguments: Mapping[str, Any]) -> bool:
    return field.name in arguments and "file" in {field.type, field.items.type if field.items else ""}


def _plain(field: Any) -> bool:
    """Whether a value of a field, items included, holds nothing that may be sensitive."""
    itself = not field.sensitive and field.type not in {"object", "union", "any", "file"}
    return itself and (field.items is None or _plain(field.items))


def _page_decoder(call: PagedCall[Any]) -> Decode:
    start = first_position(call)
    offset = start if isinstance(start, int) else 0  # of the first page; pagers count on

    def decode(content: bytes, *, status: int, media: str) -> Page[Any]:
        rows, envelope = call.decode_page(content, status=status)
        return Page(rows, offset, envelope, call.pagination, call.arguments.get(call.pagination.limit or ""))

    return decode


def _unchanged(value: Any) -> Any:
    return value


class _RawCall(Call[Any]):
    def decode(self, content: bytes, *, status: int = 200, media: str = "application/json") -> Any:
        """Decode JSON, `None` without content, or else a string; any 2xx will do."""
        if not content.strip():
            return None
        try:
            return load_json(content)
        except (ValueError, RecursionError):
            return content.decode("utf-8", "replace")


def raw_call(
    method: str,
    path: str,
    params: Mapping[str, Any] | None,
    *,
    body: Any = None,
    idempotent: bool | None = None,
    pagination: Pagination | None = None,
) -> Any:
    """Describe a call that no specification describes.

    Args:
        method: GET, HEAD, POST, PUT, PATCH or DELETE.
        path: relative to the base URL, beginning with `/`; no query, no `.` or `..`.
        params: the query; a list becomes repeated keys, `None` raises.
        body: sent as JSON unless it is `None`.
        idempotent: whether a second, identical request has no further effect; by default only that of GET and HEAD.
        pagination: how the response pages, if it does.

    Raises:
        InvalidArgumentError: if the path could leave the base URL.
    """
    method = str(method).upper()
    if method not in _METHODS:
        raise InvalidArgumentError(
            "method", f"one of {', '.join(_METHODS)}", repr(method[:20]) if method.isalpha() else "another string"
        )
    check_path(path)
    if pagination is not None and (
        pagination.type not in STRATEGIES or (pagination.type == "cursor" and not pagination.next)
    ):
        expected = "the type offset, or the type cursor with `next`, the field that holds the token"
        raise InvalidArgumentError("pagination", expected, f"the type {pagination.type}")
    arguments = {_argument(name): value for name, value in (params or {}).items()}
    names = [*(params or {}), *([pagination.parameter] if pagination else [])]
    if pagination is not None:
        limit = pagination.limit and _argument(pagination.limit)
        pagination = pagination._replace(parameter=_argument(pagination.parameter), limit=limit)
    operation = Operation[Any](
        id="",
        method=method,
        path=path,
        idempotent=method in {"GET", "HEAD"} if idempotent is None else idempotent,
        returns="any",
        read=_unchanged,
        documentation="",
        # Nothing says which values are sensitive, so all are.
        fields=tuple(
            Field(_argument(name), str(name), "query", "any", sensitive=True) for name in dict.fromkeys(names)
        ),
        media=None if body is None else "application/json",
        pagination=pagination,
    )
    if pagination is not None:
        return PagedCall(operation, arguments, list)
    return _RawCall(operation, arguments, UNSET if body is None else body)


def _argument(name: str) -> str:
    return f"params[{name!r}]"


def check_path(path: object) -> None:
    """Check that a path stays below the base URL.

    Raises:
        InvalidArgumentError: if it does not.
    """
    expected = "a relative path like /v1/installs/..., without query"
    if not isinstance(path, str):
        raise InvalidArgumentError("path", expected, f"a value of type {type(path).__name__}")
    if "://" in path or path.startswith("//"):
        raise InvalidArgumentError("path", expected, "an absolute URL")
    if "?" in path or "#" in path:
        raise InvalidArgumentError("path", expected, "a path with a query or fragment", "Pass the query as `params`")
    decoded = unquote(path)
    if not _PATH.fullmatch(path) or re.search(r"[\x00\r\n\\]", decoded) or decoded.count("/") != path.count("/"):
        raise InvalidArgumentError("path", expected, "another string")
    if {".", ".."} & set(decoded.split("/")):
        raise InvalidArgumentError("path", expected, "a path with `.` or `..`")
