"""From a request to its answer: the way that both APIs go."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from .documents import Document, OperationEntry
from .exchange import Answer, Exchange, Interceptor, Phase
from .problems import DEFECT, NOT_FOUND, WRONG_METHOD, Problem
from .records import Defect, Journal
from .validation import Call, OperationCheck, Specification


class State(Protocol):
    """What an API remembers."""

    def authenticate(self, headers: Mapping[str, str]) -> None:
        """Raise a `Problem` unless the request's credentials are good."""


StateT = TypeVar("StateT", bound=State)
Operation = Callable[[StateT, Call], object]


class Operations(Generic[StateT]):
    """The functions that carry operations out, by operationId."""

    def __init__(self) -> None:
        self._functions: dict[str, Operation[StateT]] = {}

    def register(self, operation_id: str) -> Callable[[Operation[StateT]], Operation[StateT]]:
        """Register the decorated function for an operation.

        It takes the state and the checked request, and returns the data of a successful answer with
        status 200, or raises a `Problem`.
        """

        def add(function: Operation[StateT]) -> Operation[StateT]:
            if operation_id in self._functions:
                raise ValueError(f"{operation_id} is registered already")
            self._functions[operation_id] = function
            return function

        return add

    def find(self, operation_id: str) -> Operation[StateT] | None:
        """The function of an operation."""
        return self._functions.get(operation_id)


class Api(Generic[StateT]):
    """One API: a specification, the functions of its operations, and their state.

    Args:
        specification: the compiled specification.
        operations: the functions.
        state: what they work on.
        render_error: makes the body of an error.
        defects: where the sandbox's own mistakes go.
        interceptors: who is asked at each phase.
        strict: whether answers are checked.
        anticipate: is told of each good request before anybody may intervene.
    """

    def __init__(
        self,
        specification: Specification,
        operations: Operations[StateT],
        state: StateT,
        render_error: Callable[[Problem], dict[str, object]],
        *,
        defects: Journal[Defect],
        interceptors: list[Interceptor],
        strict: bool,
        anticipate: Callable[[str, Call], None] | None = None,
    ) -> None:
        self.base_url = ""
        self._specification = specification
        self._operations = operations
        self._state = state
        self._render_error = render_error
        self._defects = defects
        self._interceptors = interceptors
        self._strict = strict
        self._anticipate = anticipate

    @property
    def name(self) -> str:
        """The name of the API's specification."""
        return self._document.name

    @property
    def _document(self) -> Document:
        return self._specification.document

    def reach(self, phase: Phase, exchange: Exchange) -> None:
        """Ask the interceptors, in their order. What one raises ends the connection."""
        for interceptor in tuple(self._interceptors):
            interceptor.reached(phase, exchange)

    def connected(self) -> None:
        """Tell the interceptors that a client has connected."""
        for interceptor in tuple(self._interceptors):
            interceptor.connected(self.name)

    def identify(self, exchange: Exchange) -> None:
        """Find out which operation a request is for, before its body is read."""
        for entry, _ in self._document.find(exchange.path):
            if entry.method == exchange.method:
                exchange.operation_id = entry.operation_id

    def respond(self, exchange: Exchange) -> Answer:
        """Take a request that was read through its phases, up to its answer."""
        if self._anticipate is not None:
            with contextlib.suppress(Problem):
                entry, _, call = self._read(exchange)
                self._anticipate(entry.operation_id, call)
        self.reach(Phase.RECEIVED, exchange)
        if exchange.answer is None:
            try:
                entry, check, call = self._read(exchange)
            except Problem as problem:
                exchange.answer = self.refuse(problem)
            else:
                exchange.prepare(lambda: self._apply(entry, check, call))
                self.reach(Phase.VALIDATED, exchange)
                if exchange.answer is None:
                    exchange.answer = exchange.apply()
        self.reach(Phase.APPLIED, exchange)
        return exchange.answer

    def refuse(self, problem: Problem) -> Answer:
        """The answer that tells of a problem."""
        body = self._render_error(problem)
        mistake = self._specification.error_mistake(body) if self._strict else None
        if mistake is not None:
            self._defects.add(Defect(self.name, None, f"an error's body is wrong: {mistake}"))
        return Answer.json(body, problem.status, problem.headers)

    def _read(self, exchange: Exchange) -> tuple[OperationEntry, OperationCheck, Call]:
        found = self._document.find(exchange.path)
        if not found:
            raise Problem(404, NOT_FOUND, "There is no such path.")
        fitting = [each for each in found if each[0].method == exchange.method]
        if not fitting:
            methods = ", ".join(sorted(entry.method for entry, _ in found))
            raise Problem(405, WRONG_METHOD, "The path has no such method.", {"Allow": methods})
        entry, variables = fitting[0]
        try:
            check = self._specification.check(entry)
        except Exception as error:
            raise self._defect(entry, f"cannot read the specification: {error!r}") from error
        if check.secured:
            self._state.authenticate(exchange.headers)
        call = check.read(exchange.path, variables, exchange.query, exchange.headers, exchange.body)
        call.base_url = self.base_url
        return entry, check, call

    def _apply(self, entry: OperationEntry, check: OperationCheck, call: Call) -> Answer:
        try:
            function = self._operations.find(entry.operation_id)
            if function is None:
                raise self._defect(entry, "the sandbox does not know this operation")
            try:
                data = function(self._state, call)
                answer = Answer.json(data)
            except Problem:
                raise
            except Exception as error:
                raise self._defect(entry, traceback.format_exc()) from error
            mistake = check.answer_mistake(answer.status, data) if self._strict else None
            if mistake is not None:
                raise self._defect(entry, f"the answer is wrong: {mistake}")
            return answer
        except Problem as problem:
            return self.refuse(problem)

    def _defect(self, entry: OperationEntry, message: str) -> Problem:
        self._defects.add(Defect(self.name, entry.operation_id, message))
        last_line = message.strip().splitlines()[-1]
        return Problem(500, DEFECT, f"{entry.operation_id}: {last_line}")
