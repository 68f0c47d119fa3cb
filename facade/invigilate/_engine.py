"""Executes a request without I/O: which steps it takes, what failures mean, and how the response is decoded.

`Execution.steps` is a generator. It yields effects, is sent their results, and returns the response. Sync and async
clients differ only in how they perform an effect.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from ._limits import Timeout
from ._masking import Masker
from ._outcomes import (
    connection_error,
    decoded,
    describe,
    outcome_unknown,
    rejected_certificate,
    request_id,
    status_error,
    undecodable,
)
from ._policy import Outcome, classify, decide, retry_after_seconds
from ._values import (
    AttemptEvent,
    Credentials,
    Failure,
    PreparedRequest,
    RawResponse,
    RequestOptions,
    Response,
    Send,
    Sleep,
    Steps,
    waiting,
)
from .errors import APIConnectionError, APIError, APIStatusError, APITimeoutError, Attempt

logger = logging.getLogger("invigilate")
_ABSENT = frozenset({404, 409, 410})  # what a server says of a change that was made already


class Abandoned(Exception):
    """The caller abandoned the request."""


class Execution:
    """One execution of a request, with its retries.

    Args:
        prepared: the request.
        credentials: supplies the token.
        options: timeout and number of retries.
        deadline: on the monotonic clock.
        error_classes: the error class of a documented code, where the code contradicts the status.
    """

    def __init__(
        self,
        prepared: PreparedRequest,
        credentials: Credentials,
        options: RequestOptions,
        deadline: float | None,
        error_classes: Mapping[str, type[APIStatusError]],
    ) -> None:
        self.prepared = prepared
        self.credentials = credentials
        self.options = options
        self.deadline = deadline
        self.error_classes = error_classes
        self.attempts: list[Attempt] = []
        self.tokens: list[str] = []
        self.send: Send | None = None
        self.in_flight = False
        self.sent = False
        """Whether any attempt may have been received."""
        self.unsettled = False
        """Whether an attempt that failed may have been applied."""
        self.started = time.monotonic()
        self.heard = ""
        """Status and code of the last response, if there was one."""

    def steps(self) -> Steps[RawResponse[object]]:
        """Send the request, retrying it as the policy allows.

        Returns:
            The 2xx response; its `parsed` decodes it.

        Raises:
            APIError: of the class that says what happened.
        """
        try:
            return (yield from self.until_settled())
        except APIError as error:
            if isinstance(error, APIConnectionError):
                # The error of the last attempt, or of a token that was not renewed, knows nothing of earlier attempts.
                error.sent = error.sent or self.sent
            self.masker().mask_chain(error.__cause__)
            raise
        except BaseException as error:
            self.interrupted(error)
            raise

    @property
    def sent_at(self) -> float:
        """When the last attempt began, waits for others not included, on the monotonic clock."""
        return self.started if self.send is None else self.send.began

    def masker(self) -> Masker:
        return Masker([*self.prepared.secrets, *self.tokens, *self.credentials.hidden])

    def time_left(self) -> float | None:
        return None if self.deadline is None else self.deadline - time.monotonic()

    def until_settled(self) -> Steps[RawResponse[object]]:
        """Attempt until the outcome is settled."""
        prepared, renewed = self.prepared, False
        if prepared.secured:
            self.tokens.append((yield from self.credentials.obtain(self.options, self.deadline)))
        while True:
            result = yield from self.attempt()
            self.in_flight = False
            status = result.status_code if isinstance(result, Response) else None
            outcome = classify(status, sent=self.send is None or self.send.sent)
            if isinstance(result, Response) and outcome is Outcome.SUCCEEDED:
                if result.problem is not None:
                    self.note(result, result.problem, Outcome.UNKNOWN, "raise")
                else:
                    self.note(result, "succeeded", outcome, "done")
                return self.succeeded(result)
            if status == 401 and self.tokens:
                self.credentials.reject(self.tokens[-1])
            if (
                status == 401
                and prepared.idempotent
                and prepared.secured
                and self.credentials.renewable
                and not renewed
            ):
                renewed = True
                self.note(result, "the server refused the token; renewing it", outcome, "retry")
                self.tokens.append((yield from self.credentials.obtain(self.options, self.deadline)))
                continue
            yield Sleep(self.wait_or_raise(result, outcome, len(self.attempts) + 1 - renewed))

    def wait_or_raise(self, result: Response | Failure, outcome: Outcome, attempt: int) -> float:
        """Return the seconds to wait before the next attempt, or raise what the failure means."""
        status = result.status_code if isinstance(result, Response) else None
        retry_after = retry_after_seconds(result.headers, time.time()) if isinstance(result, Response) else None
        import random  # late: it takes a tenth of the time to import this library, and most requests need none

        decision = decide(
            idempotent=self.prepared.idempotent,
            outcome=outcome,
            status_code=status,
            attempt=attempt,
            max_retries=self.options.max_retries,
            retry_after=retry_after,
            time_left=self.time_left(),
            jitter=random.random(),
            permanent=isinstance(result, Failure) and (result.permanent or rejected_certificate(result) is not None),
            retry_refused=self.options.retry_refused,
        )
        masker = self.masker()
        what = describe(result, masker)
        if status is not None:
            self.heard = what
        if decision.retry:
            self.unsettled = self.unsettled or outcome is Outcome.UNKNOWN
            self.note(result, what, outcome, "retry", decision.wait)
            return decision.wait
        self.note(result, f"{what}; {decision.reason}", outcome, "raise")
        attempts = tuple(self.attempts)
        error: APIError
        if isinstance(result, Response):
            notice = self.credentials.notice() if status in {401, 403} and self.prepared.secured else None
            if status in _ABSENT and self.unsettled and self.prepared.request.method != "GET":
                notice = "an earlier attempt may have been applied, which would explain it"
            error = status_error(
                self.prepared, result, attempts, masker, self.error_classes, decision.reason, retry_after, notice
            )
        else:
            error = connection_error(self.prepared, result, attempts, what, decision.reason, self.earlier(), self.heard)
        if self.prepared.idempotent or outcome is not Outcome.UNKNOWN:
            raise error
        raise outcome_unknown(self.prepared, error, what if status is None else error.message, self.sent_at)

    def attempt(self) -> Steps[Response | Failure]:
        options, left = self.options, self.time_left()
        wait = options.pace.reserve(time.monotonic(), left) if options.pace else 0.0
        if left is not None and left <= wait:
            when = "would pass" if left > 0 else "passed"
            message = f"the deadline {when} before the request was sent{self.earlier()}"
            raise self.prepared.error(APITimeoutError, message, attempts=tuple(self.attempts), sent=False)
        if wait:
            yield Sleep(wait)
        own = {name.lower() for name in self.prepared.request.headers} if options.headers else ()
        headers = {name: value for name, value in options.headers.items() if name.lower() not in own}
        if self.tokens:
            name, prefix = self.credentials.header
            headers[name] = prefix + self.tokens[-1]
        if getattr(waiting.get(), "abandoned", False):
            raise Abandoned
        timeout = options.timeout if isinstance(options.timeout, Timeout) else Timeout(*[options.timeout] * 4)
        prepared = self.prepared
        reuse = prepared.idempotent and not prepared.fresh
        self.send = Send(prepared.request, headers, timeout, self.deadline, reuse, prepared.template)
        self.in_flight = True
        logger.debug("%s %s: attempt %d", self.prepared.request.method, self.prepared.path, len(self.attempts) + 1)
        result: Response | Failure = yield self.send
        return result

    def succeeded(self, response: Response) -> RawResponse[object]:
        raw = RawResponse[object](
            response,
            tuple(self.attempts),
            self.request_id(response),
            time.monotonic() - self.started,
            self.sent_at,
            lambda raw: decoded(self.prepared, raw),
        )
        if response.problem is not None:
            raise undecodable(self.prepared, raw, response.problem)
        return raw

    def request_id(self, response: Response) -> str | None:
        return request_id(response, lambda value: self.masker().mask(value))

    def note(
        self, result: Response | Failure | None, reason: str, outcome: Outcome, decision: str, wait: float = 0.0
    ) -> None:
        """Record an attempt, log it, and report it to the caller; without a result it was interrupted."""
        status = result.status_code if isinstance(result, Response) else None
        self.sent = self.sent or status is not None or self.send is None or self.send.sent
        self.attempts.append(Attempt(len(self.attempts) + 1, status, reason, wait))
        logger.log(
            logging.INFO if wait else logging.DEBUG,
            "%s%s (%s %s)",
            reason,
            f"; retrying in {wait:.2f} s" if wait else "",
            self.prepared.request.method,
            self.prepared.path,
        )
        if self.options.on_attempt is None:
            return
        elapsed, prepared = time.monotonic() - self.sent_at, self.prepared
        event = AttemptEvent(
            prepared.request.method, prepared.path, prepared.operation, prepared.idempotent, len(self.attempts), status,
            outcome.value, decision, reason, wait, time.time() - elapsed, elapsed,
            self.request_id(result) if isinstance(result, Response) else None,
        )  # fmt: skip
        try:
            self.options.on_attempt(event)
        except Exception:
            logger.exception("on_attempt raised an exception, which is ignored")

    def earlier(self) -> str:
        """Return what is known of the attempts before this one, to complete `nothing was sent`."""
        if not self.sent:
            return ""
        heard = f" ({self.heard})" if self.heard else ""
        return f" this time, but an earlier attempt may have been received{heard}"

    def interrupted(self, error: BaseException) -> None:
        """Log a canceled request that is not idempotent: its error may reach nobody."""
        if self.in_flight and self.send is not None:
            outcome = classify(None, sent=self.send.sent)
            self.note(None, f"interrupted by {type(error).__name__}", outcome, "raise")
        if not self.prepared.idempotent and self.send is not None and self.send.sent:
            logger.error(
                "outcome unknown: interrupted by %s after the request was sent (%s %s)",
                type(error).__name__,
                self.prepared.request.method,
                self.prepared.path,
            )
