"""Serves a sandbox until it is stopped: `python -m invigilate.sandbox --help`."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import FrameType

from . import BEHAVIOURS, Behaviour, Sandbox
from .behaviours import behaviour_of
from .faults import Fault
from .faults.command import parse, table
from .registry import shipped
from .times import Clock, now

_MOST_ROWS = 1_000_000
_LARGEST_PORT = 65_535


def main(arguments: Sequence[str] | None = None, program: str = "python -m invigilate.sandbox") -> int:
    """Run the command.

    Args:
        arguments: the command line, by default that of the process.
        program: name of the program in messages.

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
    try:
        sandbox = Sandbox(
            seed=options.seed,
            report_rows=options.report_rows,
            open_sessions=options.open_sessions,
            max_limit=options.max_limit,
            token_lifetime=options.token_lifetime,
            expired_token=options.expired_token,
            behaviour=options.behaviour,
            strict=options.strict,
            apis=options.apis,
            ports=dict(options.port),
            control_port=options.control_port,
            docs=options.docs,
            docs_port=options.docs_port,
            idle_timeout=options.idle_timeout,
            clock=options.clock,
        )
    except (OSError, ValueError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
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
    """Build the parser of the command line."""
    titles = " and ".join(entry.title for entry in shipped())
    built = argparse.ArgumentParser(
        prog=program,
        description=f"Serves {titles} on 127.0.0.1, with made-up data, until Ctrl-C.",
    )
    add = built.add_argument
    add(
        "--port",
        action="append",
        default=[],
        type=_port,
        metavar="API=N",
        help=f"port of an API ({', '.join(entry.key for entry in shipped())}); can be repeated",
    )
    add("--control-port", type=_number(0, _LARGEST_PORT), default=0, metavar="N", help="port of the control endpoint")
    add("--docs", action="store_true", help="serve the API explorer, too: a page to read about operations and try them")
    add("--docs-port", type=_number(0, _LARGEST_PORT), default=0, metavar="N", help="port of the explorer")
    add("--apis", metavar="FILE", help="TOML file with further APIs")
    add("--seed", type=int, default=7, metavar="N", help="decides all data (7)")
    add("--report-rows", type=_number(0, _MOST_ROWS), default=240, metavar="N", help="rows in the report (240)")
    add("--open-sessions", type=_number(1, _MOST_ROWS), default=200, metavar="N", help="sessions to schedule (200)")
    add("--max-limit", type=_number(1, _MOST_ROWS), default=1000, metavar="N", help="largest page (1000)")
    add("--token-lifetime", type=_seconds, default=1800, metavar="SECONDS", help="of access tokens (1800)")
    add("--expired-token", type=int, choices=(401, 403), help="issue an expired token, refused with this status")
    add("--behaviour", type=_behaviour, default="default", metavar="NAME", help=f"{', '.join(BEHAVIOURS)}, joined by +")
    add("--no-strict", dest="strict", action="store_false", help="do not check the sandbox's own responses")
    add("--idle-timeout", type=_seconds, default=60, metavar="SECONDS", help="closes idle connections (60)")
    add("--clock", type=_clock, default=now, metavar="TIME", help="fixed time of changes, such as 2026-09-01T08:00:00Z")
    add(
        "--fault",
        action="append",
        default=[],
        type=_fault,
        metavar="OPERATION:FAULT,OPTION=VALUE,...",
        help='as in "scheduleExamSession:drop_response,times=1" or "*:html_502,probability=0.05"; can be repeated',
    )
    add("--list-faults", action="store_true", help="print all faults and their options")
    add("--json", action="store_true", help="print one line of JSON")
    return built


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most:,}")
        return int(text)

    return number


def _port(text: str) -> tuple[str, int]:
    key, equals, number = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError("expected API=N")
    return key, _number(0, _LARGEST_PORT)(number)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text) or float(text) == 0:
        raise argparse.ArgumentTypeError("expected seconds above 0")
    return float(text)


def _clock(text: str) -> Clock:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("expected a time with a UTC offset, such as 2026-09-01T08:00:00Z")
    fixed = moment.astimezone(UTC)
    return lambda: fixed


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


def _as_exports(sandbox: Sandbox) -> str:
    exports = (f"export {name}={shlex.quote(value)}" for name, value in sandbox.environment.items())
    comments = (f"# {name}: {value}" for name, value in _known(sandbox).items())
    return "\n".join([*exports, *comments])


def _as_json(sandbox: Sandbox) -> str:
    return json.dumps({"environment": sandbox.environment, "urls": sandbox.base_urls, **_known(sandbox)})


def _known(sandbox: Sandbox) -> dict[str, str]:
    docs = {"docs_url": sandbox.docs_url} if sandbox.docs_url else {}
    return {"control_url": sandbox.control_url, **docs, **sandbox.identifiers}


if __name__ == "__main__":
    sys.exit(main())
