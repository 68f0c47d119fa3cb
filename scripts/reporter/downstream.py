"""Compares two versions of any specification, for packages that are built on this one."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from regenerator.build import GenerationError, Target, generate, read_settings
from regenerator.schemas import SpecError

from . import spec_rest, surface, surface_changes, versions
from .changes import ReportError
from .merging import merge
from .report import Report
from .spec_changes import SpecComparison
from .specification import load

_FIRST = "1.0.0"


def make(root: Path, spec: Path, base: str, package: str | None) -> Report:
    """Compare a specification with an older version of it.

    Args:
        root: this tree.
        spec: the specification.
        base: a file with the older version, such as the `openapi.yaml` of the generated package, or a git revision of
            the repository that contains the specification.
        package: the name of the generated package; by default that of the specification with `_client`.

    Raises:
        ReportError: if one of them cannot be read, or no operation of it is supported.
    """
    package = package or f"{spec.stem.replace('-', '_')}_client"
    with _older(spec, base) as (older, source):
        old, new = (load(path, package, skip_refused=True) for path in (older, spec))
        public, was_public = _surface(root, spec, package), _surface(root, older, package)
        changes = [*SpecComparison(old, new, {}, {}).changes(), *spec_rest.compare(old, new)]
        merged = tuple(
            replace(one, uses=())
            for one in merge(changes, surface_changes.compare(was_public, public), [], [(old, new)])
        )
    following = versions.following(_FIRST, merged)
    raised = {"2.0.0": "major", "1.1.0": "minor", "1.0.1": "patch"}.get(following, "none")
    notes = [f"not compared, since it is refused: {refusal}" for refusal in new.refusals]
    return Report(
        base=str(old.root["info"]["version"]),
        source=source,
        current=str(new.root["info"]["version"]),
        following=raised,
        changes=merged,
        changelog=versions.changelog(merged),
        notes=tuple(notes),
        specification=spec.name,
    )


def _surface(root: Path, spec: Path, package: str) -> surface.Surface:
    """Return the public surface of the package that is generated from a specification."""
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        target = Target(spec, package, root / "openapi" / "templates", spec.name)
        try:
            generate(target, Path(folder) / package, read_settings(root), skip_refused=True)
        except (SpecError, GenerationError) as error:
            raise ReportError(f"{spec.name} cannot be generated: {error}") from None
        return surface.read_packages([Path(folder)], [package])


@contextmanager
def _older(spec: Path, base: str) -> Iterator[tuple[Path, str]]:
    """Find the older version. Yields a file, and its description."""
    if Path(base).is_file():
        yield Path(base), Path(base).name
        return
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        file = Path(folder) / spec.name
        file.write_bytes(_at_revision(spec, base))
        yield file, base


def _at_revision(spec: Path, revision: str) -> bytes:
    expected = "an older copy of the specification, such as openapi.yaml in the generated package, or a git revision"
    if not revision.startswith("-"):
        command = ["git", "-C", str(spec.parent), "show", f"{revision}:./{spec.name}"]
        try:
            done = subprocess.run(command, capture_output=True, check=False)
        except OSError as error:
            raise ReportError(f"git cannot be run: {error.strerror}") from None
        if done.returncode == 0:
            return done.stdout
    raise ReportError(f"BASE: expected {expected}, got {revision!r}")


__all__ = ["make"]
