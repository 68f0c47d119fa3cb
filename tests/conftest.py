"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest

from tests.support.prism import Prism, PrismError
from tests.support.recorder import Answerer, Recorder, forward_to

# Time limits per example fail on a busy machine and find nothing here.
hypothesis.settings.register_profile("invigilate", deadline=None)
hypothesis.settings.register_profile("invigilate-ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("invigilate-ci" if os.environ.get("CI") == "true" else "invigilate")

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
OURS = ("SMARTERPROCTORING_", "ISPRING_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the credentials of whoever runs it, nor goes through their proxy."""
    for name in list(os.environ):
        if name.startswith(OURS) or name.upper() in PROXIES:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """What async tests run on. A test of both parametrizes it: ["asyncio", "trio"]."""
    return "asyncio"


@pytest.fixture(scope="session")
def prism() -> Iterator[Callable[[Path], Prism]]:
    """Prism serving a spec: `prism(path).url`. Started once for each spec."""
    running: dict[Path, Prism] = {}
    with ExitStack() as stack:

        def serve(spec: Path) -> Prism:
            spec = spec.resolve()
            if spec not in running:
                try:
                    running[spec] = stack.enter_context(Prism(spec))
                except PrismError as error:
                    pytest.fail(str(error))
            return running[spec]

        yield serve


@pytest.fixture
def wire() -> Iterator[Callable[[str | Answerer], Recorder]]:
    """A recorder before a server, `wire(prism(path).url)`, or with answers, `wire(function)`."""
    with ExitStack() as stack:

        def record(upstream: str | Answerer) -> Recorder:
            answer = forward_to(upstream) if isinstance(upstream, str) else upstream
            return stack.enter_context(Recorder(answer))

        yield record
