"""A simulated network between the clients and the sandbox: what is written, lost, late, doubled, cut or made up.

It replaces sockets only: connections, HTTP, pools and policies of the library run as they are. What goes wrong with an
exchange is decided when its request is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from invigilate._http.system import Limit, Threads
from invigilate.sandbox.exchange import Exchange, Phase, Response

if TYPE_CHECKING:
    from .world import World

CALL = "x-simulated-call"
"""The header by which the server side knows whose request it received."""
PORTAL = b"<html><head><title>Sign in</title></head><body>Please sign in to this network.</body></html>"
PARTS = 100_000
LATE = 45.0
"""Seconds; longer than the timeouts of the simulated clients."""

# What can go wrong, as the table in docs/guarantees.md says it.
FAULTS = {
    "none": "nothing goes wrong",
    "refused connection": "the connection is refused",
    "hanging connection": "connecting takes longer than the timeout",
    "reset while sending": "the connection is reset at any byte of the request, which may have arrived in whole",
    "reset before the response": "the connection is reset after the request, which may have been applied",
    "response cut": "the connection is closed at any byte of the response",
    "response reset": "the connection is reset at any byte of the response",
    "response in pieces": "the response arrives in up to four pieces with pauses, or after 1xx responses",
    "late response": "the response comes after the timeout",
    "applied later": "no response comes, and the server applies the request seconds or minutes later",
    "gateway error before": "a proxy responds with an error or a redirect, and does not forward the request",
    "gateway error after": "a proxy responds with an error, a redirect or a page after the server applied the request",
    "damaged body": "the body of the response is not JSON, is cut at any byte, or is something else",
    "doubled response": "the response comes twice, at once or seconds later",
    "dead idle connection": "the server closes a kept connection at any time after its response",
    "echo": "the server refuses a request and echoes what it received, credentials included",
    "token refused": "the server refuses the token, or has expired it",
    "clock jump": "the wall clock of the client jumps by up to a day",
    "concurrent editor": "someone else changes the same records",
    "late server": "the server shows, approves or rounds what it applied in a way that no page documents",
    "killed process": "the process is killed at any step, and another one continues from its files",
}
_AFTER = (502, 500, 503, 504, 408, 302, 307, 200, 202)
_BEFORE = (502, 500, 503, 504, 408, 302, 307, 200, 429, 400, 403, 404, 409, 413, 407)
ON_CONNECTING = ("refused connection", "hanging connection")
ON_EXCHANGES = (
    "reset while sending", "reset before the response", "response cut", "response reset", "response in pieces",
    "late response", "applied later", "gateway error before", "gateway error after", "damaged body",
    "doubled response", "dead idle connection", "echo", "token refused",
)  # fmt: skip


@dataclass(slots=True)
class Received:
    """A request that reached the server in whole.

    Attributes:
        call: whose request it was.
        operation: the operationId, once known.
        applied: whether the sandbox executed it.
        charges: how many charges it made.
        status: of the sandbox's response.
        reads: for a read session, the session as it was shown.
    """

    call: str
    at: float
    target: str = ""
    operation: str | None = None
    applied: bool = False
    charges: int = 0
    status: int | None = None
    body: bytes = b""


@dataclass(slots=True)
class Fault:
    """What goes wrong with one exchange."""

    name: str
    part: int = 0
    """Where, in parts of `PARTS`."""
    seconds: float = 0.0
    executes: bool = True
    status: int = 0
    variant: int = 0

    def cut(self, data: bytes) -> int:
        """Return where bytes are cut: any place, before the first and after the last one included."""
        return len(data) * self.part // (PARTS - 1)


class Stream:
    """The client's end of a connection, in place of a socket."""

    def __init__(self, world: World, system: Any) -> None:
        self._world = world
        self._threads = isinstance(system, Threads)
        self._incoming = bytearray()
        self._end: Exception | bool | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._broken = False
        self._closed = False
        self._request = bytearray()
        self._server = Server(world, self)

    # What the library calls.

    async def read(self, limit: Limit | None) -> bytes:
        """See `invigilate._http.streams.Plain`."""
        self._world.step()
        while not self._incoming and self._end is None:
            if limit is None:
                raise BlockingIOError
            await self._wait(limit.left())
        if self._incoming:
            data = bytes(self._incoming)
            self._incoming.clear()
            return data
        if isinstance(self._end, Exception):
            raise self._end
        return b""

    async def write(self, data: bytes, limit: Limit | None) -> None:
        """See `invigilate._http.streams.Plain`; the library writes a request at once."""
        world = self._world
        world.step()
        if isinstance(self._end, Exception):
            raise ConnectionResetError(104, "reset by the server")
        fault = world.fault_of(data)
        if fault.name == "reset while sending":
            cut = fault.cut(data)
            self._server.receive(data[:cut], fault)
            self.end(ConnectionResetError(104, "reset while sending"))
            if fault.variant:
                raise BrokenPipeError(32, "reset while sending")
            return
        self._server.receive(data, fault)

    def close(self) -> None:
        """See `invigilate._http.streams.Plain`."""
        self._closed = True

    # What the server does.

    def deliver(self, data: bytes) -> None:
        """Let bytes arrive."""
        if self._end is None:
            self._incoming += data
            self._wake()

    def end(self, how: Exception | bool = True) -> None:
        """Close the connection, or reset it with an error."""
        if self._end is None:
            self._end = how
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, seconds: float) -> None:
        clock = self._world.clock
        until = clock.now + seconds
        if self._threads:
            if not clock.step(until):
                raise TimeoutError("the server was not ready in time")
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
        if clock.now >= until and not self._incoming and self._end is None:
            raise TimeoutError("the server was not ready in time")


class Server:
    """The server's end of a connection: reads requests, and lets the sandbox respond to them."""

    def __init__(self, world: World, stream: Stream) -> None:
        self._world, self._stream = world, stream
        self._buffer = bytearray()
        self._exchanges = 0

    def receive(self, data: bytes, fault: Fault) -> None:
        """Let bytes of a request arrive; a whole one is responded to after a while."""
        self._buffer += data
        head, separator, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not separator:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        del self._buffer[: len(head) + 4 + length]
        method, target, _ = lines[0].split(" ", 2)
        received = Received(headers.pop(CALL, ""), self._world.clock.now, target)
        self._world.received.append(received)
        body = rest[:length]
        self._world.clock.after(
            self._world.latency(), lambda: self._respond(method, target, headers, body, received, fault)
        )

    def _respond(
        self, method: str, target: str, headers: dict[str, str], body: bytes, received: Received, fault: Fault
    ) -> None:
        stream, clock = self._stream, self._world.clock

        def execute() -> bytes:
            return self._execute(method, target, headers, body, received)

        if fault.name == "none":
            stream.deliver(execute())
        elif fault.name == "reset while sending":
            execute()
        elif fault.name == "reset before the response":
            if fault.executes:
                execute()
            stream.end(ConnectionResetError(104, "reset by the server"))
        elif fault.name == "applied later":
            clock.after(fault.seconds, lambda: execute() and None)
            if fault.variant:
                stream.end(ConnectionResetError(104, "reset by the server"))
        elif fault.name == "late response":
            data = execute()
            clock.after(LATE + fault.seconds, lambda: stream.deliver(data))
        elif fault.name in {"response cut", "response reset"}:
            data = execute()
            stream.deliver(data[: fault.cut(data)])
            stream.end(fault.name == "response cut" or ConnectionResetError(104, "reset by the server"))
        elif fault.name == "response in pieces":
            self._in_pieces(execute(), fault)
        elif fault.name == "doubled response":
            data = execute()
            stream.deliver(data)
            if fault.variant:
                clock.after(fault.seconds, lambda: stream.deliver(data))
            else:
                stream.deliver(data)
        elif fault.name == "dead idle connection":
            stream.deliver(execute())
            how = not fault.variant or ConnectionResetError(104, "reset by the server")
            clock.after(fault.seconds, partial(stream.end, how))
        elif fault.name in {"gateway error before", "gateway error after"}:
            if fault.name == "gateway error after":
                execute()
            stream.deliver(_gateway(fault, clock.server()))
        elif fault.name == "damaged body":
            stream.deliver(_damaged(execute(), fault))
        elif fault.name == "token refused":
            stream.deliver(_json(401 if fault.variant else 403, {"code": "AUTHENTICATIONFAILED"}, clock.server()))
        elif fault.name == "echo":
            # Without what marks it as a token: a JWT and a `Bearer` would be masked by their looks.
            credentials = (headers.get("token") or headers.get("authorization") or "none").removeprefix("Bearer ")
            text = body.decode("utf-8", "replace")
            seen = (credentials, text[fault.cut(text.encode()) // 2 :], target, f"{credentials} {text}")[fault.variant]
            problem = {"code": "INVALIDINPUT", "message": f"refused: {seen[:300]}", "status": 400, "seen": seen}
            stream.deliver(_json((400, 403, 422, 404)[fault.status % 4], problem, clock.server()))
        else:
            raise AssertionError(fault.name)
        self._exchanges += 1

    def _in_pieces(self, data: bytes, fault: Fault) -> None:
        if fault.variant > 1:
            data = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * fault.variant + data
        cuts = sorted({0, fault.cut(data), fault.cut(data) // 2, len(data)})
        for number, (start, end) in enumerate(pairwise(cuts)):
            piece = data[start:end]
            self._world.clock.after(number * fault.seconds / 8, partial(self._stream.deliver, piece))

    def _execute(self, method: str, target: str, headers: dict[str, str], body: bytes, received: Received) -> bytes:
        world = self._world
        exchange, response = world.execute(method, target, headers, body)
        received.operation, received.applied = exchange.operation_id, exchange.applied
        received.status, received.body = response.status, response.body
        received.charges = world.new_charges()
        headers_of = {"Date": formatdate(world.clock.server(), usegmt=True), **response.headers}
        return Response(response.status, response.body, headers_of).to_bytes(close=False)


class Peer:
    """The sandbox's view of a connection."""

    exchanges = 0

    def send(self, data: bytes) -> None:
        """Write nothing: the network writes."""

    def wait(self, seconds: float) -> bool:
        """Wait for nothing."""
        return False


def exchange_with(
    api: Any, method: str, target: str, headers: dict[str, str], body: bytes
) -> tuple[Exchange, Response]:
    """Let the sandbox respond to a request, without a socket."""
    path, _, query = target.partition("?")
    exchange = api.open(method, path, query, headers, Peer())
    api.identify(exchange)
    api.reach(Phase.ANNOUNCED, exchange)
    exchange.body = body
    response = api.respond(exchange)
    api.reach(Phase.SENT, exchange)
    api.reach(Phase.OVER, exchange)
    return exchange, response


def _json(status: int, data: object, at: float) -> bytes:
    return Response.json(data, status, {"Date": formatdate(at, usegmt=True)}).to_bytes(close=False)


def _gateway(fault: Fault, at: float) -> bytes:
    statuses = _AFTER if fault.name == "gateway error after" else _BEFORE
    status = statuses[fault.status % len(statuses)]
    headers = {"Content-Type": "text/html", "Date": formatdate(at, usegmt=True)}
    if status in {429, 503} and fault.variant:
        headers["Retry-After"] = str(fault.variant)
    if status in {302, 307}:
        headers["Location"] = "http://127.0.0.1:9/elsewhere"
    return Response(status, PORTAL, headers).to_bytes(close=False)


def _damaged(data: bytes, fault: Fault) -> bytes:
    """Replace the body; its length is right."""
    head, _, body = data.partition(b"\r\n\r\n")
    body = (b"", body[: fault.cut(body)], b"\xff\xfe" + body, PORTAL)[fault.variant]
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length:")]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body


def connector(world_now: Callable[[], World]) -> Any:
    """Return what replaces `connect`, for whichever world runs."""

    async def connect(system: Any, host: str, port: int, limit: Limit) -> Stream:
        world = world_now()
        world.step()
        fault = world.fault_on_connecting()
        if fault == "refused connection":
            raise ConnectionRefusedError(111, "refused")
        if fault == "hanging connection":
            if isinstance(system, Threads):
                world.clock.sleep(limit.left())
            else:
                await asyncio.sleep(limit.left())
            raise TimeoutError("the server was not ready in time")
        return Stream(world, system)

    return connect
