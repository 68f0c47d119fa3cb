"""Runs other programs, and the two ways in which a release ends early."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

LINES_SHOWN = 40


class Refused(Exception):
    """Something is not as a release needs it; a person has to put it right. The message says what."""


class Failed(Exception):
    """A step could not be carried out. Running the release again goes on from there."""


def say(text: str) -> None:
    """Print a line of progress, at once, so that it stands in order with what other programs print."""
    print(f"release: {text}", flush=True)


def run(
    *command: str | Path,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    umask: int = -1,
    timeout: float = 900.0,
    errors_apart: bool = False,
) -> str:
    """Run a program without input and give what it printed.

    Args:
        command: the program and its arguments.
        cwd: the folder to run it in.
        environment: its whole environment; by default `outside()`.
        umask: its umask, or -1 for the present one.
        timeout: the longest time to wait for it, in seconds.
        errors_apart: give its standard output alone, and show the other only when it fails.

    Raises:
        Failed: if it ends with another code than 0, or not in time. The message has the last lines that it printed.
    """
    words = [str(part) for part in command]
    name = " ".join([Path(words[0]).name, *words[1:4]])
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env=dict(outside() if environment is None else environment),
            umask=umask,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if errors_apart else subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{name} did not end within {timeout:.0f} s") from None
    except OSError as error:
        raise Failed(f"{name} cannot be run: {error.strerror}") from None
    if done.returncode:
        said = f"{done.stdout}{done.stderr or ''}".strip().splitlines()[-LINES_SHOWN:]
        raise Failed("\n  ".join([f"{name} ended with code {done.returncode}:", *said]))
    return done.stdout


def outside(**more: str) -> dict[str, str]:
    """This process's environment without what leads Python elsewhere, and without anybody's credentials.

    Args:
        more: variables to set.
    """
    dropped = ("TWINE_", "SMARTERPROCTORING_", "ISPRING_", "ACTIONS_ID_TOKEN_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(dropped) and name not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "SOURCE_DATE_EPOCH"}
    }
    return {**kept, **more}


def python(*arguments: str | Path) -> tuple[str | Path, ...]:
    """A command for the Python of this environment."""
    return (sys.executable, *arguments)
