"""The spans and metrics of a call and its attempts. Only this module imports OpenTelemetry.

It sees the effects of the engine: each `Send` is an attempt. Whatever OpenTelemetry raises is logged and ignored, so
that it never changes how a call ends.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import context, metrics, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from invigilate._clients import BaseClient
from invigilate._engine import Abandoned
from invigilate._masking import shown_path
from invigilate._policy import Outcome, classify
from invigilate._values import Failure, PreparedRequest, RawResponse, Response, Send, Steps
from invigilate._version import __version__
from invigilate.errors import APIError, InvigilateError, OutcomeUnknownError, ResponseDecodeError
from invigilate_runtime import Request

logger = logging.getLogger("invigilate")

Attributes = dict[str, str | bool | int | float]

# Those of the semantic conventions for HTTP.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_ATTEMPTS = (1, 2, 3, 4, 5, 10)

_entered: ContextVar[None] = ContextVar("invigilate_entered")


@contextmanager
def _harmless() -> Generator[None, None, None]:
    try:
        yield
    except Exception:
        logger.exception("OpenTelemetry raised an exception, which is ignored")


@contextmanager
def _current(span: Span) -> Generator[None, None, None]:
    token = context.attach(trace.set_span_in_context(span))
    mark = _entered.set(None)
    try:
        yield
    finally:
        # An abandoned call may be closed by another task or thread, where there is nothing to restore.
        with suppress(ValueError):
            _entered.reset(mark)
            context.detach(token)


class Tracing:
    """Runs the steps of the calls of a client within spans; see `instrument`."""

    def __init__(self, client: BaseClient, tracer_provider: Any, meter_provider: Any) -> None:
        self.api = type(client).__name__.removeprefix("Async")
        self.base_url = client.base_url
        url = urlsplit(client.base_url)
        port = url.port or (443 if url.scheme == "https" else 80)
        self.server: Attributes = {"server.address": url.hostname or "", "server.port": port}
        self.tracer = trace.get_tracer("invigilate", __version__, tracer_provider)
        meter = metrics.get_meter("invigilate", __version__, meter_provider)
        self.request_duration = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.call_duration = meter.create_histogram(
            "invigilate.call.duration",
            "s",
            "Duration of calls, with their retries and waits.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.call_attempts = meter.create_histogram(
            "invigilate.call.attempts",
            "{attempt}",
            "Attempts that calls took.",
            explicit_bucket_boundaries_advisory=_ATTEMPTS,
        )
        self.call_outcomes = meter.create_counter("invigilate.call.outcomes", "{call}", "Calls by their outcome.")

    def start(self, name: str, kind: SpanKind, attributes: Attributes) -> Span:
        """Start a span below the current one."""
        span: Span = trace.INVALID_SPAN
        with _harmless():
            span = self.tracer.start_span(name, kind=kind, attributes=attributes)
        return span

    def __call__(self, prepared: PreparedRequest, steps: Steps[RawResponse[Any]]) -> Steps[RawResponse[Any]]:
        """Run the steps of a call."""
        call = _Call(self, prepared)
        with _current(call.span):
            try:
                raw = yield from _observed(call, steps)
            except BaseException as error:
                call.end(error)
                raise
            try:
                raw.parsed  # noqa: B018  # decoded here for the span to show a failure, which the caller finds later
            except APIError as error:
                call.end(error)
            else:
                call.end(None, raw.request_id)
            return raw


def _observed(call: _Call, steps: Steps[RawResponse[Any]]) -> Steps[RawResponse[Any]]:
    try:
        effect = next(steps)
        while True:
            attempt = _Attempt(call, effect) if isinstance(effect, Send) else None
            try:
                with _current(attempt.span) if attempt else nullcontext():
                    result = yield effect
            except BaseException as error:
                if attempt:
                    attempt.end(error)
                effect = steps.throw(error)
            else:
                if attempt:
                    attempt.end(result)
                effect = steps.send(result)
    except StopIteration as done:
        raw: RawResponse[Any] = done.value
        return raw


class _Call:
    def __init__(self, tracing: Tracing, prepared: PreparedRequest) -> None:
        self.tracing, self.prepared = tracing, prepared
        self.requests: list[Request] = []
        """What was sent: also requests for a token."""
        self.outcome = Outcome.NOT_SENT
        self.labels: Attributes = {"invigilate.api": tracing.api}
        if prepared.operation:
            self.labels["invigilate.operation"] = prepared.operation
        else:
            self.labels["http.request.method"] = prepared.request.method
        name = prepared.operation or prepared.request.method
        self.span = tracing.start(
            name, SpanKind.INTERNAL, {**self.labels, "invigilate.idempotent": prepared.idempotent}
        )
        self.started = time.monotonic()

    def end(self, error: BaseException | None, request_id: str | None = None) -> None:
        seconds = time.monotonic() - self.started
        attempts = sum(request is self.prepared.request for request in self.requests)
        if isinstance(error, OutcomeUnknownError | ResponseDecodeError):
            self.outcome = Outcome.UNKNOWN
        labels: Attributes = {**self.labels, "invigilate.outcome": self.outcome.value}
        shown: Attributes = {"invigilate.outcome": self.outcome.value, "invigilate.attempts": attempts}
        if isinstance(error, APIError):
            request_id = error.request_id
            code = getattr(error.__cause__ if isinstance(error, OutcomeUnknownError) else error, "code", None)
            if code:
                shown["invigilate.vendor_code"] = code
        if request_id:
            shown["invigilate.request_id"] = request_id
        failed = {"error.type": type(error).__qualname__} if error else {}
        with _harmless():
            self.span.set_attributes({**shown, **failed})
            if isinstance(error, Exception) and not isinstance(error, Abandoned):
                # Messages of others may quote anything.
                self.span.set_status(
                    Status(StatusCode.ERROR, str(error) if isinstance(error, InvigilateError) else None)
                )
            elif error and self.outcome is Outcome.UNKNOWN and not self.prepared.idempotent:
                # Otherwise an interrupted call is not a failure: its caller no longer needs the result.
                lost = f"outcome unknown: interrupted by {type(error).__name__} after the request was sent"
                self.span.set_status(Status(StatusCode.ERROR, lost))
            self.span.end()
        with _harmless():
            self.tracing.call_duration.record(seconds, {**labels, **failed})
            self.tracing.call_attempts.record(attempts, labels)
            self.tracing.call_outcomes.add(1, labels)


class _Attempt:
    def __init__(self, call: _Call, send: Send) -> None:
        self.call, self.send = call, send
        request, tracing = send.request, call.tracing
        self.own = request is call.prepared.request
        path = call.prepared.path if self.own else shown_path(request.target)
        self.labels: Attributes = {"http.request.method": request.method, **tracing.server}
        if send.template:
            self.labels["url.template"] = send.template
        attributes: Attributes = {**self.labels, "url.full": tracing.base_url + path}
        resent = sum(each is request for each in call.requests)
        if resent:
            attributes["http.request.resend_count"] = resent
        call.requests.append(request)
        self.span = tracing.start(f"{request.method} {send.template}".rstrip(), SpanKind.CLIENT, attributes)
        self.started = time.monotonic()

    def end(self, result: Response | Failure | BaseException) -> None:
        seconds = time.monotonic() - self.started
        status, problem = None, ""
        if isinstance(result, Response):
            status = result.status_code
            problem = str(status) if status >= 400 else ResponseDecodeError.__name__ if result.problem else ""
        elif isinstance(result, Failure):
            status, problem = result.interrupted, type(result.error).__qualname__
        else:
            problem = type(result).__qualname__
        outcome = classify(status if isinstance(result, Response) else None, sent=self.send.sent)
        if self.own and outcome is not Outcome.NOT_SENT:
            self.call.outcome = outcome
        ended: Attributes = {}
        if status is not None:
            ended["http.response.status_code"] = status
        if problem:
            ended["error.type"] = problem
        with _harmless():
            self.span.set_attributes(ended)
            if problem and not isinstance(result, BaseException):
                self.span.set_status(Status(StatusCode.ERROR))
            self.span.end()
        with _harmless():
            self.call.tracing.request_duration.record(seconds, {**self.labels, **ended})
