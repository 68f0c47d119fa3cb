"""Traces and metrics of calls with OpenTelemetry.

It needs the extra `otel`: `pip install "invigilate[otel]"`. That installs the API alone; which SDK exports the spans
and metrics, and where to, the application decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from invigilate._clients import BaseClient
from invigilate.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["instrument"]

C = TypeVar("C", bound=BaseClient)


def instrument(
    client: C, *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
) -> C:
    """Trace and measure the calls of a client: `with instrument(SmarterProctoring()) as client`.

    Each call has a span that is current while it runs, with a span of kind `CLIENT` for each attempt. Tokens, bodies,
    queries and personal data are in none of them. Responses are decoded within the span, also those of
    `with_raw_response`.

    Args:
        client: a sync or async client. Views created from it later are traced, too; earlier ones are not.
        tracer_provider: creates the spans; the global one by default.
        meter_provider: creates the metrics; the global one by default.

    Returns:
        The same client.

    Raises:
        ConfigurationError: if the extra is not installed, an argument has another type, or the client is already
            instrumented.
    """
    try:
        from .tracing import Tracing  # late: without the extra, this module can still be imported
    except ImportError:
        raise ConfigurationError('instrument() needs an extra: pip install "invigilate[otel]"') from None
    passed: Any = client
    if not isinstance(passed, BaseClient):
        got = f"the class {passed.__name__}" if isinstance(passed, type) else f"a value of type {type(passed).__name__}"
        raise ConfigurationError(f"client: expected a client of invigilate, got {got}")
    for name, provider, method in (
        ("tracer_provider", tracer_provider, "get_tracer"),
        ("meter_provider", meter_provider, "get_meter"),
    ):
        if provider is not None and not callable(getattr(provider, method, None)):
            expected = "".join(part.capitalize() for part in name.split("_"))
            raise ConfigurationError(f"{name}: expected a {expected}, got a value of type {type(provider).__name__}")
    around: Any = client.around
    # A recording of shapes (`invigilate.drift`) goes on within the trace.
    if around is not None and getattr(around, "around", around) is not None:
        raise ConfigurationError("client: already instrumented")
    tracing = Tracing(client, tracer_provider, meter_provider)
    client.around = tracing if around is None else around.within(tracing)
    return client
