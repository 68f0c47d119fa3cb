"""Serves a sandbox until it is told to stop: `python -m invigilate.sandbox --help`."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from . import BEHAVIOURS, Behaviour, Sandbox
from .behaviours import behaviour_of
from .faults import Fault
from .faults.command import parse, table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the command line, by default the process's own.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m invigilate.sandbox",
        description="Serves SmarterProctoring and iSpring Learn on 127.0.0.1, with made-up data, until Ctrl-C.",
    )
    parser.add_argument("--port", type=int, default=0, metavar="N", help="of SmarterProctoring")
    parser.add_argument("--ispring-port", type=int, default=0, metavar="N", help="of iSpring Learn")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="decides all data")
    parser.add_argument("--report-rows", type=int, default=240, metavar="N", help="default 240")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        type=_fault,
        metavar="OPERATION:FAULT,OPTION=VALUE,...",
        help='as in "scheduleExamSession:drop_answer,times=1" or "*:html_502,probability=0.05"; can be repeated',
    )
    parser.add_argument("--list-faults", action="store_true", help="print all faults and their options")
    parser.add_argument(
        "--behaviour", type=_behaviour, default="default", metavar="NAME", help=f"{', '.join(BEHAVIOURS)}, joined by +"
    )
    return parser


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
