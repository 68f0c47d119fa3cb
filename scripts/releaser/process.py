"""Runs other programs, and defines the two errors that end a release."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from invigilate._apis import APIS

LINES_SHOWN = 40


class Refused(Exception):
    """Something must be fixed before a release; the message says what."""


class Failed(Exception):
    """A step failed. Running the release again continues from there."""


def say(text: str) -> None:
    """Print a line of progress, flushed to keep its order with the output of other programs."""
    print(f"release: {text}", flush=True)


def run(
    *command: str | Path,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    umask: int = -1,
    timeout: float = 900.0,
    errors_apart: bool = False,
) -> str:
    """Run a program without input and return its output.

    Args:
        command: the program and its arguments.
        cwd: the folder to run it in.
        environment: its whole environment; by default `outside()`.
        umask: its umask, or -1 for the current one.
        timeout: the timeout, in seconds.
        errors_apart: return only its standard output, and show standard error only if it fails.

    Raises:
        Failed: if it times out or its exit code is not 0; the message has the last lines of its output.
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
        raise Failed(f"{name} timed out after {timeout:.0f} s") from None
    except OSError as error:
        raise Failed(f"{name} cannot be run: {error.strerror}") from None
    if done.returncode:
        said = f"{done.stdout}{done.stderr or ''}".strip().splitlines()[-LINES_SHOWN:]
        raise Failed("\n  ".join([f"{name} failed with exit code {done.returncode}:", *said]))
    return done.stdout


def outside(**more: str) -> dict[str, str]:
    """Return the environment of this process without variables that redirect Python, and without credentials.

    Args:
        more: variables to set.
    """
    dropped = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "SOURCE_DATE_EPOCH"}
    dropped |= {variable for api in APIS for variable in api.variables.values()}
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TWINE_", "ACTIONS_ID_TOKEN_")) and name not in dropped
    }
    return {**kept, **more}


def python(*arguments: str | Path) -> tuple[str | Path, ...]:
    """Return a command for the Python of this environment."""
    return (sys.executable, *arguments)
