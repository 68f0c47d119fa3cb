"""Makes the peers: clients that other generators make of the same specification, in a folder that git ignores."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.content import SPEC

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / ".benchmarks"
"""Where they are kept, since making them takes half a minute. Git ignores it."""

_REQUIREMENTS = HERE / "openapi-generator.txt"
_OLDEST_JAVA = 17


class PeerError(Exception):
    """A peer cannot be made; the text says why, and what helps."""


class Peer(NamedTuple):
    """A peer that was made.

    Attributes:
        name: that of its candidate; see `worker.py`.
        python: the interpreter that it runs in.
        path: the folder that its package is in.
        version: of the generator.
    """

    name: str
    python: str
    path: Path
    version: str


def stock(folder: Path) -> Peer:
    """The client that openapi-python-client makes with its own templates.

    It needs httpx, attrs and dateutil, as this library does, and runs in the same environment: with the same httpx, and
    differences are those of the code.
    """
    import importlib.metadata

    version = importlib.metadata.version("openapi-python-client")
    place = folder / "stock"

    def make() -> None:
        (place / "config.yaml").write_text("post_hooks: []\npackage_name_override: stock_client\n", encoding="utf-8")
        command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(SPEC), "--meta", "none"]
        options = ["--config", str(place / "config.yaml"), "--output-path", str(place / "stock_client")]
        _run([*command, *options], "openapi-python-client")

    _once(place, [version, *_inputs(SPEC)], make)
    return Peer("stock", sys.executable, place, version)


def openapi_generator(folder: Path) -> Peer:
    """The client that openapi-generator makes with its generator `python`, in an environment with what it needs.

    Raises:
        PeerError: if there is no Java, or something cannot be installed.
    """
    version = next(
        line.split("==")[1].split()[0]
        for line in _REQUIREMENTS.read_text(encoding="utf-8").splitlines()
        if line.startswith("openapi-generator-cli==")
    )
    place = folder / "openapi-generator"
    python = place / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"

    def make() -> None:
        java = _java()
        _run([sys.executable, "-m", "venv", str(place / "venv")], "venv")
        checked = ["--quiet", "--require-hashes", "--only-binary", ":all:", "--no-deps"]
        _run([str(python), "-m", "pip", "install", *checked, "-r", str(_REQUIREMENTS)], "pip")
        jars = list((place / "venv").rglob("openapi-generator*.jar"))
        if len(jars) != 1:
            raise PeerError(f"the package openapi-generator-cli brought {len(jars)} jars")
        wanted = ["-g", "python", "-i", str(SPEC), "-o", str(place / "client"), "--package-name", "openapi_generated"]
        _run([java, "-jar", str(jars[0]), "generate", *wanted], "openapi-generator")

    _once(place, [version, sys.version, *_inputs(SPEC, _REQUIREMENTS)], make)
    return Peer("openapi-generator", str(python), place / "client", version)


def _java() -> str:
    java = shutil.which("java")
    advice = f"openapi-generator needs Java {_OLDEST_JAVA} or later; --without-java leaves it out"
    if java is None:
        raise PeerError(f"no java found: {advice}")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    version = said.partition('version "')[2].partition('"')[0]
    if not version.split(".")[0].isdigit() or int(version.split(".")[0]) < _OLDEST_JAVA:
        raise PeerError(f"java is version {version or 'unknown'}: {advice}")
    return java


def _inputs(*paths: Path) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def _once(place: Path, state: Sequence[str], make: Callable[[], None]) -> None:
    """Make what is in a folder, unless it was made of the same before."""
    stamp, wanted = place / ".made-of", "\n".join(state)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    make()
    stamp.write_text(wanted, encoding="utf-8")


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerError(f"{what} failed: {error}") from None
    if done.returncode:
        said = "\n  ".join(f"{done.stdout}\n{done.stderr}".strip().splitlines()[-8:])
        raise PeerError(f"{what} failed with {done.returncode}:\n  {said}")
