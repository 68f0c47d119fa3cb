"""A real browser without a window, for pages in files."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Less of what a browser asks the network for on its own account; and where the rest of that goes.
_MAKER = re.compile(rb"\w+ (?:https?://)?[\w.-]*\.(?:google|googleapis|gstatic|gvt1)\.com[:/]")
_QUIET = (
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-extensions",
    "--disable-quic", "--disable-sync", "--no-first-run", "--metrics-recording-only", "--no-pings",
)  # fmt: skip


class Shown(NamedTuple):
    """What became of a page.

    Attributes:
        document: the elements after its scripts ran, as HTML.
        complaints: what it wrote to the console: errors, and what its policy forbade.
    """

    document: str
    complaints: list[str]


def find_browser() -> str:
    """The browser; without one the test fails with `CI=true`, and is left out elsewhere."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    missing = f"no browser found ({', '.join(_NAMES)}); ./scripts/bootstrap --programs installs one"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


class DeadProxy:
    """Takes all that the browser asks the network for, and answers nothing.

    Attributes:
        addresses: the first lines of all requests but those that the browser sends to its maker.
    """

    def __enter__(self) -> Self:
        self.addresses: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(5)
                    line = connection.recv(4096).split(b"\r\n")[0]
                    if not _MAKER.match(line):
                        self.addresses.append(line)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone would leave the thread waiting.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


def show(page: Path, profile: Path, proxy: DeadProxy) -> Shown:
    """Open a page.

    Args:
        page: the file.
        profile: an empty folder for the browser.
        proxy: where all that it asks the network for goes.
    """
    command = [
        find_browser(), "--headless", "--no-sandbox", "--disable-gpu", *_QUIET, f"--user-data-dir={profile}",
        f"--proxy-server={proxy.url}", "--enable-logging=stderr",
        "--virtual-time-budget=5000", "--dump-dom",
        page.resolve().as_uri(),
    ]  # fmt: skip
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return Shown(done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line])
