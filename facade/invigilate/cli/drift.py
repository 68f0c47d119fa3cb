"""`invigilate drift`: what the servers really return, compared with the specs."""

from __future__ import annotations

import shlex
from importlib.metadata import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .exits import ExitCode, Failure, usage
from .options import AsJson, Group, add, new_group
from .output import note, say, to_json
from .registry import recorded

if TYPE_CHECKING:
    from invigilate.drift import Recorder

_RECORD = """Run another command, and keep the shapes of the responses in a file: names of fields, types, statuses.

No value is kept. Counts are added to those of earlier runs."""
_CHECK = """Compare a file of shapes with the specs, and print a report to paste into an issue.

Sends nothing. The exit code is 11 if something differs."""
_RECORD_EXAMPLE = "invigilate drift record --output shapes.json api smarterproctoring installs get-settings"
_NOT_RECORDED = ("demo", "drift", "sandbox")
"""Commands that send nothing to a server of a vendor."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = new_group(app, "drift", "Compare what the servers return with the specs.")
    recording = typer.Typer(
        name="record", cls=_Recorded, help=_RECORD, epilog=f"Example:\n\n{_RECORD_EXAMPLE}", no_args_is_help=True
    )
    recording.callback()(_record)
    group.add_typer(recording)
    add(group, "check", _check, help=_CHECK, examples=["invigilate drift check shapes.json"])


class _Recorded(Group):
    """The commands of the program, run with a recorder."""

    def list_commands(self, ctx: Any) -> list[str]:
        root = ctx.find_root()
        return [name for name in root.command.list_commands(root) if name not in _NOT_RECORDED]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        root = ctx.find_root()
        return None if cmd_name in _NOT_RECORDED else root.command.get_command(root, cmd_name)


def _record(
    context: typer.Context,
    output: Annotated[Path, typer.Option(metavar="FILE", help="Where the shapes are kept.")] = Path("shapes.json"),
    sample: Annotated[float, typer.Option(metavar="SHARE", help="Look at this share of the responses.")] = 1.0,
) -> None:
    check_installed()
    from invigilate.drift import Recorder
    from invigilate.errors import ConfigurationError

    try:
        recorder = Recorder(output, sample=sample)
    except (ConfigurationError, OSError) as error:
        raise usage(str(error)) from None
    token = recorded.set(recorder)
    context.call_on_close(lambda: _end(recorder, token, output))


def _end(recorder: Recorder, token: Any, output: Path) -> None:
    recorded.reset(token)
    file = shlex.quote(str(output))
    try:
        recorder.close()
    except OSError as error:
        note(f"{file}: {error.strerror}; the shapes are not kept")
        return
    # Without a response, there is nothing to write.
    if output.exists():
        note(f"the shapes are in {file}; to compare them: invigilate drift check {file}")


def _check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `drift record` wrote.")], json: AsJson = False
) -> None:
    check_installed()
    from invigilate.drift import check
    from invigilate.errors import ConfigurationError

    try:
        drift = check(file)
    except ConfigurationError as error:
        raise usage(str(error)) from None
    for line in [to_json(each._asdict()) for each in drift.findings] if json else drift.markdown().splitlines():
        print(line) if json else say(line)
    if drift.findings:
        url = dict(line.split(", ", 1) for line in metadata("invigilate").get_all("Project-URL", ())).get("Issues")
        advice = f"please paste this into an issue, and attach {file}, which has no values: {url}"
        raise Failure(ExitCode.DRIFT, "the responses differ from the specs", advice)


def check_installed() -> None:
    """Check that the specs can be read."""
    if find_spec("yaml") is None:
        raise Failure(ExitCode.MISSING_EXTRA, 'drift needs an extra: pip install "invigilate[drift]"')
