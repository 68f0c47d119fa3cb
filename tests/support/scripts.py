"""Runs a script of this repository in a tree of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

LEFT_OUT = {"CI", "INVIGILATE_PAGES", "INVIGILATE_FACTS"}
"""What the environment of a test run may have, and a script must not see."""


def run_script(script: Path, *arguments: str, code: int = 0, **environment: str) -> tuple[str, str]:
    """Return what it prints on stdout and stderr, once it has ended with the expected code."""
    kept = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    done = subprocess.run(
        ["bash", script, *arguments],
        cwd=script.parents[1],
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr
