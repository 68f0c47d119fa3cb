"""Fixtures for all tests."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import tempfile
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse IDs that differ from run to run: parallel workers must agree on them."""
    unstable = [item.nodeid for item in items if re.search(r" at 0x[0-9a-f]{6,}", item.nodeid)]
    if unstable:
        raise pytest.UsageError(f"test IDs contain object addresses: {', '.join(unstable)}")


@pytest.fixture(scope="session", autouse=True)
def usual_signals() -> Iterator[None]:
    """Programs that tests start end as usual, whatever signals this run ignores (SIGHUP under nohup, SIGINT in the
    background of a script): an ignored signal stays ignored in a child, one with a handler does not.
    """
    ignored = [number for number in (signal.SIGHUP, signal.SIGINT) if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """A folder that is filled once for all workers: `shared("wheelhouse", fill)`."""
    parent = tmp_path_factory.getbasetemp()
    parent = parent.parent if "PYTEST_XDIST_WORKER" in os.environ else parent

    def get(name: str, fill: Callable[[Path], object]) -> Path:
        folder = parent / f"shared-{name}"
        with (parent / f"shared-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                fresh = Path(tempfile.mkdtemp(dir=parent))
                fill(fresh)
                fresh.rename(folder)
        return folder

    return get


@pytest.fixture(autouse=True)
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests marked `alone` measure time: no other worker runs a test meanwhile."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    folder = tmp_path_factory.getbasetemp().parent  # of all workers
    alone = request.node.get_closest_marker("alone") is not None
    with (folder / "queue.lock").open("w") as queue, (folder / "machine.lock").open("w") as machine:
        # Whoever waits for the machine keeps its place in the queue, so that others cannot overtake it forever.
        fcntl.flock(queue, fcntl.LOCK_EX)
        fcntl.flock(machine, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(queue, fcntl.LOCK_UN)
        yield


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
