"""Spans and metrics of calls, as the real SDK of OpenTelemetry exports them, against the sandbox over sockets."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import anyio
import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from invigilate import (
    APIConnectionError,
    AsyncSmarterProctoring,
    AttemptEvent,
    AuthenticationError,
    ConfigurationError,
    InvalidSidError,
    ISpringLearn,
    NotFoundError,
    OutcomeUnknownError,
    ResponseDecodeError,
    SmarterProctoring,
)
from invigilate.otel import instrument
from invigilate.sandbox import Sandbox, faults
from tests.support.endings import BOOKING, CARD, every_mode, report, unsafe, without_backoff  # noqa: F401
from tests.support.modes import INSTALL, TOKEN, Mode, ispring, proctoring, run, settle, wait_for_page_threads
from tests.support.recorder import Answer, RecordedRequest, Recorder

SECRET = "client-secret-never-shown"
MAIL = "ada@example.org"
CHECKLIST = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
SETTINGS = "/v1/installs/{installSid}/settings"


class Telemetry:
    """What was exported."""

    def __init__(self, **options: Any) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers, self.meters = TracerProvider(**options), MeterProvider([self.reader])
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.tracers.get_tracer("tests")

    def on(self, client: Any) -> Any:
        return instrument(client, tracer_provider=self.tracers, meter_provider=self.meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def only(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def below(self, parent: ReadableSpan) -> list[ReadableSpan]:
        assert parent.context
        return [span for span in self.spans if span.parent and span.parent.span_id == parent.context.span_id]

    def metrics(self) -> dict[str, list[Any]]:
        data = self.reader.get_metrics_data()
        scopes = [scope for resource in (data.resource_metrics if data else ()) for scope in resource.scope_metrics]
        return {metric.name: list(metric.data.data_points) for scope in scopes for metric in scope.metrics}

    def text(self) -> str:
        data = self.reader.get_metrics_data()
        return "\n".join([*(span.to_json() for span in self.spans), data.to_json() if data else ""])


@pytest.fixture
def seen(caplog: pytest.LogCaptureFixture) -> Iterator[Telemetry]:
    """Collects; at the end nothing is left current, nothing was logged by OpenTelemetry, and nothing leaked."""
    telemetry = Telemetry()
    yield telemetry
    gc.collect()
    assert context.get_current() == {}
    assert [record.getMessage() for record in caplog.records if record.name.startswith("opentelemetry")] == []
    text = telemetry.text()
    for secret in (TOKEN, CARD, MAIL, SECRET, "?", "issued-"):
        assert secret not in text
    telemetry.tracers.shutdown()
    telemetry.meters.shutdown()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as served:
        yield served
        assert served.defects == []


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def at(sandbox: Sandbox) -> dict[str, Any]:
    return {"url": sandbox.smarterproctoring_url, "token": sandbox.token, "install_sid": sandbox.install_sid}


async def book(client: Any, sandbox: Sandbox) -> Any:
    """Schedule the next session that is still open."""
    session = sandbox.open_sessions[0]
    return await settle(
        client.exam_sessions.schedule(
            exam_sid=session.exam_sid,
            session_sid=session.session_sid,
            type_="b-virtual",
            appointment_date_time="2026-12-07T09:30:00-05:00",
            amount=5,
            card_token=CARD,
        )
    )


def answering(*answers: Answer) -> Callable[[RecordedRequest], Answer]:
    rest = [*answers]
    return lambda request: rest.pop(0) if len(rest) > 1 else rest[0]


@every_mode
def test_a_call_has_a_span_with_one_for_each_attempt(mode: Mode, seen: Telemetry, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with proctoring(mode, **at(sandbox)) as client:
            with (
                seen.tracer.start_as_current_span("request of the application"),
                sandbox.faults.during("getInstallSettings", faults.unavailable(times=1)),
            ):
                await settle(seen.on(client).installs.get_settings())

    run(mode, scenario)
    application, call = seen.only("request of the application"), seen.only("getInstallSettings")
    assert seen.below(application) == [call]
    assert (call.kind, call.status.status_code) == (SpanKind.INTERNAL, StatusCode.UNSET)
    assert attributes(call) == {
        "invigilate.api": "SmarterProctoring",
        "invigilate.operation": "getInstallSettings",
        "invigilate.idempotent": True,
        "invigilate.outcome": "succeeded",
        "invigilate.attempts": 2,
    }
    first, second = seen.below(call)
    url = f"{sandbox.smarterproctoring_url}{SETTINGS.replace('{installSid}', sandbox.install_sid)}"
    common = {
        "http.request.method": "GET",
        "url.full": url,
        "url.template": SETTINGS,
        "server.address": "127.0.0.1",
        "server.port": int(sandbox.smarterproctoring_url.rpartition(":")[2]),
    }
    assert attributes(first) == {**common, "http.response.status_code": 503, "error.type": "503"}
    assert attributes(second) == {**common, "http.response.status_code": 200, "http.request.resend_count": 1}
    for span in (first, second):
        assert (span.name, span.kind) == (f"GET {SETTINGS}", SpanKind.CLIENT)
        assert call.start_time <= span.start_time <= span.end_time <= call.end_time  # type: ignore[operator]
    assert (first.status.status_code, second.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)


@every_mode
def test_an_unknown_outcome(mode: Mode, seen: Telemetry) -> None:
    echo = {"code": "BROKEN", "message": f"{CARD} of {MAIL}"}
    answer = Answer(503, json.dumps(echo).encode(), (("Content-Type", "application/json"), ("X-Request-ID", "r-1")))

    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            with pytest.raises(OutcomeUnknownError) as caught:
                await unsafe(seen.on(client))
            assert seen.only("scheduleExamSession").status.description == str(caught.value)

    with Recorder(answering(answer)) as server:
        run(mode, scenario)
    call = seen.only("scheduleExamSession")
    assert call.status.status_code is StatusCode.ERROR
    assert (call.status.description or "").startswith("outcome unknown: 503 BROKEN")
    assert attributes(call) == {
        "invigilate.api": "SmarterProctoring",
        "invigilate.operation": "scheduleExamSession",
        "invigilate.idempotent": False,
        "invigilate.outcome": "unknown",
        "invigilate.attempts": 1,
        "invigilate.vendor_code": "BROKEN",
        "invigilate.request_id": "r-1",
        "error.type": "OutcomeUnknownError",
    }
    assert call.events == ()
    (attempt,) = seen.below(call)
    assert attributes(attempt)["error.type"] == "503"


@every_mode
def test_a_lost_response(mode: Mode, seen: Telemetry, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with proctoring(mode, **at(sandbox)) as client:
            with (
                sandbox.faults.during("scheduleExamSession", faults.drop_response()),
                pytest.raises(OutcomeUnknownError),
            ):
                await book(seen.on(client), sandbox)

    run(mode, scenario)
    (attempt,) = seen.below(seen.only("scheduleExamSession"))
    assert attributes(attempt)["error.type"] not in {"", "Exception"}
    assert "http.response.status_code" not in attributes(attempt)
    assert attempt.status.status_code is StatusCode.ERROR


@every_mode
def test_a_refusal_has_the_code_of_the_vendor(mode: Mode, seen: Telemetry, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with proctoring(mode, **at(sandbox)) as client:
            with pytest.raises(NotFoundError):
                await settle(seen.on(client).exam_sessions.get(exam_sid="EX" + "1a" * 16, session_sid="ES" + "2b" * 16))

    run(mode, scenario)
    call = seen.only("getExamSession")
    assert attributes(call)["invigilate.outcome"] == "refused"
    assert attributes(call)["invigilate.vendor_code"]
    assert attributes(call)["error.type"] == "NotFoundError"
    assert attributes(seen.below(call)[0])["error.type"] == "404"


@every_mode
def test_a_body_that_cannot_be_decoded_is_found_within_the_span(mode: Mode, seen: Telemetry, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with proctoring(mode, **at(sandbox)) as client:
            traced = seen.on(client)
            with sandbox.faults.during("getInstallSettings", faults.not_json()):
                with pytest.raises(ResponseDecodeError):
                    await settle(traced.installs.get_settings())
                raw = await settle(traced.installs.with_raw_response.get_settings())
                assert raw.status_code == 200
                with pytest.raises(ResponseDecodeError):
                    raw.parsed  # noqa: B018
            with sandbox.faults.during("scheduleExamSession", faults.not_json()), pytest.raises(OutcomeUnknownError):
                await book(traced, sandbox)

    run(mode, scenario)
    for call in [*seen.named("getInstallSettings"), seen.only("scheduleExamSession")]:
        assert call.status.status_code is StatusCode.ERROR
        assert attributes(call)["invigilate.outcome"] == "unknown"
        assert attributes(seen.below(call)[0])["http.response.status_code"] in {200, 201}
    assert len(seen.named("getInstallSettings")) == 2


@every_mode
def test_nothing_was_sent(mode: Mode, seen: Telemetry) -> None:
    with Recorder(answering(Answer())) as server:
        url = server.url

    async def scenario() -> None:
        async with proctoring(mode, url) as client:
            traced = seen.on(client)
            with pytest.raises(APIConnectionError):
                await unsafe(traced)
            with pytest.raises(InvalidSidError):  # refused before there is a call
                await settle(traced.exam_sessions.get(exam_sid="x", session_sid="y"))

    run(mode, scenario)
    call = seen.only("scheduleExamSession")
    assert (attributes(call)["invigilate.outcome"], attributes(call)["invigilate.attempts"]) == ("not sent", 3)
    assert {attributes(span)["error.type"] for span in seen.below(call)} <= {"ConnectionRefusedError", "OSError"}
    assert {span.name for span in seen.spans} == {call.name, seen.below(call)[0].name}


@every_mode
def test_the_span_is_current_in_token_callables_logs_and_callbacks(
    mode: Mode, seen: Telemetry, sandbox: Sandbox
) -> None:
    current: dict[str, Any] = {}
    events: list[AttemptEvent] = []

    def note(name: str) -> None:
        current[name] = trace.get_current_span().get_span_context()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            note("log")

    def token() -> str:
        with seen.tracer.start_as_current_span("token from the vault"):
            return sandbox.token

    def on_attempt(event: AttemptEvent) -> None:
        events.append(event)
        note("callback")

    handler, logger = Handler(), logging.getLogger("invigilate")

    async def scenario() -> None:
        options = {**at(sandbox), "token": token, "on_attempt": on_attempt, "deadline": 20.0}
        async with proctoring(mode, **options) as client:
            await settle(seen.on(client).installs.get_settings())

    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        run(mode, scenario)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    call = seen.only("getInstallSettings")
    assert seen.only("token from the vault") in seen.below(call)
    assert current == {"log": call.context, "callback": call.context}
    assert [(event.number, event.outcome) for event in events] == [(1, "succeeded")]


@every_mode
def test_the_request_for_a_token_is_a_child(mode: Mode, seen: Telemetry) -> None:
    def answer(request: RecordedRequest) -> Answer:
        if "token" in request.path:
            return Answer.of_json({"access_token": "issued-1", "expires_in": 1800, "token_type": "bearer"})
        return Answer.of_json([])

    async def scenario() -> None:
        async with ispring(mode, server.url, client_id="id", client_secret=SECRET) as client:
            await settle(seen.on(client).job_training.list_session_results(checklist_id=CHECKLIST))

    with Recorder(answer) as server:
        run(mode, scenario)
    call = next(span for span in seen.spans if span.parent is None)
    token, request = seen.below(call)
    assert token.name == "POST /api/v3/token"
    assert attributes(token)["url.template"] == "/api/v3/token"
    assert "http.request.resend_count" not in attributes(request)
    assert attributes(call)["invigilate.attempts"] == 1
    assert attributes(call)["invigilate.api"] == "ISpringLearn"


@every_mode
def test_a_token_that_cannot_be_fetched(mode: Mode, seen: Telemetry) -> None:
    async def scenario() -> None:
        async with ispring(mode, server.url, client_id="id", client_secret=SECRET) as client:
            with pytest.raises(AuthenticationError):
                await settle(seen.on(client).job_training.list_session_results(checklist_id=CHECKLIST))

    with Recorder(answering(Answer.of_json({"code": 1, "message": SECRET}, 401))) as server:
        run(mode, scenario)
    call = next(span for span in seen.spans if span.parent is None)
    assert (attributes(call)["invigilate.outcome"], attributes(call)["invigilate.attempts"]) == ("not sent", 0)


@every_mode
def test_raw_requests_have_no_template(mode: Mode, seen: Telemetry) -> None:
    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            await settle(seen.on(client).request("GET", f"/v1/people/{MAIL.replace('@', '%40')}", params={"q": CARD}))

    with Recorder(answering(Answer.of_json({}))) as server:
        run(mode, scenario)
    call, attempt = seen.spans
    assert (call.name, attempt.name) == ("GET", "GET")
    assert attributes(attempt)["url.full"] == f"{server.url}/v1/people/..."
    assert "url.template" not in attributes(attempt)
    assert attributes(call)["http.request.method"] == "GET"
    # No context leaves: the vendors are not sent the IDs of traces.
    assert server.only().header("traceparent") is None


@every_mode
@pytest.mark.parametrize("ahead", [None, 3])
def test_pages_are_calls_also_in_flight(mode: Mode, ahead: int | None, seen: Telemetry, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with proctoring(mode, **at(sandbox)) as client:
            pager = seen.on(client).reports.service_distribution(limit=100)
            with seen.tracer.start_as_current_span("report"):
                rows = await settle((pager.prefetch(ahead) if ahead else pager).collect())
            assert len(rows) > 200

    run(mode, scenario)
    wait_for_page_threads()
    pages = seen.named("getServiceDistribution")
    assert len(pages) == 3
    # System tasks of trio and threads have the context of their caller.
    assert [page.parent and page.parent.span_id for page in pages] == [seen.only("report").context.span_id] * 3
    assert all(len(seen.below(page)) == 1 for page in pages)


@every_mode
def test_a_pager_that_is_abandoned_leaves_no_error(mode: Mode, seen: Telemetry, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with proctoring(mode, **at(sandbox)) as client:
            pager = seen.on(client).reports.service_distribution(limit=10).prefetch(5)
            if mode == "sync":
                for _ in pager:
                    break
            else:
                async for _ in pager:
                    break

    run(mode, scenario)
    wait_for_page_threads()
    gc.collect()
    assert {span.status.status_code for span in seen.spans} == {StatusCode.UNSET}


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("mode", ["asyncio", "trio"])
def test_a_canceled_task(mode: Mode, idempotent: bool, seen: Telemetry) -> None:
    arrived, done = threading.Event(), threading.Event()

    def answer(request: RecordedRequest) -> Answer:
        arrived.set()
        done.wait(10)
        return Answer.of_json({})

    async def scenario() -> None:
        async with proctoring(mode, server.url) as client, anyio.create_task_group() as group:
            traced = seen.on(client)
            group.start_soon((lambda: report(traced)) if idempotent else (lambda: unsafe(traced)))
            while not arrived.is_set():
                await anyio.sleep(0.005)
            group.cancel_scope.cancel()

    with Recorder(answer) as server:
        run(mode, scenario)
        done.set()
    call = next(span for span in seen.spans if span.parent is None)
    assert attributes(call)["invigilate.outcome"] == "unknown"
    assert attributes(call)["error.type"] in {"CancelledError", "Cancelled"}
    assert (call.status.status_code is StatusCode.ERROR) is not idempotent
    if not idempotent:
        assert (call.status.description or "").startswith("outcome unknown: interrupted by Cancel")


def test_a_coroutine_that_is_closed_elsewhere(seen: Telemetry) -> None:
    async def main() -> None:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, base_url=server.url) as client:
            coroutine: Any = seen.on(client).installs.get_settings()
            copy_context().run(coroutine.send, None)  # suspended within the request, in a context of its own
            coroutine.close()
            await asyncio.sleep(0)

    with Recorder(answering(Answer.of_json({}))) as server:
        asyncio.run(main())
    call = seen.only("getInstallSettings")
    assert attributes(call)["error.type"] == "GeneratorExit"
    assert call.status.status_code is StatusCode.UNSET


def test_threads_each_have_their_own_spans(seen: Telemetry, sandbox: Sandbox) -> None:
    def work(number: int) -> None:
        with seen.tracer.start_as_current_span(f"thread {number}"):
            for _ in range(5):
                client.installs.get_settings()

    with seen.on(
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url)
    ) as client:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    for number in range(8):
        calls = seen.below(seen.only(f"thread {number}"))
        assert [call.name for call in calls] == ["getInstallSettings"] * 5
        assert all(len(seen.below(call)) == 1 for call in calls)


def test_views_made_afterwards_inherit_and_others_do_not(seen: Telemetry, sandbox: Sandbox) -> None:
    with SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as client:
        before = client.with_options(max_retries=0)
        installs = client.installs
        assert seen.on(client) is client
        before.installs.get_settings()
        assert seen.spans == []
        installs.get_settings()
        client.with_options(max_retries=0).installs.get_settings()
        client.for_install(sandbox.install_sid).installs.get_settings()
    assert len(seen.named("getInstallSettings")) == 3


def test_without_sampling_there_are_metrics_alone(sandbox: Sandbox) -> None:
    telemetry = Telemetry(sampler=ALWAYS_OFF)
    with telemetry.on(
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url)
    ) as client:
        client.installs.get_settings()
    assert telemetry.spans == []
    assert telemetry.metrics()["invigilate.call.outcomes"][0].value == 1


def test_metrics_have_few_attributes_and_fitting_buckets(seen: Telemetry, sandbox: Sandbox) -> None:
    with seen.on(
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url)
    ) as client:
        with sandbox.faults.during("getInstallSettings", faults.unavailable(times=1)):
            client.installs.get_settings()
        with pytest.raises(NotFoundError):
            client.exam_sessions.get(exam_sid="EX" + "1a" * 16, session_sid="ES" + "2b" * 16)
    metrics = seen.metrics()
    assert set(metrics) == {
        "http.client.request.duration",
        "invigilate.call.duration",
        "invigilate.call.attempts",
        "invigilate.call.outcomes",
    }
    requests = metrics["http.client.request.duration"]
    assert sorted(point.attributes["http.response.status_code"] for point in requests) == [200, 404, 503]
    assert {point.count for point in requests} == {1}
    assert requests[0].explicit_bounds[:2] == (0.005, 0.01)
    for points in metrics.values():
        for point in points:
            assert sandbox.install_sid not in str(dict(point.attributes))
            assert set(point.attributes) <= {
                "http.request.method", "http.response.status_code", "server.address", "server.port", "url.template",
                "error.type", "invigilate.api", "invigilate.operation", "invigilate.outcome",
            }  # fmt: skip
    tried = {point.attributes["invigilate.operation"]: point.sum for point in metrics["invigilate.call.attempts"]}
    assert tried == {"getInstallSettings": 2, "getExamSession": 1}
    outcomes = {point.attributes["invigilate.outcome"]: point.value for point in metrics["invigilate.call.outcomes"]}
    assert outcomes == {"succeeded": 1, "refused": 1}
    for point in metrics["invigilate.call.duration"]:
        assert 0 < point.sum < 30


class Broken(SpanProcessor):
    """A processor of an application that fails whenever it is called."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise ValueError("no disk")

    def on_end(self, span: Any) -> None:
        raise ValueError("no disk")


def test_telemetry_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture, sandbox: Sandbox) -> None:
    telemetry = Telemetry()
    telemetry.tracers.add_span_processor(Broken())
    with telemetry.on(
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url)
    ) as client:
        client.installs.get_settings()
    assert {record.getMessage() for record in caplog.records if record.levelno == logging.ERROR} == {
        "OpenTelemetry raised an exception, which is ignored"
    }


def test_global_providers_are_used_by_default(sandbox: Sandbox) -> None:
    """In a process of its own, since global providers can be set once."""
    script = """
import sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from invigilate import SmarterProctoring
from invigilate.otel import instrument

with instrument(SmarterProctoring(*sys.argv[1:3], base_url=sys.argv[3])) as client:
    client.installs.get_settings()  # without an SDK
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    client.installs.get_settings()
print([span.name for span in exporter.get_finished_spans()])
"""
    command = [sys.executable, "-W", "error", "-c", script, sandbox.token, sandbox.install_sid]
    done = subprocess.run(
        [*command, sandbox.smarterproctoring_url], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stderr, done.stdout) == ("", f"['GET {SETTINGS}', 'getInstallSettings']\n")


def test_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with SmarterProctoring(TOKEN, INSTALL) as client, ISpringLearn("x") as other:
        with pytest.raises(ConfigurationError, match=r"^tracer_provider: expected a TracerProvider, got a value of"):
            instrument(client, tracer_provider="otlp")  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match=r"^meter_provider: expected a MeterProvider, got a value of"):
            instrument(client, meter_provider=TracerProvider())  # type: ignore[arg-type]
        with pytest.raises(
            ConfigurationError, match=r"^client: expected a client of invigilate, got the class Smarter"
        ):
            instrument(SmarterProctoring)  # type: ignore[type-var]
        instrument(client)
        with pytest.raises(ConfigurationError, match=r"^client: already instrumented$"):
            instrument(client.with_options(max_retries=0))
        monkeypatch.delitem(sys.modules, "invigilate.otel.tracing")
        monkeypatch.setitem(sys.modules, "opentelemetry", None)
        with pytest.raises(
            ConfigurationError, match=r'^instrument\(\) needs an extra: pip install "invigilate\[otel\]"$'
        ):
            instrument(other)
