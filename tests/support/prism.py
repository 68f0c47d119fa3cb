"""Prism, the mock server and validating proxy of the Node tools, serving a spec on loopback while tests run."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Self

from tests.support.recorder import Answerer, forward_to

REPOSITORY = Path(__file__).resolve().parents[2]
PRISM = REPOSITORY / "scripts" / "node" / "node_modules" / ".bin" / "prism"

# Cold, on a busy machine with two cores, Prism takes a few seconds.
READY_WITHIN = 60.0
ATTEMPTS = 3


class PrismError(Exception):
    """Prism is not installed, or did not start. The message holds what it printed."""


class Prism:
    """A running Prism. A context manager; `url` is where it serves the spec.

    `--errors` makes it respond to a request that the spec does not allow with a 4xx that names the reason, where it
    would otherwise make up a response all the same; as a proxy, to a response that the spec does not allow with a 500.

    Args:
        spec: the spec to serve.
        upstream: URL of the server that requests are passed on to; without it, Prism responds with examples.
    """

    def __init__(self, spec: Path, upstream: str | None = None) -> None:
        self.spec = spec
        self.upstream = upstream
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it accepts requests."""
        if not PRISM.exists():
            raise PrismError("Prism is not installed: run ./scripts/bootstrap --node")
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start_on(_free_port())
                return
            except PrismError as error:
                self.stop()
                # The port was free a moment ago; another process can have taken it since.
                if "EADDRINUSE" not in str(error) or attempt == ATTEMPTS:
                    raise

    def _start_on(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._output = TemporaryFile()  # noqa: SIM115 (closed by stop)
        mode = "mock" if self.upstream is None else "proxy"
        command = [str(PRISM), mode, "--host", "127.0.0.1", "--port", str(port), "--errors"]
        # One process, not a cluster; in a group of its own, so that all of it ends together.
        self._process = subprocess.Popen(
            [*command, "--multiprocess=false", str(self.spec), *([self.upstream] if self.upstream else [])],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise PrismError(f"Prism ended at once, serving {self.spec}:\n{self.output()}")
            # Its own word, and not only an open port, which might be somebody else's.
            if "Prism is listening" in self.output():
                return
            time.sleep(0.05)
        raise PrismError(f"Prism was not ready in {READY_WITHIN:.0f} s:\n{self.output()}")

    def output(self) -> str:
        """What Prism printed so far, without colours: which rule a refused request broke."""
        if self._output is None:
            return ""
        # Read by position: the process writes at the end of the same open file.
        data = os.pread(self._output.fileno(), 1 << 20, 0)
        return re.sub(r"\x1b\[[0-9;]*m", "", data.decode(errors="replace"))

    def stop(self) -> None:
        """End the whole process group; killed if it does not go by itself."""
        process, self._process = self._process, None
        if process is not None:
            for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, None)):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
                    break
        if self._output is not None:
            self._output.close()
            self._output = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def forward_to_prism(url: str) -> Answerer:
    """As `forward_to`, with the brackets of names such as `ids[]` escaped twice.

    Prism looks for such a parameter by its escaped name, so that the parameter would be missing, or not be checked.
    """
    forward = forward_to(url)
    return lambda request: forward(replace(request, target=request.target.replace("%5B%5D=", "%255B%255D=")))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
