"""Northfield's gateway for tests: it responds for rooms itself, and forwards everything else to invigilate's sandbox.

`python tests/gateway.py COMMAND...` runs a command with such a gateway in its environment.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from invigilate.sandbox import Sandbox

_SEAT = re.compile(r"/northfield/v1/installs/(\w+)/exams/(\w+)/sessions/(\w+)/seat")
_FORWARDED = ("accept", "content-type", "token")

ROOMS: list[dict[str, Any]] = [
    {"sid": f"NR{number:032x}", "name": f"Room {number}", "building": building, "seats": seats}
    for number, (building, seats) in enumerate(
        [("library", 12), ("library", 40), ("science", 8), ("science", 64), ("arts", 20)], start=1
    )
]


class Gateway:
    """A gateway on loopback, in front of a sandbox of its own.

    Attributes:
        url: its base URL.
        sandbox: the server behind it.
        seats: what was reserved, in order.
        lose_responses: how many of the next seats are reserved without a response.
    """

    def __init__(self) -> None:
        self.sandbox = Sandbox(seed=7)
        self.seats: list[dict[str, Any]] = []
        self.lose_responses = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use it."""
        return {
            "NORTHFIELD_BASE_URL": self.url,
            "SMARTERPROCTORING_TOKEN": self.sandbox.token,
            "SMARTERPROCTORING_INSTALL_SID": self.sandbox.install_sid,
            "EXAM_SID": self.sandbox.exam_sid,
            "SESSION_SID": self.sandbox.session_sid,
        }

    def __enter__(self) -> Self:
        self.sandbox.__enter__()
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.sandbox.__exit__(None, None, None)

    def respond(self, method: str, target: str, token: str | None, body: bytes) -> tuple[int, Any] | None:
        """Status and body of a response of the gateway itself, or `None` for one that is lost."""
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        seat = _SEAT.fullmatch(path)
        if token != self.sandbox.token:
            return 403, {"error": {"code": "FORBIDDEN", "message": "The gateway does not know this token."}}
        if method == "GET" and path == "/northfield/v1/rooms":
            return 200, _page(query)
        if method == "POST" and seat is not None:
            return self._reserve(seat[3], json.loads(body))
        return 404, {"error": {"code": "NOTFOUND", "message": "The gateway has no such path."}}

    def _reserve(self, session_sid: str, wish: dict[str, Any]) -> tuple[int, Any] | None:
        if wish["roomSid"] not in {room["sid"] for room in ROOMS}:
            message = f"There is no such room. The wish was: {wish.get('needs')}"
            return 404, {"error": {"code": "NOROOM", "message": message}}
        self.seats.append({"session": session_sid, **wish})
        if self.lose_responses:
            self.lose_responses -= 1
            return None
        return 201, {"roomSid": wish["roomSid"], "seat": len(self.seats), "doorCode": "4711-example"}


def _page(query: dict[str, list[str]]) -> dict[str, Any]:
    building, seats = query.get("building"), int(query.get("minimumSeats", ["0"])[0])
    found = [room for room in ROOMS if building in (None, [room["building"]]) and room["seats"] >= seats]
    start, size = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["20"])[0])
    return {"total": len(found), "results": found[start : start + size]}


def _handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if not self.path.startswith("/northfield/"):
                self._forward(body)
                return
            response = gateway.respond(self.command, self.path, self.headers["token"], body)
            if response is None:
                self.close_connection = True
                return
            self._send(response[0], json.dumps(response[1]).encode())

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

        def _forward(self, body: bytes) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() in _FORWARDED}
            sandbox = http.client.HTTPConnection(urlsplit(gateway.sandbox.smarterproctoring_url).netloc, timeout=30)
            try:
                sandbox.request(self.command, self.path, body or None, headers)
                response = sandbox.getresponse()
                status, content = response.status, response.read()
            except (OSError, http.client.HTTPException):
                status, content = 502, b'{"error": {"code": "BADGATEWAY"}}'
            finally:
                sandbox.close()
            self._send(status, content)

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


if __name__ == "__main__":
    with Gateway() as running:
        sys.exit(subprocess.run(sys.argv[1:], env={**os.environ, **running.environment}, check=False).returncode)
