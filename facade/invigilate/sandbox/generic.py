"""An API without behavior of its own: credentials by its security schemes, and responses from its spec."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode

from .api import Control
from .cursors import Cursors
from .documents import Document, OperationEntry, walk
from .examples import build, example_of, success_media
from .identifiers import Mint
from .inventions import infer
from .json_values import is_array, is_object
from .options import Options
from .problems import AUTHENTICATION_FAILED, Problem
from .registry import ApiEntry
from .validation import Call

ROWS = 25
"""Number of rows of a list that is read page by page."""
_DEFAULT_LIMIT = 10
_MESSAGES = ("message", "detail", "description", "title", "error", "error_description")


class ExampleState:
    """What is known of such an API: the credentials that the sandbox issued."""

    def __init__(self, entry: ApiEntry, document: Document, options: Options) -> None:
        mint = Mint(options.seed, f"api/{entry.key}")
        self.token = mint.secret("token")
        self.client_id = mint.uuid("client")
        self.client_secret = mint.secret("client")
        self._document = document
        self._entry = entry
        components = document.content.get("components", {})
        schemes = components.get("securitySchemes", {})
        self._schemes = {name: document.resolve(each) for name, each in schemes.items()}
        self._error = _error_schema(document)

    @property
    def environment(self) -> Mapping[str, str]:
        """See `State`."""
        credentials = {"client_id": self.client_id, "client_secret": self.client_secret}
        return {
            option: self._default(option) if option in self._entry.defaults else credentials.get(option, self.token)
            for option, _ in self._entry.variables
            if option != "base_url"
        }

    @property
    def identifiers(self) -> Mapping[str, str]:
        """See `State`."""
        return {}

    @property
    def credentials(self) -> Mapping[str, str]:
        """See `State`."""
        return dict.fromkeys(self._schemes, self.token)

    @property
    def controls(self) -> Mapping[str, Control]:
        """See `State`."""
        return {}

    def authenticate(self, headers: Mapping[str, str], query: str, security: tuple[tuple[str, ...], ...]) -> None:
        """See `State`."""
        if not any(all(self._holds(name, headers, query) for name in names) for names in security):
            infer("example-credentials")
            raise Problem(401, AUTHENTICATION_FAILED, "The credentials are missing or invalid.")

    def anticipate(self, operation_id: str, call: Call) -> None:
        """See `State`."""

    def close(self) -> None:
        """See `State`."""

    def render_error(self, problem: Problem) -> dict[str, object]:
        """See `State`."""
        if self._error is None:
            return {"code": problem.code, "message": problem.message, "status": problem.status}
        return _error_body(self._document, self._error, problem)

    def _default(self, option: str) -> str:
        for _, node in walk(self._document.content):
            if is_object(node) and node.get("x-client-default") == option and "in" in node:
                return str(node["example"] if "example" in node else build(self._document, node["schema"]))
        return ""

    def _holds(self, name: str, headers: Mapping[str, str], query: str) -> bool:
        scheme = self._schemes.get(name, {})
        if scheme.get("type") == "mutualTLS":
            return True
        if scheme.get("type") == "apiKey":
            return self._is_token(_api_key(scheme, headers, query))
        prefix, _, value = headers.get("authorization", "").partition(" ")
        if str(scheme.get("scheme", "bearer")).lower() == "basic":
            return prefix.lower() == "basic" and self._is_pair(value)
        return prefix.lower() == "bearer" and self._is_token(value.strip())

    def _is_token(self, value: str) -> bool:
        return hmac.compare_digest(value.encode(), self.token.encode())

    def _is_pair(self, encoded: str) -> bool:
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return (user, password) == (self.client_id, self.client_secret) or self.token in (user, password)


def respond(document: Document, state: object, entry: OperationEntry, call: Call) -> object:
    """Respond to a valid request with the example of its operation, or with a page of copies of it."""
    infer("example-response")
    media = success_media(document, entry)
    if media is None:
        return None
    data = example_of(document, media)
    pagination = document.operation(entry).get("x-pagination")
    if pagination is not None:
        # An API with behavior of its own may have cursors that it can expire.
        cursors = getattr(state, "cursors", None) or Cursors(document.name)
        return _page(document, entry, call, data, pagination, cursors)
    if is_object(data) and "access_token" in data and isinstance(state, ExampleState):
        return {**data, "access_token": state.token}
    return data


def _page(
    document: Document, entry: OperationEntry, call: Call, example: Any, pagination: Mapping[str, Any], cursors: Cursors
) -> object:
    parameters, fields = pagination["parameters"], pagination["fields"]
    sent = {**(call.body if is_object(call.body) else {}), **call.query}
    has_cursor = pagination["type"] == "cursor"
    position = parameters["cursor" if has_cursor else "offset"]
    start = sent.get(position, 0)
    if has_cursor:
        start = max(cursors.read(entry.operation_id, sent.get(position)), 0)
    limit = sent.get(parameters.get("limit"), _default_limit(document, entry, parameters.get("limit")))
    rows_field = fields.get("rows")
    found = example.get(rows_field) if is_object(example) and rows_field else example
    samples: list[Any] = found if is_array(found) and found else [{}]
    rows = [_numbered(samples[index % len(samples)], index) for index in range(ROWS)][start : start + limit]
    if not is_object(example) or rows_field is None:
        return rows
    page: dict[str, Any] = {**example, rows_field: rows}
    end = start + len(rows)
    more = len(rows) > 0 and end < ROWS
    if "total" in fields:
        page[fields["total"]] = ROWS
    if has_cursor:
        # Where it is documented under several names, the first one is sent.
        names = [fields["cursor"]] if isinstance(fields["cursor"], str) else fields["cursor"]
        for name in names:
            page.pop(name, None)
        if more:
            page[names[0]] = cursors.issue(entry.operation_id, end)
    elif "next" in fields:
        others = [pair for pair in call.pairs if pair[0] != position]
        page.pop(fields["next"], None)
        if more:
            page[fields["next"]] = f"{call.base_url}{call.target}?{urlencode([*others, (position, end)])}"
    return page


def _default_limit(document: Document, entry: OperationEntry, name: str | None) -> int:
    for parameter in document.parameters(entry):
        if parameter["name"] == name:
            return int(parameter.get("schema", {}).get("default", _DEFAULT_LIMIT))
    return _DEFAULT_LIMIT


def _numbered(row: Any, index: int) -> Any:
    """A copy of a row with an identifier of its own, if it has one that can be numbered."""
    if not is_object(row):
        return row
    name = next((each for each in ("sid", "id", *row) if each in row and each.lower().endswith("id")), None)
    value = None if name is None else row[name]
    if isinstance(value, int) and not isinstance(value, bool):
        return {**row, name: value + index}
    if isinstance(value, str) and re.search(r"[0-9a-f]{4}\Z", value):
        return {**row, name: f"{value[:-4]}{index:04x}"}
    return row


def _api_key(scheme: Mapping[str, Any], headers: Mapping[str, str], query: str) -> str:
    name = str(scheme.get("name", ""))
    if scheme.get("in") == "query":
        return parse_qs(query).get(name, [""])[0]
    if scheme.get("in") == "cookie":
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(name)
        except CookieError:
            return ""
        return "" if cookie is None else cookie.value
    return headers.get(name.lower(), "")


def _error_schema(document: Document) -> dict[str, Any] | None:
    """The schema of errors: the one called Error, or that of the first error response."""
    found = document.content.get("components", {}).get("schemas", {}).get("Error")
    if found is not None:
        return document.resolve(found)
    for entry in document.operations:
        for status, response in document.operation(entry)["responses"].items():
            media = document.resolve(response).get("content", {}).get("application/json", {})
            if str(status)[0] in "45" and "schema" in media:
                return document.resolve(media["schema"])
    return None


def _error_body(document: Document, schema: dict[str, Any], problem: Problem) -> dict[str, object]:
    body: dict[str, object] = {}
    required = schema.get("required", ())
    for name, node in schema.get("properties", {}).items():
        resolved = document.resolve(node)
        types = resolved.get("type", "string")
        is_number = bool({"integer", "number"} & ({types} if isinstance(types, str) else set(types)))
        if "properties" in resolved:
            body[name] = _error_body(document, resolved, problem)
        elif name in ("status", "code", "statusCode", "status_code"):
            text = problem.code if name == "code" else str(problem.status)
            body[name] = problem.status if is_number else text
        elif name.lower() in _MESSAGES and not is_number:
            body[name] = problem.message
        elif name in required:
            body[name] = build(document, resolved)
    return body
