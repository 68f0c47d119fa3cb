"""A client of another make for iSpring Learn in the sandbox, and a receiver of its events."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlencode

from invigilate.sandbox import Sandbox
from tests.support.caller import Caller, Reply
from tests.support.documented import Documented, Parameter

_REGISTER = ("registerWebhook",)
BEFORE: dict[str, tuple[str, ...]] = {
    "updateWebhookSettings": _REGISTER,
    "sendWebhookCode": _REGISTER,
    "enableWebhook": _REGISTER,
    "disableWebhook": _REGISTER,
    "removeWebhook": _REGISTER,
    "subscribeWebhook": _REGISTER,
    "listSubscriptions": _REGISTER,
    "getSubscriber": _REGISTER,
    "confirmWebhook": (*_REGISTER, "sendWebhookCode"),
    "unsubscribeWebhook": (*_REGISTER, "subscribeWebhook"),
    "getTaskStatus": ("updateModuleStatuses",),
}
"""What has to come before an operation that is called with its example."""


def known_to(sandbox: Sandbox) -> dict[str, str]:
    """What the sandbox knows, by the documented name of a parameter."""
    identifiers = {name: value for name, value in sandbox.identifiers.items() if name.endswith("_id")}
    camel = {re.sub("_(.)", lambda match: match[1].upper(), name): value for name, value in identifiers.items()}
    plural = {f"{name}s": value for name, value in camel.items()}
    return {**camel, **plural, "contentId": camel["courseId"], "contentType": "Course", "taskId": "1"}


def required(operation: Documented, sandbox: Sandbox) -> Documented:
    """An operation without filters, with identifiers that the sandbox knows where none is documented."""
    values = known_to(sandbox)
    kept = [each for each in operation.parameters if each.required]
    parameters = [each if each.sample else replace(each, value=_known_value(each, values)) for each in kept]
    return replace(operation, parameters=tuple(parameters))


def _known_value(parameter: Parameter, values: dict[str, str]) -> Any:
    value = values.get(parameter.name.removesuffix("[]"))
    if value is None:
        return parameter.value
    return [value] if isinstance(parameter.value, list) else type(parameter.value)(value)


@dataclass
class Learner:
    """Sends requests with a token. Names of query parameters are as on the wire."""

    sandbox: Sandbox
    caller: Caller

    def __post_init__(self) -> None:
        self.token = str(self.caller.token().json["access_token"])

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> Reply:
        headers = {"Authorization": f"Bearer {self.token}"}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        suffix = f"?{urlencode(query, doseq=True)}" if query else ""
        return self.caller.send(method, path + suffix, data, headers, self.sandbox.ispring_url)

    def get(self, path: str, **query: Any) -> Any:
        reply = self.send("GET", path, **query)
        assert reply.status == 200, reply.body
        return reply.json

    def post(self, path: str, body: Any, **query: Any) -> Any:
        reply = self.send("POST", path, body, **query)
        assert reply.status in (200, 201, 204), reply.body
        return reply.json if reply.body else None

    def walk(self, path: str, rows: str, **query: Any) -> Iterator[list[Any]]:
        """The pages of a list."""
        while True:
            page = self.get(path, **query)
            yield page[rows]
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = page["nextPageToken"]

    def user(self, department: str, login: str, **others: Any) -> str:
        """Create a user; returns the ID."""
        fields = {"login": login, "email": f"{login}@example.com"}
        return str(self.post("/user", {"departmentId": department, "fields": fields, **others}))

    def subscribe(self, receiver: Receiver, *types: str, secret: str | None = "shh", **filters: list[str]) -> None:
        """Register, confirm and subscribe a receiver, whose name is that of its first type."""
        name = {"subscriberName": types[0]}
        self.post("/webhook/register", {**name, "callbackUrl": receiver.url, **({"secret": secret} if secret else {})})
        self.post("/webhook/code/send", name)
        assert self.sandbox.deliveries.settle()
        code = json.loads(receiver.deliveries[-1]["payloads"][0])["code"]
        self.post("/webhook/confirm", {**name, "code": code})
        receiver.clear()
        params = [{"name": key, "value": json.dumps(value)} for key, value in filters.items()]
        for type_ in types:
            self.post("/webhook/subscribe", {**name, "subscription": {"subscriptionType": type_, "params": params}})


@contextmanager
def learning(**options: Any) -> Generator[Learner]:
    """A client of a sandbox of its own, which must make no mistake."""
    with Sandbox(**options) as sandbox:
        caller = Caller(sandbox)
        try:
            yield Learner(sandbox, caller)
        finally:
            caller.close()
        assert sandbox.defects == []


@dataclass
class Receiver:
    """What a receiver got. It responds with `status`."""

    url: str
    status: int = 200
    bodies: list[bytes] = field(default_factory=list[bytes])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    @property
    def deliveries(self) -> list[Any]:
        return [json.loads(each) for each in self.bodies]

    @property
    def events(self) -> list[tuple[str, Any]]:
        return [(each["type"], payload) for each in self.deliveries for payload in each["payloads"]]

    def clear(self) -> None:
        self.bodies.clear()
        self.headers.clear()


@contextmanager
def receiving() -> Generator[Receiver]:
    """A real HTTP server on loopback that receives deliveries."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
            receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/events?source=sandbox")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
