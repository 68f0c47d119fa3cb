"""Serves a sandbox until it is told to stop: `python -m invigilate.sandbox --help`."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType

from . import BEHAVIOURS, Behaviour, Sandbox
from .behaviours import behaviour_of
from .faults import Fault
from .faults.command import parse, table

_MOST_ROWS = 1_000_000


def main(arguments: Sequence[str] | None = None, program: str = "python -m invigilate.sandbox") -> int:
    """Run the command.

    Args:
        arguments: the command line, by default the process's own.
        program: what it was called as.

    Returns:
        The exit status.
    """
    options = parser(program).parse_args(arguments)
    if options.list_faults:
        print(table())
        return 0
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    sandbox = Sandbox(
        seed=options.seed,
        report_rows=options.report_rows,
        port=options.port,
        ispring_port=options.ispring_port,
        behaviour=options.behaviour,
    )
    try:
        for operation, fault in options.fault:
            sandbox.faults.add(operation, fault)
        sandbox.start()
    except ValueError as error:
        print(f"--fault: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"The sandbox cannot listen: {error}", file=sys.stderr)
        return 1
    try:
        print(_as_json(sandbox) if options.json else _as_exports(sandbox), flush=True)
        stop.wait()
    finally:
        sandbox.close()
    return 0


def parser(program: str = "python -m invigilate.sandbox") -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    made = argparse.ArgumentParser(
        prog=program,
        description="Serves SmarterProctoring and iSpring Learn on 127.0.0.1, with made-up data, until Ctrl-C.",
    )
    made.add_argument("--port", type=_number(65535), default=0, metavar="N", help="of SmarterProctoring")
    made.add_argument("--ispring-port", type=_number(65535), default=0, metavar="N", help="of iSpring Learn")
    made.add_argument("--seed", type=int, default=7, metavar="N", help="decides all data")
    made.add_argument("--report-rows", type=_number(_MOST_ROWS), default=240, metavar="N", help="default 240")
    made.add_argument("--json", action="store_true", help="print one line of JSON")
    made.add_argument(
        "--fault",
        action="append",
        default=[],
        type=_fault,
        metavar="OPERATION:FAULT,OPTION=VALUE,...",
        help='as in "scheduleExamSession:drop_answer,times=1" or "*:html_502,probability=0.05"; can be repeated',
    )
    made.add_argument("--list-faults", action="store_true", help="print all faults and their options")
    made.add_argument(
        "--behaviour", type=_behaviour, default="default", metavar="NAME", help=f"{', '.join(BEHAVIOURS)}, joined by +"
    )
    return made


def _number(most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > most:
            raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {most:,}")
        return int(text)

    return number


def _fault(text: str) -> tuple[str, Fault]:
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _behaviour(text: str) -> Behaviour:
    try:
        return behaviour_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _environment(sandbox: Sandbox) -> dict[str, str]:
    return {
        "SMARTERPROCTORING_BASE_URL": sandbox.smarterproctoring_url,
        "SMARTERPROCTORING_TOKEN": sandbox.token,
        "SMARTERPROCTORING_INSTALL_SID": sandbox.install_sid,
        "ISPRING_BASE_URL": sandbox.ispring_url,
        "ISPRING_CLIENT_ID": sandbox.client_id,
        "ISPRING_CLIENT_SECRET": sandbox.client_secret,
        "ISPRING_ACCOUNT_URL": sandbox.account_url,
    }


def _known(sandbox: Sandbox) -> dict[str, str]:
    return {
        "exam_sid": sandbox.exam_sid,
        "session_sid": sandbox.session_sid,
        "enrollment_sid": sandbox.enrollment_sid,
        "user_sid": sandbox.user_sid,
        "course_sid": sandbox.course_sid,
        "offering_sid": sandbox.offering_sid,
        "section_sid": sandbox.section_sid,
        "exam_configuration_sid": sandbox.exam_configuration_sid,
        "time_zone_sid": sandbox.time_zone_sid,
        "integration_sid": sandbox.integration_sid,
        "other_install_sid": sandbox.other_install_sid,
        "checklist_id": sandbox.checklist_id,
    }


def _as_exports(sandbox: Sandbox) -> str:
    exports = (f"export {name}={shlex.quote(value)}" for name, value in _environment(sandbox).items())
    comments = (f"# {name}: {value}" for name, value in _known(sandbox).items())
    return "\n".join([*exports, *comments])


def _as_json(sandbox: Sandbox) -> str:
    return json.dumps({"environment": _environment(sandbox), **_known(sandbox)})


if __name__ == "__main__":
    sys.exit(main())
