"""Changes of the real sources and the real specifications, and what the report makes of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from reporter import surface, surface_changes
from reporter.changes import Change
from reporter.merging import merge
from reporter.released import read, record
from reporter.report import make
from reporter.specification import load
from reporter.surface import Surface

from tests.golden.reports.scripted import copy_tree, edit, regenerate

ROOT = Path(__file__).resolve().parents[2]
RESOURCES = "facade/invigilate/smarterproctoring/resources.py"
CLIENT = "facade/invigilate/smarterproctoring/client.py"
SIDS = "facade/invigilate/smarterproctoring/sids.py"
MODEL = "generated/smarterproctoring_client/models/exam_session.py"
USE = "use list instead of get, which is removed in 0.5"


def copy(tree: Path) -> Path:
    for name in ("facade", "generated"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tree


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Surface]:
    """A copy of the sources, with its surface."""
    tree = copy(tmp_path_factory.mktemp("surface") / "base")
    return tree, surface.read(tree)


def changed(base: tuple[Path, Surface], folder: Path, change: Callable[[Path], None]) -> list[Change]:
    """The changes that an edit of the sources means."""
    tree, before = base
    shutil.copytree(tree, folder / "tree")
    change(folder / "tree")
    return merge([], surface_changes.compare(before, surface.read(folder / "tree")), [])


def replaced(path: str, *pairs: tuple[str, str]) -> Callable[[Path], None]:
    def change(tree: Path) -> None:
        for old, new in pairs:
            edit(tree / path, old, new)

    return change


IMPORT = (
    "from invigilate._binding import",
    "from invigilate._deprecation import deprecated, renamed_argument\nfrom invigilate._binding import",
)


def deprecation(name: str) -> tuple[str, str]:
    first = "from invigilate._identifiers import"
    return first, f"from invigilate._deprecation import {name}\n{first}"


GET = "    get = operation(lambda: exam_sessions.get_exam_session.describe)\n"

# An edit, and what comes of it: kind, name, whether it breaks callers.
CASES: dict[str, tuple[Callable[[Path], None], set[tuple[str, str, bool]]]] = {
    "a call that is deprecated": (
        replaced(RESOURCES, IMPORT, (GET, GET.replace(" exam", f' deprecated("{USE}")(exam').replace("ibe)", "ibe))"))),
        {("deprecated", "client.exam_sessions.get", False)},
    ),
    "a call that takes an old name of an argument": (
        replaced(
            RESOURCES,
            IMPORT,
            (
                GET,
                GET.replace(" exam", ' renamed_argument("session", "session_sid", removed_in="0.5")(exam').replace(
                    "ibe)", "ibe))"
                ),
            ),
        ),
        {("deprecated", "client.exam_sessions.get(session=)", False)},
    ),
    "a function that is deprecated": (
        replaced(
            SIDS,
            ("def parse_sid(", f'@deprecated("{USE}")\ndef parse_sid('),
            deprecation("deprecated"),
        ),
        {("deprecated", "invigilate.parse_sid", False)},
    ),
    "a function that takes an old name of an argument": (
        replaced(
            SIDS,
            (
                "def parse_sid(value: str)",
                '@renamed_argument("value", "text", removed_in="0.5")\ndef parse_sid(text: str)',
            ),
            deprecation("renamed_argument"),
        ),
        {("deprecated", "invigilate.parse_sid(value=)", False)},
    ),
    "a function that has only an old name": (
        replaced(
            SIDS,
            ("def parse_sid(", "def read_sid("),
            ("__all__ = ", f'parse_sid = deprecated("{USE}")(read_sid)\n__all__ = '),
            deprecation("deprecated"),
        ),
        {("deprecated", "invigilate.parse_sid", False)},
    ),
    "a parameter that has no name": (
        replaced(SIDS, ("def parse_sid(value: str)", "def parse_sid(value: str, /)")),
        {("changed", "invigilate.parse_sid(value=)", True)},
    ),
    "a parameter without an annotation": (
        replaced(SIDS, ("def parse_sid(value: str)", "def parse_sid(value)")),
        {("changed", "invigilate.parse_sid(value=)", True)},
    ),
    "a function that says nothing of what it gives": (
        replaced(SIDS, ("def parse_sid(value: str) -> SmarterProctoringSid:", "def parse_sid(value: str):")),
        {("changed", "invigilate.parse_sid", True)},
    ),
    "a method of the class that is none": (
        replaced(MODEL, ("    @classmethod\n    def from_dict", "    def from_dict")),
        {("changed", "smarterproctoring_client.models.ExamSession.from_dict", True)},
    ),
    "a name that stands for another class": (
        replaced(
            "facade/invigilate/__init__.py",
            ("\nif TYPE_CHECKING:", "\nfrom .errors import BadRequestError as NotFoundError\n\nif TYPE_CHECKING:"),
        ),
        # The other name of the class that lost this one is told as well: whether it is the same class, no name says.
        {("changed", f"invigilate.{name}", True) for name in ("NotFoundError", "errors.NotFoundError")},
    ),
    "other defaults": (
        replaced(
            CLIENT,
            ("verify: bool | str | ssl.SSLContext = True", "verify: bool | str | ssl.SSLContext = False"),
            ("check_sids: bool = True", "check_sids: bool = False"),
            ("max_retries: int = 2", "max_retries: int = 0"),
        ),
        {
            ("changed", f"invigilate.SmarterProctoring({name}=) and invigilate.AsyncSmarterProctoring({name}=)", True)
            for name in ("verify", "check_sids", "max_retries")
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_of_the_sources(case: str, base: tuple[Path, Surface], tmp_path: Path) -> None:
    change, expected = CASES[case]
    found = changed(base, tmp_path, change)
    assert {(one.kind, one.name, one.breaking) for one in found} == expected


def test_a_deprecation_that_is_over(base: tuple[Path, Surface], tmp_path: Path) -> None:
    """Both are kept: that it was deprecated, and that its old argument was taken."""
    tree, now = base
    for case in ("a call that is deprecated", "a call that takes an old name of an argument"):
        shutil.copytree(tree, tmp_path / case)
        CASES[case][0](tmp_path / case)
    (deprecated, taken) = (
        surface_changes.compare(surface.read(tmp_path / case), now)
        for case in ("a call that is deprecated", "a call that takes an old name of an argument")
    )
    assert [(one.kind, one.name, one.breaking, one.was, one.now) for one in deprecated] == [
        ("deprecated", "client.exam_sessions.get", False, USE, None)
    ]
    assert [(one.kind, one.name, one.breaking) for one in taken] == [
        ("removed", "client.exam_sessions.get(session=)", True)
    ]


def test_changes_of_the_specifications_that_python_does_not_show(tmp_path: Path) -> None:
    """What a program gave is refused from then on, though no type that it sees is narrower."""
    tree = tmp_path / "tree"
    copy_tree(tree)
    smarter, ispring = (tree / "openapi" / name for name in ("smarterproctoring.yaml", "ispring-learn.yaml"))
    attachment = "\n    ExamAttachment:\n      type: object\n"
    edit(smarter, attachment, f"{attachment}      additionalProperties: true\n")
    either = "        checklistId:\n          anyOf:\n            - type: string\n"
    edit(ispring, f"{either}              format: uuid\n", either)
    regenerate(tree)
    record(tree, tmp_path / "kept", {})
    edit(smarter, f"{attachment}      additionalProperties: true\n", attachment)
    notes = "        notes:\n          type: string\n"
    edit(smarter, notes, f"{notes}          format: date-time\n", after="\n    ScheduleExamSessionBody:\n")
    edit(ispring, either, f"{either}              pattern: '^[0-9a-f-]{{36}}$'\n")
    regenerate(tree)
    report = make(tree, read(tmp_path / "kept"), checkers=())
    assert {(change.name, change.breaking, change.reason) for change in report.changes} == {
        ("ExamAttachment", True, "undocumented properties are rejected"),
        (
            "client.exam_sessions.schedule(notes=)",
            True,
            "strings that were accepted are rejected unless they are timestamps",
        ),
        (
            "ispring.job_training.list_session_results(checklist_id=)",
            True,
            "strings that were accepted are rejected unless they match the pattern, where it is a string",
        ),
    }
    assert report.following == "0.2.0"


def test_the_model_of_an_option_of_a_union_is_called_as_the_generator_calls_it(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    copy_tree(tree)
    option = (
        "            - type: object\n              properties:\n                kind:\n                  type: string\n"
    )
    spec = tree / "openapi/ispring-learn.yaml"
    edit(
        spec,
        "          anyOf:\n            - type: string\n",
        f"          anyOf:\n            - type: string\n{option}",
    )
    regenerate(tree)
    public = surface.read(tree)
    fields = {
        f"ispring_learn_client.models.{name}.{member.python}"
        for name, model in load(spec, "ispring_learn_client").models.items()
        if model.calls  # the bodies of webhooks are not generated
        for member in model.fields.values()
    }
    assert "ispring_learn_client.models.ListSessionResultsBodyChecklistIdType1.kind" in fields
    assert fields <= set(public)
