"""A client of another make for the sandbox: http.client and bare sockets, so that it owes our own nothing."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from invigilate.sandbox import KnownSession, Sandbox


@dataclass
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Caller:
    """Sends requests to a sandbox as a client of another make would."""

    sandbox: Sandbox
    connections: dict[str, http.client.HTTPConnection] = field(default_factory=dict)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        url: str | None = None,
    ) -> Reply:
        base = url or self.sandbox.smarterproctoring_url
        if base not in self.connections:
            parts = urlsplit(base)
            self.connections[base] = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
        connection = self.connections[base]
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, response.read(), dict(response.getheaders()))

    def proctoring(self, method: str, path: str, data: object = None, *, install: str | None = None) -> Reply:
        headers = {"token": self.sandbox.token}
        body = None
        if data is not None:
            body = json.dumps(data).encode()
            headers["Content-Type"] = "application/json"
        return self.send(method, f"/v1/installs/{install or self.sandbox.install_sid}{path}", body, headers)

    def report(self, *pairs: tuple[str, str], install: str | None = None) -> Reply:
        query = f"?{urlencode(pairs)}" if pairs else ""
        return self.proctoring("GET", f"/reports/serviceDistribution{query}", install=install)

    def rows(self, *pairs: tuple[str, str]) -> list[dict[str, Any]]:
        """All rows of a report, over all pages."""
        rows: list[dict[str, Any]] = []
        while True:
            page = self.report(*pairs, ("offset", str(len(rows))), ("limit", "100")).json
            rows += page["results"]
            if not page["results"]:
                assert len(rows) == page["total"]
                return rows

    def schedule(self, session: KnownSession, data: object, method: str = "POST") -> Reply:
        path = f"/exams/{session.exam_sid}/sessions/{session.session_sid}"
        return self.proctoring(method, path, data)

    def token(self, **changes: str) -> Reply:
        form = {
            "client_id": self.sandbox.client_id,
            "client_secret": self.sandbox.client_secret,
            "grant_type": "client_credentials",
            **changes,
        }
        return self.send(
            "POST",
            "/api/v3/token",
            urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
            self.sandbox.ispring_url,
        )

    def training(self, data: object, **headers: str) -> Reply:
        return self.send(
            "POST",
            "/job-training/sessions/result/list",
            json.dumps(data).encode(),
            {"Content-Type": "application/json", **headers},
            self.sandbox.ispring_url,
        )

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token().json['access_token']}"}

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()


def exchange_bytes(sandbox: Sandbox, data: bytes) -> bytes:
    """Send bytes, and read until the sandbox ends the connection."""
    address = urlsplit(sandbox.smarterproctoring_url)
    with socket.create_connection((str(address.hostname), address.port or 0), 10) as client:
        client.sendall(data)
        received = b""
        while part := client.recv(65536):
            received += part
        return received
