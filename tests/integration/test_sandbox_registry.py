"""An API of the registry without behavior of its own: served from its spec."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from invigilate.sandbox import Sandbox, faults

REGISTRY = """
[library]
title = "Library"
spec = "library"
package = "library_client"
clients = ["Library", "AsyncLibrary"]
defaults = ["branch_id"]
variables = { api_key = "LIBRARY_API_KEY", branch_id = "LIBRARY_BRANCH_ID", base_url = "LIBRARY_BASE_URL" }
"""
SPEC = """
openapi: 3.1.0
info: {title: Library, version: '1'}
servers: [{url: https://library.example.com}]
security: [{key: []}, {basic: []}]
paths:
  /branches/{branchId}/books:
    get:
      operationId: listBooks
      x-pagination:
        type: offset
        parameters: {offset: skip, limit: take}
        fields: {rows: books, total: count, next: next}
      parameters:
        - name: branchId
          in: path
          required: true
          x-client-default: branch_id
          schema: {$ref: '#/components/schemas/Id'}
        - {name: skip, in: query, schema: {type: integer, minimum: 0}}
        - {name: take, in: query, schema: {type: integer, minimum: 1, default: 10}}
        - {name: genre, in: query, schema: {type: string, enum: [atlas, novel]}}
      responses:
        '200':
          description: A page.
          content:
            application/json:
              schema:
                type: object
                required: [count, books]
                properties:
                  count: {type: integer}
                  next: {type: string}
                  books: {type: array, items: {$ref: '#/components/schemas/Book'}}
              example:
                count: 2
                books:
                  - {id: b0000000000000001, title: Early Maps, genre: atlas}
                  - {id: b0000000000000002, title: Late Maps, genre: atlas}
  /branches/{branchId}/loans:
    post:
      operationId: createLoan
      parameters:
        - {name: branchId, in: path, required: true, schema: {$ref: '#/components/schemas/Id'}}
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [bookId]
              properties: {bookId: {$ref: '#/components/schemas/Id'}, days: {type: integer, minimum: 1}}
      responses:
        '201':
          description: The loan.
          content:
            application/json:
              schema: {$ref: '#/components/schemas/Loan'}
        4XX: {$ref: '#/components/responses/Problem'}
    delete:
      operationId: deleteLoans
      security: [{query: []}]
      parameters:
        - {name: branchId, in: path, required: true, schema: {$ref: '#/components/schemas/Id'}}
      responses:
        '204': {description: Gone.}
  /events:
    get:
      operationId: listEvents
      security: []
      x-pagination:
        type: cursor
        parameters: {cursor: pageToken, limit: pageSize}
        fields: {rows: items, cursor: nextPageToken}
      parameters:
        - {name: pageToken, in: query, schema: {type: string}}
        - {name: pageSize, in: query, schema: {type: integer, minimum: 1}}
      responses:
        '200':
          description: A page.
          content:
            application/json:
              schema:
                type: object
                properties:
                  items: {type: array, items: {type: object, properties: {id: {type: integer}, title: {type: string}}}}
                  nextPageToken: {type: string}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Api-Key}
    basic: {type: http, scheme: basic}
    query: {type: apiKey, in: query, name: key}
  responses:
    Problem:
      description: What went wrong.
      content:
        application/json:
          schema:
            type: object
            required: [error]
            properties:
              error:
                type: object
                properties: {code: {type: integer}, detail: {type: string}, traceId: {type: string}}
  schemas:
    Id: {type: string, pattern: '^b[0-9a-f]{16}$', examples: [b00000000000000ff]}
    Book:
      type: object
      required: [id]
      properties:
        id: {$ref: '#/components/schemas/Id'}
        title: {type: string}
        genre: {type: string, enum: [atlas, novel]}
    Loan:
      type: object
      required: [id, book, due]
      properties:
        id: {type: string, pattern: '^L[0-9]{6}$'}
        book: {$ref: '#/components/schemas/Book'}
        due: {type: string, format: date}
        days: {type: integer, minimum: 7}
        renewals: {type: [array, 'null'], items: {type: string, format: date-time}}
        state: {anyOf: [{type: string, const: open}, {type: 'null'}]}
"""


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    (tmp_path / "library.yaml").write_text(SPEC, encoding="utf-8")
    path = tmp_path / "more.toml"
    path.write_text(REGISTRY, encoding="utf-8")
    return path


@pytest.fixture
def sandbox(registry: Path) -> Iterator[Sandbox]:
    with Sandbox(apis=registry) as running:
        yield running
        assert running.defects == []


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    key = sandbox.environment["LIBRARY_API_KEY"]
    with httpx.Client(base_url=sandbox.base_url_of("library"), headers={"X-Api-Key": key}, trust_env=False) as made:
        yield made


BRANCH = "/branches/b00000000000000ff"


def test_the_environment_has_the_variables_of_the_registry(sandbox: Sandbox) -> None:
    environment = sandbox.environment
    assert environment["LIBRARY_BASE_URL"] == sandbox.base_url_of("library") == sandbox.base_urls["library"]
    assert environment["LIBRARY_BRANCH_ID"] == "b00000000000000ff"
    assert environment["SMARTERPROCTORING_TOKEN"] == sandbox.token
    assert len({urlsplit(url).port for url in sandbox.base_urls.values()}) == 3
    with pytest.raises(ValueError, match="library"):
        sandbox.base_url_of("libary")


def test_pages_by_offset(sandbox: Sandbox, client: httpx.Client) -> None:
    rows: list[dict[str, Any]] = []
    for number in (1, 2, 3):
        response = client.get(f"{BRANCH}/books", params={"skip": len(rows), "genre": "atlas"})
        assert response.headers["X-Sandbox-Inferred"] == "example-response"
        page = response.json()
        rows += page["books"]
        assert page["count"] == 25
        assert ("next" in page) == (number < 3)
        if number < 3:
            assert client.get(page["next"]).json()["books"]
    assert len({row["id"] for row in rows}) == len(rows) == 25
    assert {row["title"] for row in rows} == {"Early Maps", "Late Maps"}
    assert client.get(f"{BRANCH}/books", params={"skip": 25}).json()["books"] == []
    assert len(client.get(f"{BRANCH}/books", params={"take": 100}).json()["books"]) == 25


def test_pages_by_cursor(sandbox: Sandbox) -> None:
    with httpx.Client(base_url=sandbox.base_url_of("library"), trust_env=False) as client:  # needs no credentials
        rows, token = [], ""
        while True:
            page = client.get("/events", params={"pageSize": 7, **({"pageToken": token} if token else {})}).json()
            rows += page["items"]
            if "nextPageToken" not in page:
                break
            token = page["nextPageToken"]
        assert len({row["id"] for row in rows}) == len(rows) == 25
        assert client.get("/events", params={"pageToken": "other"}).status_code == 400


def test_a_response_built_from_its_schema(client: httpx.Client) -> None:
    response = client.post(f"{BRANCH}/loans", json={"bookId": "b00000000000000ff", "days": 3})
    assert response.status_code == 201
    assert response.json() == {
        "id": "L000000",
        "book": {"id": "b00000000000000ff", "title": "string", "genre": "atlas"},
        "due": "2026-01-12",
        "days": 7,
        "renewals": ["2026-01-12T09:00:00Z"],
        "state": "open",
    }


def test_requests_are_checked(client: httpx.Client) -> None:
    for response in (
        client.get(f"{BRANCH}/books", params={"genre": "poem"}),
        client.get(f"{BRANCH}/books", params={"page": 2}),
        client.get("/branches/x/books"),
        client.post(f"{BRANCH}/loans", json={}),
        client.post(f"{BRANCH}/loans", json={"bookId": "b00000000000000ff", "weeks": 3}),
    ):
        assert response.status_code == 400
        # In the shape of the API's own errors.
        error = response.json()["error"]
        assert error["code"] == 400
        assert error["detail"]
    assert client.get("/nothing").status_code == 404
    assert client.patch(f"{BRANCH}/loans").headers["Allow"] == "DELETE, POST"


def test_credentials_by_the_security_schemes(sandbox: Sandbox) -> None:
    key = sandbox.environment["LIBRARY_API_KEY"]
    pair = base64.b64encode(f"user:{key}".encode()).decode()
    wrong = base64.b64encode(b"user:x").decode()
    with httpx.Client(base_url=sandbox.base_url_of("library"), trust_env=False) as client:
        statuses = [
            client.get(f"{BRANCH}/books", headers=headers).status_code
            for headers in (
                {},
                {"X-Api-Key": "x"},
                {"X-Api-Key": sandbox.token},  # of another API
                {"Authorization": f"Basic {wrong}"},
                {"Authorization": "Basic ?"},
                {"Authorization": f"Bearer {key}"},
                {"X-Api-Key": key},
                {"Authorization": f"Basic {pair}"},
            )
        ]
        assert statuses == [401] * 6 + [200] * 2
        refused = client.get(f"{BRANCH}/books")
        assert refused.headers["X-Sandbox-Inferred"] == "example-credentials"
        assert client.delete(f"{BRANCH}/loans", headers={"X-Api-Key": key}).status_code == 401
        response = client.delete(f"{BRANCH}/loans", params={"key": key})
        assert (response.status_code, response.content) == (204, b"")


def test_faults_and_records_know_it(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults.add("library", faults.unavailable(times=1))
    sandbox.faults.add("listBooks", faults.new_enum_values(times=1))
    assert client.post(f"{BRANCH}/loans", json={"bookId": "b00000000000000ff"}).json()["error"]["code"] == 503
    assert {row["genre"] for row in client.get(f"{BRANCH}/books").json()["books"]} == {"New atlas"}
    sandbox.faults.add("listBooks", faults.html_502(times=1))
    assert client.get(f"{BRANCH}/books").status_code == 502
    assert [(each.api, each.operation_id) for each in sandbox.requests] == [
        ("library", "createLoan"),
        ("library", "listBooks"),
        ("library", "listBooks"),
    ]


def test_the_command_serves_it(registry: Path) -> None:
    command = [sys.executable, "-m", "invigilate.sandbox", "--apis", str(registry), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        environment = json.loads(process.stdout.readline())["environment"]
        url = f"{environment['LIBRARY_BASE_URL']}/branches/{environment['LIBRARY_BRANCH_ID']}/books"
        response = httpx.get(url, headers={"X-Api-Key": environment["LIBRARY_API_KEY"]}, trust_env=False)
        assert len(response.json()["books"]) == 10
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[ispring]\nspec = 'library'\npackage = 'x'", "ispring"),
        ("[library]\ntitle = 'Library'", "spec"),
        ("library = 5", "more.toml"),
        ("[library", "more.toml"),
    ],
)
def test_a_registry_that_is_wrong(registry: Path, text: str, expected: str) -> None:
    registry.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=expected):
        Sandbox(apis=registry)
