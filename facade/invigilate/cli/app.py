"""The commands, put together."""

from __future__ import annotations

import textwrap
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any

import typer

from invigilate import _apis

from .exits import ExitCode, Failure, code_of
from .guard import interrupted
from .options import Group
from .output import console, note, prepare_streams, settle, unwritable

# A wrong command line raises an error of the library below typer, which newer versions of typer include.
_ClickError: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def _epilog(width: int) -> str:
    variables = "; ".join(f"{api.title}: {', '.join(api.variables.values())}" for api in _apis.APIS)
    codes = [textwrap.fill(f"{code.value:>3}  {code.meaning}", width, subsequent_indent=" " * 5) for code in ExitCode]
    return "\n\n".join([f"Settings come from the environment. {variables}.", "\n".join(["Exit codes:", *codes])])


class _Main(Group):
    """All commands, with a help that is as wide as the terminal."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.epilog = _epilog(console().width - 2)
        super().format_help(ctx, formatter)


def application() -> typer.Typer:
    """Build the command line: what is neutral, and the handwritten commands of each registered API."""
    from . import api as operations
    from . import drift, exports, mcp, sandbox

    app = typer.Typer(
        help=f"{_listed([api.title for api in _apis.APIS])} from the command line.",
        cls=_Main,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for api in _apis.APIS:
        # An API without handwritten commands is reached through `invigilate api`.
        if find_spec(f"{__package__}.{api.key}") is not None:
            import_module(f"{__package__}.{api.key}").register(app)
    for part in (operations, exports, drift, mcp, sandbox):
        part.register(app)
    return app


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


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
    """Options before the name of a command."""


def run(arguments: list[str]) -> int:
    """Run a command line."""
    try:
        prepare_streams()
        result = application()(args=arguments, prog_name="invigilate", standalone_mode=False)
    except _ClickError as error:
        return _wrong(error)
    except (typer.Abort, KeyboardInterrupt):
        interrupted()
        return ExitCode.INTERRUPTED
    except SystemExit:
        # The library that prints help exits like this when the reader has closed the pipe.
        return ExitCode.PIPE_CLOSED
    except Failure as error:
        note(error.message)
        return error.code
    except OSError as error:
        # Commands report their own errors, so this one comes from printing help.
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
        # Some versions have printed the help already.
        settle()
        return ExitCode.USAGE
    where = context.command_path if context is not None else "invigilate"
    note(f"{error.format_message().rstrip('.')}; see {where} --help")
    return ExitCode.USAGE
