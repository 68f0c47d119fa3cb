"""The API explorer: Swagger UI with the specs of all APIs, whose requests go to the sandbox.

`swagger-ui/` has files of the npm package swagger-ui-dist, unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import yaml

from invigilate.sandbox.api import Api
from invigilate.sandbox.documents import LOADER, Document, walk
from invigilate.sandbox.examples import build
from invigilate.sandbox.exchange import Exchange, Response
from invigilate.sandbox.json_values import is_object
from invigilate.sandbox.local import LocalService, refuse_web_pages
from invigilate.sandbox.problems import NOT_FOUND, WRONG_METHOD, Problem
from invigilate.sandbox.registry import ApiEntry

_FORM = "application/x-www-form-urlencoded"
_TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css"}
_FILES = ("index.html", "explorer.js", "explorer.css", "swagger-ui/swagger-ui-bundle.js", "swagger-ui/swagger-ui.css")


class Explorer(LocalService):
    """Serves the page, the specs and valid credentials, to browsers on this machine.

    Args:
        entries: the APIs.
        apis: what serves them, by key.
    """

    def __init__(self, entries: tuple[ApiEntry, ...], apis: Mapping[str, Api[Any]]) -> None:
        super().__init__("docs")
        self._entries = entries
        self._apis = apis
        self._pages: dict[str, Callable[[], Response]] = {f"/{name}": _page(name) for name in _FILES}
        self._pages["/"] = self._pages.pop("/index.html")
        self._pages["/settings.json"] = lambda: Response.json(self._settings())
        for entry in entries:
            self._pages[f"/specs/{entry.key}.json"] = self._spec(entry)

    def respond(self, exchange: Exchange) -> Response:
        """See `Service`."""
        try:
            refuse_web_pages(exchange.headers, self.base_url)
            if exchange.path not in self._pages:
                raise Problem(404, NOT_FOUND, "There is no such page.")
            if exchange.method not in ("GET", "HEAD"):
                raise Problem(405, WRONG_METHOD, "The page can only be read.", {"Allow": "GET, HEAD"})
            response = self._pages[exchange.path]()
        except Problem as problem:
            response = self.refuse(problem)
        servers = " ".join(api.base_url for api in self._apis.values())
        response.headers |= {
            "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            f"connect-src 'self' {servers}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        return response

    def _settings(self) -> dict[str, object]:
        apis = [
            {
                "key": entry.key,
                "title": entry.title,
                "url": self._apis[entry.key].base_url,
                "credentials": self._apis[entry.key].state.credentials,
            }
            for entry in self._entries
        ]
        return {"apis": apis}

    def _spec(self, entry: ApiEntry) -> Callable[[], Response]:
        def respond() -> Response:
            api = self._apis[entry.key]
            # A copy of its own: the one that the sandbox works with is shared, and its patterns are Python's.
            content = yaml.load(entry.spec, Loader=LOADER)
            document = Document(entry.key, content, ())
            content["servers"] = [{"url": api.base_url, "description": "The sandbox on this machine."}]
            for key, node in walk(content):
                if key == _FORM:
                    fields = document.resolve(node["schema"]).get("properties", {})
                    for name, value in api.state.environment.items():
                        if name in fields:
                            fields[name] = {**document.resolve(fields[name]), "example": value}
                if is_object(node) and {"name", "in", "schema"} <= node.keys():
                    _prefill(document, node, api.state.identifiers)
            return Response.json(content)

        return respond


def _page(name: str) -> Callable[[], Response]:
    content_type = f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8"
    return lambda: Response(200, files(__name__).joinpath(name).read_bytes(), {"Content-Type": content_type})


def _prefill(document: Document, parameter: dict[str, Any], identifiers: Mapping[str, str]) -> None:
    """Have the form filled in with what a request needs, and with nothing else.

    Swagger UI fills in all examples and defaults. Those of filters would hide most rows, so they become part of the
    description.
    """
    schema = document.resolve(parameter["schema"])
    if not parameter.get("required"):
        notes = (("Example", parameter.pop("example", None)), ("Default", schema.get("default")))
        shown = [f"{name}: `{json.dumps(value)}`." for name, value in notes if value is not None]
        parameter["description"] = " ".join([parameter.get("description", ""), *shown]).strip()
        parameter["schema"] = {name: value for name, value in schema.items() if name != "default"}
    elif "example" not in parameter:
        many = schema.get("type") == "array"
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", parameter["name"].removesuffix("[]")).lower()
        known = identifiers.get(name.removesuffix("s") if many else name)
        parameter["example"] = build(document, schema) if known is None else [known] if many else known
