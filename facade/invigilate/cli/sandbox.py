"""`invigilate sandbox`: serves the sandbox; its options are those of `python -m invigilate.sandbox`."""

from __future__ import annotations

from importlib.util import find_spec

import typer

from .exits import ExitCode, Failure
from .options import add

_PROGRAM = "invigilate sandbox"
_EXAMPLE = "invigilate sandbox --report-rows 1000"


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(
        app,
        "sandbox",
        _serve,
        help="Serve all APIs on this machine, with made-up data, until Ctrl-C.",
        examples=[_EXAMPLE],
        # All arguments go to the parser of the sandbox, --help included.
        settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    )


def check_installed() -> None:
    """Check that the sandbox is installed."""
    if find_spec("openapi_core") is None or find_spec("yaml") is None:
        raise Failure(ExitCode.MISSING_EXTRA, 'the sandbox needs an extra: pip install "invigilate[sandbox]"')


def _serve(context: typer.Context) -> None:
    check_installed()
    from invigilate.sandbox import __main__ as served

    if {"-h", "--help"} & set(context.args):
        print(f"{served.parser(_PROGRAM).format_help()}\nExample: {_EXAMPLE}")
        return
    try:
        code = served.main(context.args, _PROGRAM)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else ExitCode.FAILED
    raise typer.Exit(code)
