"""What tests of the command line share: programs in a real terminal, and programs without one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from recorder.terminal import Terminal

from invigilate.sandbox import Sandbox

COMMAND = [sys.executable, "-m", "invigilate.cli"]


def settings(sandbox: Sandbox) -> dict[str, str]:
    """The environment that leads the command line to a sandbox."""
    return {
        "SMARTERPROCTORING_BASE_URL": sandbox.smarterproctoring_url,
        "SMARTERPROCTORING_TOKEN": sandbox.token,
        "SMARTERPROCTORING_INSTALL_SID": sandbox.install_sid,
        "ISPRING_BASE_URL": sandbox.ispring_url,
        "ISPRING_CLIENT_ID": sandbox.client_id,
        "ISPRING_CLIENT_SECRET": sandbox.client_secret,
        "ISPRING_ACCOUNT_URL": sandbox.account_url,
    }


def start(*arguments: str, folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start the command line without a terminal."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def terminal(*arguments: str, folder: Path, environment: Mapping[str, str], columns: int = 100) -> Terminal:
    """Start the command line in a terminal."""
    return Terminal([*COMMAND, *arguments], environment=environment, folder=folder, columns=columns)


__all__ = ["COMMAND", "Terminal", "settings", "start", "terminal"]
