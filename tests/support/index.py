"""A package index on loopback (pypiserver), in a process of its own, for tests of releases and of what builds on them.

    house = wheelhouse(tmp_path / "house")
    with LoopbackIndex(tmp_path / "index", house) as index:
        subprocess.run([sys.executable, "-m", "twine", "upload", *files], env=index.environment(), check=True)
        subprocess.run([python, "-m", "pip", "install", "invigilate"], env=index.environment(), check=True)

It answers with what lies in its folders and never sends anybody elsewhere: what it does not have is not found.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from importlib.metadata import requires
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Self

import httpx
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[2]

# Cold, on a busy machine with two cores, it takes a second or two.
READY_WITHIN = 60.0
ATTEMPTS = 3

# The server ends when its standard input does, so also when the tests are killed and can end nothing any more.
LAUNCHER = """
import os, sys, threading
from pypiserver.__main__ import main
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
main(sys.argv[1:])
"""


class LoopbackError(Exception):
    """The index did not start. The message holds what it printed."""


class LoopbackIndex:
    """A running index. A context manager.

    Attributes:
        folder: what is uploaded comes here; it is made if it is missing.
        also: more folders that it serves, such as a `wheelhouse`.
        url: the simple index, for pip.
        upload_url: where twine uploads to. A file that is there already is refused, whatever its content.
        username: who may upload. Any name and password are taken.
        password: the password for it.
    """

    username = "tests"
    password = "tests"

    def __init__(self, folder: Path, *also: Path) -> None:
        self.folder = folder
        self.also = also
        self.url = ""
        self.upload_url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    def environment(self, **more: str) -> dict[str, str]:
        """An environment for processes in which twine and pip know this index and no other.

        Args:
            more: variables to set beside.
        """
        return {
            **outside(),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self.url,
            # Another index may have had this port, and other files of the same name.
            "PIP_NO_CACHE_DIR": "1",
            "PIP_NO_INPUT": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "TWINE_REPOSITORY_URL": self.upload_url,
            "TWINE_USERNAME": self.username,
            "TWINE_PASSWORD": self.password,
            "TWINE_NON_INTERACTIVE": "1",
            **more,
        }

    def files(self) -> list[str]:
        """The names of what was uploaded."""
        return sorted(path.name for path in self.folder.iterdir())

    def start(self) -> None:
        """Start it, and return when it answers.

        Raises:
            LoopbackError: if it does not.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start_on(_free_port())
                return
            except LoopbackError as error:
                self.stop()
                # The port was free a moment ago; another process can have taken it since.
                if "in use" not in str(error) or attempt == ATTEMPTS:
                    raise

    def _start_on(self, port: int) -> None:
        address = f"http://127.0.0.1:{port}"
        self.url, self.upload_url = f"{address}/simple/", f"{address}/"
        # A path that only this server knows: an answer there is no other server's.
        health = f"/health-{secrets.token_hex(8)}"
        self._output = TemporaryFile()  # noqa: SIM115 (closed by stop)
        options = ["--interface", "127.0.0.1", "--port", str(port), "--server", "wsgiref", "--backend", "simple-dir"]
        options += ["--disable-fallback", "--health-endpoint", health, "--authenticate", ".", "--passwords", "."]
        folders = [str(folder.resolve()) for folder in (self.folder, *self.also)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, "run", *options, *folders],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=outside(),
            start_new_session=True,
        )
        deadline = time.monotonic() + READY_WITHIN
        with httpx.Client(trust_env=False, timeout=5) as client:
            while time.monotonic() < deadline:
                if self._process.poll() is not None:
                    raise LoopbackError(f"the index ended at once:\n{self.output()}")
                with contextlib.suppress(httpx.TransportError):
                    if client.get(f"{address}{health}").status_code == 200:
                        return
                time.sleep(0.05)
        raise LoopbackError(f"the index was not ready in {READY_WITHIN:.0f} s:\n{self.output()}")

    def output(self) -> str:
        """What the server printed so far."""
        if self._output is None:
            return ""
        # Read by position: the process writes at the end of the same open file.
        return os.pread(self._output.fileno(), 1 << 20, 0).decode(errors="replace")

    def stop(self) -> None:
        """End it; what was uploaded stays in the folder, and a later start serves it again."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.communicate()
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


def wheelhouse(folder: Path, *extras: str) -> Path:
    """Fill a folder with wheels of what invigilate needs, in the versions and with the hashes of requirements/dev.txt.

    They come from wherever pip takes packages on this machine.

    Args:
        folder: where to; it is made if it is missing.
        extras: the extras whose requirements are wanted too, such as `"sandbox"`.

    Returns:
        The folder.
    """
    wanted = [Requirement(text) for text in requires("invigilate") or []]
    names = [
        f"{requirement.name}{requirement.specifier}"
        for requirement in wanted
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    pins = REPOSITORY / "requirements" / "dev.txt"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--only-binary", ":all:", "--dest", str(folder), "--constraint", str(pins), *names],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise LoopbackError(f"the requirements cannot be had:\n{done.stdout}")
    return folder


def outside() -> dict[str, str]:
    """This process's environment without what leads pip, twine or Python elsewhere than they are told."""
    leading = ("PIP_", "TWINE_", "PYTHON", "SMARTERPROCTORING_", "ISPRING_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(leading) and name != "VIRTUAL_ENV" and not name.upper().endswith("_PROXY")
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
