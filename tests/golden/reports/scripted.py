"""The scripted changes whose reports are kept here, and the command that writes the reports anew:

    PYTHONPATH=scripts .venv/bin/python -m tests.golden.reports.scripted

Each change is made in a copy of what it concerns of the repository, regenerated there, and reported against a record of
the same copy before the change, whose version is always 0.1.0. In `specs/` are pairs of specifications, before and
after a change, with their reports.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reporter import downstream, rendering
from reporter.released import read, record
from reporter.report import Report, make

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
SPECS = HERE / "specs"
FORMS: dict[str, Callable[[Report], str]] = {
    "txt": rendering.as_text,
    "md": rendering.as_markdown,
    "json": rendering.as_json,
}

ENDPOINT = """\
  /v1/installs/{installSid}/examples:
    get:
      operationId: listExamples
      tags: [installs]
      summary: List examples
      x-capture: {page: https://example.invalid/examples, date: '2026-11-21', extent: full}
      x-idempotent: {value: true, reason: A GET that only reads.}
      parameters:
        - $ref: '#/components/parameters/InstallSid'
      responses:
        '200':
          description: The examples.
          content:
            application/json:
              schema:
                type: array
                items:
                  $ref: '#/components/schemas/Example'
"""
SCHEMA = """\
    Example:
      type: object
      description: An example.
      properties:
        name:
          type: string
          description: What it is called.
"""
# Code of this repository that uses what changes.
USES = {
    "docs/results.md": "Each result of `list_session_results()` has a `checklistTitle`.\n",
    "examples/results.py": "results = client.job_training.list_session_results()\nprint(results[0].checklist_title)\n",
}
PARAMETER = """\
        - name: view
          in: query
          required: true
          description: How much of the session is wanted.
          schema:
            type: string
            enum: [short, whole]
"""


def edit(path: Path, old: str, new: str, after: str = "") -> None:
    """Replace a text that stands after another one, once."""
    text = path.read_text(encoding="utf-8")
    start = text.index(after)
    place = text.index(old, start)
    path.write_text(text[:place] + new + text[place + len(old) :], encoding="utf-8")


def renamed_field(tree: Path) -> None:
    """A field of an answer is called otherwise."""
    spec = tree / "openapi/ispring-learn.yaml"
    edit(spec, "checklistTitle: Floor", "checklistName: Floor", after="operationId: listSessionResults")
    schema = "\n    JobTrainingSessionResult:\n"
    edit(spec, "- checklistTitle\n", "- checklistName\n", after=schema)
    edit(spec, "        checklistTitle:\n", "        checklistName:\n", after=schema)


def narrower_field(tree: Path) -> None:
    """A field of a response is never null and always there, and there is a new one; the sandbox does not know."""
    spec, schema = tree / "openapi/ispring-learn.yaml", "\n    JobTrainingSessionResult:\n"
    edit(
        spec,
        "        - observerId\n",
        "        - observerId\n        - actualStartDate\n        - grade\n",
        after=schema,
    )
    edit(spec, "      properties:\n", "      properties:\n        grade: {type: integer, enum: [1, 2]}\n", after=schema)
    edit(spec, "          type: [string, 'null']\n", "          type: string\n", after="\n        actualStartDate:\n")


def removed_operation(tree: Path) -> None:
    """There is one call less, and the facade still binds it."""
    spec = tree / "openapi/smarterproctoring.yaml"
    text = spec.read_text(encoding="utf-8")
    place = text.index("operationId: getInstallSettings\n")
    start, end = text.rindex("\n  /", 0, place), text.index("\n  /", place)
    spec.write_text(text[:start] + text[end:], encoding="utf-8")


def required_parameter(tree: Path) -> None:
    """A call needs one more argument."""
    reference = "        - $ref: '#/components/parameters/InferredSessionSid'\n"
    edit(
        tree / "openapi/smarterproctoring.yaml", reference, reference + PARAMETER, after="operationId: getExamSession\n"
    )


def enum_value(tree: Path) -> None:
    """An argument takes one more value."""
    schema = "\n    ScheduleExamSessionBody:\n"
    value = "            - automated\n"
    edit(tree / "openapi/smarterproctoring.yaml", value, f"{value}            - example-proctor\n", after=schema)


def new_endpoint(tree: Path) -> None:
    """There is one more call, with a model of its own."""
    spec = tree / "openapi/smarterproctoring.yaml"
    edit(spec, "\npaths:\n", f"\npaths:\n{ENDPOINT}")
    edit(spec, "\n  schemas:\n", f"\n  schemas:\n{SCHEMA}")
    bound = "    get_settings = operation(lambda: installs.get_install_settings.describe)\n"
    line = "    list_examples = operation(lambda: installs.list_examples.describe)\n"
    edit(tree / "facade/invigilate/smarterproctoring/resources.py", bound, bound + line)


CHANGES: dict[str, Callable[[Path], None]] = {
    "renamed-field": renamed_field,
    "narrower-field": narrower_field,
    "removed-operation": removed_operation,
    "required-parameter": required_parameter,
    "enum-value": enum_value,
    "new-endpoint": new_endpoint,
}


def copy_tree(tree: Path) -> None:
    """Copy what a report needs of the repository, as version 0.1.0."""
    for name in ("openapi", "generated", "facade", "scripts/regenerator", "scripts/capturer"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for place, text in USES.items():
        (tree / place).parent.mkdir()
        (tree / place).write_text(text)
    (tree / "facade/invigilate/_version.py").write_text('"""The version."""\n\n__version__ = "0.1.0"\n')
    regenerate(tree)


def regenerate(tree: Path, exit_code: int = 0) -> str:
    """Generate the packages of a copy from its specifications, and return what is printed as errors."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "scripts"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "regenerator"]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stderr


def make_base(tree: Path, folder: Path) -> None:
    """Copy the repository to `tree`, and keep a record of it in `folder`."""
    copy_tree(tree)
    record(tree, folder, {name: HERE / name for name in ("accepted.py", "public_calls.py")})


def report(name: str, base: Path, released: Path, folder: Path) -> Report:
    """Make a change in a copy of `base`, and report on it.

    Args:
        name: the change.
        base: what `make_base` made.
        released: the record of it.
        folder: where the copy goes.
    """
    shutil.copytree(base, folder)
    CHANGES[name](folder)
    # Of a removed operation, the binding is still there.
    regenerate(folder, 3 if name == "removed-operation" else 0)
    # One checker, and no Node: these reports are compared byte for byte. What the checker learns of other packages
    # is kept between the changes, and between runs.
    found = make(folder, read(released), checkers=("mypy",), cache=ROOT / ".mypy_cache" / "reports")
    # The lines of the facade move with every edit there.
    changes = (
        replace(one, uses=tuple(place for place in one.uses if not place.startswith("facade/")))
        for one in found.changes
    )
    notes = (re.sub(r"(?<=\.py):\d+:", ":", note) for note in found.notes)
    return replace(found, changes=tuple(changes), notes=tuple(notes))


def pairs() -> list[str]:
    """Return the names of the pairs of specifications."""
    return sorted(path.name.removesuffix(".before.yaml") for path in SPECS.glob("*.before.yaml"))


def of_pair(name: str) -> Report:
    """Report on a pair of specifications."""
    return downstream.make(ROOT, SPECS / f"{name}.after.yaml", str(SPECS / f"{name}.before.yaml"), "rooms_client")


def rewrite() -> None:
    """Write all reports anew."""
    for name in pairs():
        (SPECS / f"{name}.txt").write_text(rendering.as_text(of_pair(name)), encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="reports-") as temporary:
        base, released = Path(temporary) / "base", Path(temporary) / "released"
        make_base(base, released)
        for name in CHANGES:
            found = report(name, base, released, Path(temporary) / name)
            for suffix, form in FORMS.items():
                path = HERE / f"{name}.{suffix}"
                path.write_text(form(found), encoding="utf-8")
                print(path.relative_to(ROOT))


if __name__ == "__main__":
    rewrite()
