"""The commands, put together."""

from __future__ import annotations

import textwrap
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .exits import ExitCode, Failure, code_of
from .guard import interrupted
from .output import console, note, prepare_streams, settle, unwritable

# A wrong command line raises an error of the library below typer, which newer versions of typer bring themselves.
_ClickError: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

_SETTINGS = """Credentials come from the environment: SMARTERPROCTORING_TOKEN, SMARTERPROCTORING_INSTALL_SID,
SMARTERPROCTORING_BASE_URL; ISPRING_CLIENT_ID, ISPRING_CLIENT_SECRET, ISPRING_ACCESS_TOKEN, ISPRING_ACCOUNT_URL,
ISPRING_BASE_URL."""


def _epilog(width: int) -> str:
    codes = [textwrap.fill(f"{code.value:>3}  {code.meaning}", width, subsequent_indent=" " * 5) for code in ExitCode]
    return "\n\n".join([" ".join(_SETTINGS.split()), "\n".join(["Exit codes:", *codes])])


class _Group(TyperGroup):
    """All commands, with a help that knows how wide the terminal is."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.epilog = _epilog(console().width - 2)
        super().format_help(ctx, formatter)


def application() -> typer.Typer:
    """Put the command line together."""
    from . import demo, offerings, report, sandbox, sessions, sids, training

    app = typer.Typer(
        name="invigilate",
        help="SmarterProctoring and iSpring Learn from the command line.",
        cls=_Group,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for part in (report, sessions, offerings, training, sids, sandbox, demo):
        part.register(app)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        from invigilate import __version__

        print(f"invigilate {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What stands before the name of a command."""


def run(arguments: list[str]) -> int:
    """Run a command line.

    Returns:
        The exit code.
    """
    try:
        prepare_streams()
        result = application()(args=arguments, prog_name="invigilate", standalone_mode=False)
    except _ClickError as error:
        return _wrong(error)
    except (typer.Abort, KeyboardInterrupt):
        interrupted()
        return ExitCode.INTERRUPTED
    except SystemExit:
        # This is how the library that prints the help ends, when nobody reads it any more.
        return ExitCode.PIPE_CLOSED
    except Failure as error:
        note(error.message)
        return error.code
    except OSError as error:
        # Commands tell their own errors, so that this one is about the help that was to be printed.
        return _unprinted(settle() or error)
    failed = settle()
    if failed is not None:
        return _unprinted(failed)
    return result if isinstance(result, int) else ExitCode.OK


def _unprinted(error: OSError) -> int:
    code = code_of(error)
    if code is not ExitCode.PIPE_CLOSED:
        note(unwritable(error).message)
    return code


def _wrong(error: Any) -> int:
    context = error.ctx
    if type(error).__name__ == "NoArgsIsHelpError" or not error.format_message():
        # Some versions have shown the help by now.
        settle()
        return ExitCode.USAGE
    where = context.command_path if context is not None else "invigilate"
    note(f"{error.format_message().rstrip('.')}; see {where} --help")
    return ExitCode.USAGE
