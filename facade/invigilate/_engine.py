"""The life of a call, without I/O: which steps it takes, and what its failures mean.

`carry_out` is a generator. It yields steps (`Send`, `Do`), is sent their results, and returns the answer. The sync and
the async connections each perform the same steps in their own way.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from ._masking import Masker
from ._outcomes import describe, outcome_unknown, rejected_certificate, request_id, undecodable, vendor_error
from ._policy import Outcome, classify, decide, retry_after_seconds
from .errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    Attempt,
    IncompleteResultError,
    status_error,
)

if TYPE_CHECKING:
    from ._auth import Credentials
    from ._connection import Answer
    from ._transport import Failure

logger = logging.getLogger("invigilate")
E = TypeVar("E", bound=APIError)
T = TypeVar("T")


reader: ContextVar[Any] = ContextVar("invigilate_reader", default=None)
"""Who waits for the call, if that is known; once its `left` is true, nothing more is sent."""


class Abandoned(Exception):
    """Nobody waits for the call any more."""


class Wire(NamedTuple):
    """What goes over the wire, but for the host and the credentials; see `Request` in the generated packages."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes | None

    def __repr__(self) -> str:
        return f"<Wire {self.method}, {len(self.content or b'')} bytes>"


class Prepared(NamedTuple):
    """A call that has been checked and written out; each attempt sends the same bytes.

    Attributes:
        request: what is sent.
        safe: whether sending it again does no harm.
        secured: whether it needs credentials.
        path: the path as errors show it.
        operation: the operationId, if there is one.
        secrets: what was given in sensitive fields.
        arguments: what was given in other fields.
    """

    request: Wire
    safe: bool
    secured: bool
    path: str
    operation: str | None
    secrets: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = {}  # nobody writes to it

    def __repr__(self) -> str:
        return f"<Prepared {self.request.method} {self.path}>"

    def incomplete(self, message: str) -> IncompleteResultError:
        """The error of a report that ends early."""
        return self.error(IncompleteResultError, message, ())

    def error(self, kind: type[E], message: str, attempts: tuple[Attempt, ...]) -> E:
        """Make an error that names this call."""
        return kind(message, method=self.request.method, path=self.path, operation=self.operation, attempts=attempts)


class Send:
    """Send the request; the result is an `Answer` or a `Failure`.

    `sent` is set as soon as writing begins, `status` as soon as the head of the response is there.

    Without `reuse` it goes over a connection that nothing went over before.
    """

    def __init__(
        self,
        request: Wire,
        credentials: Mapping[str, str],
        timeout: float | None,
        deadline: float | None,
        reuse: bool,
    ) -> None:
        self.request = request
        self.credentials = credentials
        self.timeout = timeout
        self.deadline = deadline
        self.reuse = reuse
        self.sent = False
        self.status: int | None = None

    def perform(self, connections: Any) -> Any:
        """Let the connections do it; gives the result, or a coroutine of it."""
        return connections.send(self)


class Do(NamedTuple):
    """Do what else only the connections can: `wait` some seconds, `acquire` the lock, `call` a token callable."""

    what: str
    argument: Any

    def perform(self, connections: Any) -> Any:
        """See `Send.perform`."""
        return getattr(connections, self.what)(self.argument)


Step = Send | Do


class Reply(NamedTuple):
    """A successful answer, and what it took; `sent_at` is that of the last attempt, on the monotonic clock."""

    answer: Answer
    attempts: tuple[Attempt, ...]
    request_id: str | None
    elapsed: float
    sent_at: float


class Limits(NamedTuple):
    """How long and how often.

    Attributes:
        timeout: seconds to connect, and to wait for each read and write; `None` without limit.
        max_retries: how often a call may be sent again.
        deadline: seconds for a call with all its repeats, or for a pager with all its pages; `None` without limit.
    """

    timeout: float | None
    max_retries: int
    deadline: float | None = None

    def starts(self) -> float | None:
        """When a deadline that begins now will pass, on the monotonic clock."""
        return None if self.deadline is None else time.monotonic() + self.deadline


def carry_out(
    call: Prepared, credentials: Credentials, limits: Limits, deadline: float | None
) -> Generator[Step, Any, Reply]:
    """Take a call to its successful answer.

    Raises:
        APIError: of the class that says what happened.
    """
    life = _Life(call, credentials, limits, deadline)
    try:
        return (yield from life.steps())
    except APIError as error:
        if isinstance(error, APIConnectionError):
            # Of the attempt that failed, or of a token that could not be renewed, it says nothing of earlier attempts.
            error.sent = error.sent or life.written
        life.masker().mask_chain(error.__cause__)
        raise
    except BaseException as error:
        life.interrupted(error)
        raise


class _Life:
    def __init__(self, call: Prepared, credentials: Credentials, limits: Limits, deadline: float | None) -> None:
        self.call = call
        self.credentials = credentials
        self.limits = limits
        self.deadline = deadline
        self.attempts: list[Attempt] = []
        self.tokens: list[str] = []
        self.step: Send | None = None
        self.written = False
        """Whether any attempt may have been received."""
        self.sent_at = time.monotonic()

    def masker(self) -> Masker:
        return Masker([*self.call.secrets, *self.tokens, *self.credentials.hidden])

    def time_left(self) -> float | None:
        return None if self.deadline is None else self.deadline - time.monotonic()

    def steps(self) -> Generator[Step, Any, Reply]:
        started = time.monotonic()
        renewed = False
        if self.call.secured:
            self.tokens.append((yield from self.credentials.obtain(self.limits, self.deadline)))
        while True:
            result = yield from self.attempt()
            status: int | None = getattr(result, "status_code", None)
            sent = True if self.step is None else self.step.sent
            outcome = classify(status, sent=sent)
            if outcome is Outcome.SUCCEEDED:
                self.note(status, "succeeded", 0.0)
                answer = cast("Answer", result)
                reply = Reply(
                    answer,
                    tuple(self.attempts),
                    request_id(answer, lambda text: self.masker().mask(text)),
                    time.monotonic() - started,
                    self.sent_at,
                )
                if answer.flaw is not None:
                    raise undecodable(self.call, reply, answer.flaw)
                return reply
            if status == 401 and self.tokens:
                self.credentials.forget(self.tokens[-1])
            if status == 401 and self.call.safe and self.call.secured and self.credentials.renewable and not renewed:
                renewed = True
                self.note(status, "the token was refused and is renewed", 0.0)
                self.tokens.append((yield from self.credentials.obtain(self.limits, self.deadline)))
                continue
            retry_after = retry_after_seconds(getattr(result, "headers", {}), time.time())
            decision = decide(
                safe=self.call.safe,
                outcome=outcome,
                status_code=status,
                attempt=len(self.attempts) + 1 - renewed,
                max_retries=self.limits.max_retries,
                retry_after=retry_after,
                time_left=self.time_left(),
                jitter=jitter(),
                permanent=getattr(result, "permanent", False) or rejected_certificate(result) is not None,
            )
            what = describe(result, self.masker())
            if not decision.repeat:
                self.note(status, f"{what}; {decision.reason}", 0.0)
                raise self.failure(result, outcome, what, decision.reason, retry_after)
            self.note(status, what, decision.wait)
            yield Do("wait", decision.wait)

    def attempt(self) -> Generator[Step, Any, Answer | Failure]:
        timeout, left = self.limits.timeout, self.time_left()
        if left is not None:
            if left <= 0:
                error = self.error(APITimeoutError, f"the deadline passed before it was sent{self.earlier()}")
                error.sent = False
                raise error
            timeout = left if timeout is None else min(timeout, left)
        headers: dict[str, str] = {}
        if self.tokens:
            name, prefix = self.credentials.header
            headers[name] = prefix + self.tokens[-1]
        if getattr(reader.get(), "left", False):
            raise Abandoned
        self.step = Send(self.call.request, headers, timeout, self.deadline, reuse=self.call.safe)
        self.sent_at = time.monotonic()
        logger.debug("%s %s: attempt %d", self.call.request.method, self.call.path, len(self.attempts) + 1)
        result: Answer | Failure = yield self.step
        return result

    def note(self, status: int | None, reason: str, wait: float) -> None:
        self.written = self.written or status is not None or self.step is None or self.step.sent
        self.attempts.append(Attempt(len(self.attempts) + 1, status, reason, wait))
        logger.log(
            logging.INFO if wait else logging.DEBUG,
            "%s %s: %s%s",
            self.call.request.method,
            self.call.path,
            reason if status is None else f"{status} {reason}",
            f", again in {wait:.2f} s" if wait else "",
        )

    def earlier(self) -> str:
        return " this time, but an earlier attempt may have been received" if self.written else ""

    def failure(self, result: Any, outcome: Outcome, what: str, reason: str, retry_after: float | None) -> APIError:
        status: int | None = getattr(result, "status_code", None)
        plain: APIError
        plain = self.no_answer(result, what, reason) if status is None else self.refused(result, reason, retry_after)
        if self.call.safe or outcome is not Outcome.UNKNOWN:
            return plain
        return outcome_unknown(self.call, plain, what if status is None else plain.message, self.sent_at)

    def no_answer(self, failure: Failure, what: str, reason: str) -> APIConnectionError:
        kind = APITimeoutError if failure.timed_out else APIConnectionError
        sent = "the request may have been received" if failure.sent else f"nothing was sent{self.earlier()}"
        error = self.error(kind, f"{what}, {sent}; {reason}")
        error.sent, error.status_code, error.__cause__ = failure.sent, failure.began_with, failure.error
        return error

    def refused(self, answer: Answer, reason: str, retry_after: float | None) -> APIStatusError:
        masker = self.masker()
        code, message = vendor_error(answer.body)
        parts = [str(answer.status_code)]
        shown = masker.line(code) if code else None
        words = masker.line(message) if message else None
        if shown and shown != parts[0]:  # iSpring's code is the status
            parts.append(shown)
        text = " ".join(parts) + (f": {words}" if words else "")
        if 300 <= answer.status_code < 400:
            text += " (redirects are not followed, so that no token goes elsewhere)"
        if retry_after is not None and (answer.status_code == 429 or "asks to wait" in reason):
            text += f" ({reason if 'asks to wait' in reason else f'retry after {retry_after:.0f} s'})"
        notice = self.credentials.notice() if answer.status_code in {401, 403} and self.call.secured else None
        if notice:
            text += f" ({notice})"
        error = self.error(status_error(answer.status_code), text)
        error.status_code, error.code, error.vendor_message = answer.status_code, shown, words
        error.retry_after = retry_after
        error.request_id = request_id(answer, masker.mask)
        error.body, error.headers = answer.body, answer.headers
        return error

    def error(self, kind: type[E], message: str) -> E:
        return self.call.error(kind, message, tuple(self.attempts))

    def interrupted(self, error: BaseException) -> None:
        """A cancelled call that must not be repeated leaves a trace: nobody may be left to catch its error."""
        if not self.call.safe and self.step is not None and self.step.sent:
            logger.error(
                "%s %s: interrupted by %s after it was sent; the outcome is unknown",
                self.call.request.method,
                self.call.path,
                type(error).__name__,
            )


def jitter() -> float:
    """A random number from 0 to 1."""
    import random  # late: it takes a tenth of the time to import this library, and most calls need none

    return random.random()
