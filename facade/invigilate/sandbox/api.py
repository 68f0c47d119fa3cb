"""From a request to its response: the same steps for every API."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from .behaviours import Behaviour
from .documents import Document, OperationEntry
from .exchange import Connection, Exchange, Interceptor, Phase, Response
from .inventions import HEADER, infer, inferring
from .json_values import is_array, is_object
from .problems import DEFECT, NOT_FOUND, WRONG_METHOD, Problem, invalid
from .records import Defect, Journal
from .validation import Call, OperationCheck, Specification

_CHECKED_ROWS = 200

Control = Callable[[Mapping[str, str]], object]
"""A function behind the control endpoint. It is passed the variables of its path, and returns JSON data."""


def whole(text: str) -> int:
    """A number in the path of a control request.

    Raises:
        Problem: it is not a whole number.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        raise invalid("The last part of the path has to be a whole number below 10,000,000.")
    return int(text)


class State(Protocol):
    """What an API remembers."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Values for the client options that have environment variables, but for `base_url`."""
        ...

    @property
    def identifiers(self) -> Mapping[str, str]:
        """Identifiers to try things out with, by name."""
        ...

    @property
    def controls(self) -> Mapping[str, Control]:
        """What the control endpoint offers for this API, by method and path: `GET /things/{sid}`."""
        ...

    @property
    def credentials(self) -> Mapping[str, str]:
        """Valid credentials by name of the security scheme."""
        ...

    def authenticate(self, headers: Mapping[str, str], query: str, security: tuple[tuple[str, ...], ...]) -> None:
        """Raise a `Problem` unless the request's credentials are valid.

        Args:
            headers: headers by lower-case name.
            query: query as it was sent.
            security: names of security schemes; all of one of the tuples are needed.
        """

    def anticipate(self, operation_id: str, call: Call) -> None:
        """Change the state before anything else happens to a request."""

    def render_error(self, problem: Problem) -> dict[str, object]:
        """Build the body of an error."""
        ...

    def close(self) -> None:
        """Stop what runs beside requests: the state is no longer used."""


StateT = TypeVar("StateT", bound=State)
Operation = Callable[[StateT, Call], object]


class Operations(Generic[StateT]):
    """The functions that execute operations, by operationId."""

    def __init__(self) -> None:
        self._functions: dict[str, Operation[StateT]] = {}

    def register(self, operation_id: str) -> Callable[[Operation[StateT]], Operation[StateT]]:
        """Register the decorated function for an operation.

        It is passed the state and the checked request, and returns the data of a successful response, or raises a
        `Problem`.
        """

        def add(function: Operation[StateT]) -> Operation[StateT]:
            if operation_id in self._functions:
                raise ValueError(f"{operation_id} is registered already")
            self._functions[operation_id] = function
            return function

        return add

    def __contains__(self, operation_id: object) -> bool:
        """Whether an operation has a function."""
        return operation_id in self._functions

    def find(self, operation_id: str) -> Operation[StateT] | None:
        """The function of an operation."""
        return self._functions.get(operation_id)


class Api(Generic[StateT]):
    """One API: a spec, the functions of its operations, and their state.

    Args:
        specification: the compiled spec.
        operations: the functions.
        fallback: executes an operation that has no function.
        create_state: creates the state that they work on.
        behaviour: how the server behaves.
        defects: where the sandbox's own mistakes go.
        interceptors: what is called at each phase.
        strict: whether responses are checked.

    Attributes:
        base_url: URL of the API, once the sandbox has started.
        state: the current state.
    """

    def __init__(
        self,
        specification: Specification,
        operations: Operations[StateT],
        fallback: Callable[[OperationEntry, Call], object],
        create_state: Callable[[], StateT],
        *,
        behaviour: Behaviour,
        defects: Journal[Defect],
        interceptors: list[Interceptor],
        strict: bool,
    ) -> None:
        self.base_url = ""
        self.state = create_state()
        self._create_state = create_state
        self._specification = specification
        self._operations = operations
        self._fallback = fallback
        self._behaviour = behaviour
        self._defects = defects
        self._interceptors = interceptors
        self._strict = strict

    @property
    def name(self) -> str:
        """The key of the API."""
        return self._document.name

    @property
    def _document(self) -> Document:
        return self._specification.document

    def reset(self) -> None:
        """Return to the initial state."""
        self.close()
        self.state = self._create_state()

    def close(self) -> None:
        """Stop what runs beside requests."""
        self.state.close()

    def open(self, method: str, path: str, query: str, headers: Mapping[str, str], connection: Connection) -> Exchange:
        """Begin an exchange."""
        return Exchange(self.name, method, path, query, headers, connection, self._document, self._refuse_by_fault)

    def reach(self, phase: Phase, exchange: Exchange) -> None:
        """Call the interceptors in order. What one raises ends the connection."""
        for interceptor in tuple(self._interceptors):
            interceptor.reached(phase, exchange)

    def connected(self) -> None:
        """Report to the interceptors that a client has connected."""
        for interceptor in tuple(self._interceptors):
            interceptor.connected(self.name)

    def identify(self, exchange: Exchange) -> None:
        """Find the operation of a request, before its body is read."""
        for entry, _ in self._document.find(exchange.path):
            if entry.method == exchange.method:
                exchange.operation_id = entry.operation_id

    def respond(self, exchange: Exchange) -> Response:
        """Take a request that was read through its phases, up to its response."""
        if self._behaviour.scheduled_before:
            with contextlib.suppress(Problem):
                entry, _, call = self._read(exchange)
                self.state.anticipate(entry.operation_id, call)
        self.reach(Phase.RECEIVED, exchange)
        if exchange.response is None:
            exchange.response = self._validate(exchange)
        self.reach(Phase.APPLIED, exchange)
        return exchange.response

    def _validate(self, exchange: Exchange) -> Response:
        with inferring() as names:
            try:
                entry, check, call = self._read(exchange)
            except Problem as problem:
                return self.refuse(problem, *names)
        exchange.prepare(lambda: self._apply(entry, check, call, names))
        self.reach(Phase.VALIDATED, exchange)
        return exchange.apply() if exchange.response is None else exchange.response

    def refuse(self, problem: Problem, *inferred: str) -> Response:
        """Build the response for a problem, which rests on these inventions."""
        body = self.state.render_error(problem)
        mistake = self._specification.error_mistake(body) if self._strict else None
        if mistake is not None:
            self._defects.add(Defect(self.name, None, f"the body of an error is wrong: {mistake}"))
        return Response.json(body, problem.status, {**problem.headers, **_mark(inferred)})

    def _refuse_by_fault(self, problem: Problem) -> Response:
        return self.refuse(problem, "fault-response")

    def _read(self, exchange: Exchange) -> tuple[OperationEntry, OperationCheck, Call]:
        found = self._document.find(exchange.path)
        if not found:
            infer("unknown-path")
            raise Problem(404, NOT_FOUND, "There is no such path.")
        fitting = [each for each in found if each[0].method == exchange.method]
        if not fitting:
            infer("unknown-path")
            methods = ", ".join(sorted(entry.method for entry, _ in found))
            raise Problem(405, WRONG_METHOD, "The path has no such method.", {"Allow": methods})
        entry, variables = fitting[0]
        try:
            check = self._specification.check(entry)
        except Exception as error:
            raise self._defect(entry, f"cannot read the spec: {error!r}") from error
        if check.security:
            self.state.authenticate(exchange.headers, exchange.query, check.security)
        if self._behaviour.refuses_headers:
            check.refuse_headers(exchange.headers)
        lenient = {"undocumented-input", "*"} & self._behaviour.contrary
        call = check.read(
            exchange.path, variables, exchange.query, exchange.headers, exchange.body, lenient=bool(lenient)
        )
        call.base_url = self.base_url
        return entry, check, call

    def _apply(self, entry: OperationEntry, check: OperationCheck, call: Call, read_with: Iterable[str]) -> Response:
        with inferring() as names:
            names.update(read_with)
            try:
                data = self._execute(entry, call)
                mistake = self._mistake(check, data)
                if mistake is not None:
                    raise self._defect(entry, f"the response is wrong: {mistake}")
            except Problem as problem:
                return self.refuse(problem, *names)
            if not check.has_content(check.success_status):
                return Response(check.success_status, b"", _mark(names))
            return Response.json(data, check.success_status, _mark(names))

    def _execute(self, entry: OperationEntry, call: Call) -> Any:
        function = self._operations.find(entry.operation_id)
        try:
            return self._fallback(entry, call) if function is None else function(self.state, call)
        except Problem:
            raise
        except Exception as error:
            raise self._defect(entry, traceback.format_exc()) from error

    def _mistake(self, check: OperationCheck, data: object) -> str | None:
        return check.response_mistake(check.success_status, _sample(data)) if self._strict else None

    def _defect(self, entry: OperationEntry, message: str) -> Problem:
        infer("sandbox-defect")
        self._defects.add(Defect(self.name, entry.operation_id, message))
        last_line = message.strip().splitlines()[-1]
        return Problem(500, DEFECT, f"{entry.operation_id}: {last_line}")


def _sample(data: Any) -> Any:
    """A response with the first, the last and evenly spread rows of a long list: checking all takes too long."""
    if is_object(data):
        return {name: _sample(value) if is_array(value) else value for name, value in data.items()}
    if not is_array(data) or len(data) <= _CHECKED_ROWS:
        return data
    return [*data[:: len(data) // (_CHECKED_ROWS - 1)], data[-1]]


def _mark(names: Iterable[str]) -> dict[str, str]:
    return {HEADER: ", ".join(sorted(names))} if names else {}
