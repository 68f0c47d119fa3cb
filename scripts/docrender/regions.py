"""What is rendered: each function gives the Markdown of one region."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from invigilate import ISpringLearn, Operation, Resource, SmarterProctoring, errors, parse_timestamp
from invigilate import _resources as resources
from invigilate._policy import (
    FIRST_BACKOFF,
    LONGEST_BACKOFF,
    LONGEST_RETRY_AFTER,
    REPEATABLE_STATUSES,
    Outcome,
    backoff,
    classify,
    decide,
)
from invigilate.errors import status_error
from invigilate.sandbox import BEHAVIOURS, FAULTS, INVENTED
from invigilate.sandbox.faults import KINDS, Fault
from invigilate.sandbox.faults.command import options
from invigilate.verdicts import CANCEL, RESCHEDULE, SCHEDULE, judge


def calls() -> str:
    """The table of calls, from the clients themselves."""
    lines = ["| call | request | gives | repeating |", "|---|---|---|---|"]
    for name, resource, member, bound in _operations():
        operation = bound.describe.__globals__["OPERATION"]
        returned = str(bound.describe.__annotations__["return"])
        given = returned.replace("PagedCall[", "Pager[") if "PagedCall[" in returned else returned[len("Call[") : -1]
        lines.append(
            f"| [`{name}.{resource}.{member}()`]({operation.documentation}) | `{operation.method} {operation.path}` "
            f"| `{given}` | {operation.repeat} |"
        )
    return "\n".join(lines)


def _operations() -> Iterator[tuple[str, str, str, Any]]:
    clients = (("client", SmarterProctoring("token")), ("ispring", ISpringLearn("token")))
    for name, client in clients:
        with client:
            for resource, holder in vars(client).items():
                if isinstance(holder, Resource):
                    for member, bound in vars(type(holder)).items():
                        if isinstance(bound, Operation):
                            yield name, resource, member, bound


def error_tree() -> str:
    """The tree of errors, from the docstring that stands above them."""
    blocks = (errors.__doc__ or "").split("\n\n")
    tree = next(block for block in blocks if block.lstrip().startswith("InvigilateError"))
    return f"```\n{textwrap.dedent(tree)}\n```"


_CERTIFICATE = "the certificate of the server is not accepted"
_ROWS: tuple[tuple[str, int | None, bool], ...] = (
    (_CERTIFICATE, None, False),
    ("no connection, or nothing of the request was written", None, False),
    ("the connection is lost, or times out, after that", None, True),
    ("2xx that is not what is documented", 200, True),
    ("3xx", 302, True),
    ("400", 400, True),
    ("401", 401, True),
    ("403", 403, True),
    ("404", 404, True),
    ("408", 408, True),
    ("409", 409, True),
    ("422", 422, True),
    ("429", 429, True),
    ("another 4xx", 418, True),
    ("500", 500, True),
    ("502, 503, 504", 503, True),
    ("another 5xx", 520, True),
)


def policy() -> str:
    """The table of failures, asked of the functions that decide."""
    lines = [
        "| what happened | what is known | a safe call | raises | a call that must not be repeated | raises |",
        "|---|---|---|---|---|---|",
    ]
    for what, status, sent in _ROWS:
        cells = [what]
        outcome = classify(status, sent=sent)
        if outcome is Outcome.SUCCEEDED:
            # Undecodable: the server did it, and nobody can read what.
            cells += ["the server did something", "not repeated", "`ResponseDecodeError`"]
            cells += ["not repeated", "`OutcomeUnknownError`"]
        else:
            cells.append(_KNOWN[outcome])
            for safe in (True, False):
                cells += [
                    _repeat(safe, outcome, status, permanent=what == _CERTIFICATE),
                    f"`{_raised(safe, outcome, status)}`",
                ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


_KNOWN = {
    Outcome.NOT_SENT: "not sent",
    Outcome.REFUSED: "refused",
    Outcome.UNKNOWN: "unknown: it may have been done",
}


def _repeat(safe: bool, outcome: Outcome, status: int | None, *, permanent: bool) -> str:
    decision = decide(
        safe=safe,
        outcome=outcome,
        status_code=status,
        attempt=1,
        max_retries=1,
        retry_after=None,
        time_left=None,
        jitter=1.0,
        permanent=permanent,
    )
    return "**repeated**" if decision.repeat else "not repeated"


def _raised(safe: bool, outcome: Outcome, status: int | None) -> str:
    if not safe and outcome is Outcome.UNKNOWN:
        return "OutcomeUnknownError"
    return "APIConnectionError" if status is None else status_error(status).__name__


def waits() -> str:
    """How long is waited, from the same functions."""
    longest = ", ".join(f"{backoff(attempt, 1.0):g}" for attempt in range(1, 6))
    statuses = ", ".join(map(str, sorted(REPEATABLE_STATUSES)))
    return textwrap.fill(
        f"Statuses after which a safe call is repeated: {statuses}. Before each repeat it waits a random time of up to "
        f"{longest} and then always up to {LONGEST_BACKOFF:g} seconds (full jitter from {FIRST_BACKOFF:g} seconds), or "
        f"what `Retry-After` asks for, in seconds or as a date. If that is more than {LONGEST_RETRY_AFTER:g} seconds, "
        "or more than the deadline leaves, the call is given up, and the error says why.",
        width=120,
        break_on_hyphens=False,
    )


def invented() -> str:
    """What the sandbox had to decide, from its own list."""
    lines: list[str] = []
    for subject, decisions in INVENTED.items():
        lines += ["", f"### {subject}", ""]
        for decision in decisions:
            lines.append(
                textwrap.fill(
                    decision,
                    width=120,
                    initial_indent="- ",
                    subsequent_indent="  ",
                    break_on_hyphens=False,
                    break_long_words=False,
                )
            )
    return "\n".join(lines[1:])


_ASKED = {"appointment_date_time": "2026-12-07T14:30:00.000Z", "session_sid": "ES1"}
_SELF = {"sid": "ES1"}
_WAITING = {**_SELF, "status": "Needs Proctor"}
_BOOKED = {
    **_SELF,
    "status": "Scheduled",
    "appointmentDate": "2026-12-07T14:30:00Z",
    "dateScheduled": "2026-11-21T10:00:05Z",
}
_ELSEWHEN = {**_BOOKED, "appointmentDate": "2026-12-09T14:30:00Z"}
_NEARLY = {**_BOOKED, "appointmentDate": "2026-12-07T15:00:00Z"}
_PENDING = {**_BOOKED, "status": "Pending Approval"}
_CANCELLED = {**_SELF, "status": "Cancelled"}
_LOCAL = {**_BOOKED, "appointmentDate": "2026-12-07 09:30"}
_STRANGER = {**_BOOKED, "sid": "ES2"}
_NAMELESS = {**_BOOKED, "sid": None}
_OLD = {**_BOOKED, "dateScheduled": "2026-11-20T08:00:00Z"}
# Before the booking above was made.
_SENT_FROM = parse_timestamp("2026-11-21T10:00:00Z").timestamp()

Situation = tuple[str, str, Mapping[str, Any], Mapping[str, Any] | None]

_SITUATIONS: tuple[Situation, ...] = (
    ("Scheduled, with what was asked for; *Needs Proctor* before", SCHEDULE, _BOOKED, _WAITING),
    ("the same; no `before`", SCHEDULE, _BOOKED, None),
    ("the same; *Needs Proctor* before, and booked before the call was sent", SCHEDULE, _OLD, _WAITING),
    ("the same; *Pending Approval* before", SCHEDULE, _BOOKED, _PENDING),
    ("the same; it was already like this before", SCHEDULE, _BOOKED, _BOOKED),
    ("the same, in a response with another `sid`", SCHEDULE, _STRANGER, _WAITING),
    ("the same, in a response without a `sid`", SCHEDULE, _NAMELESS, _WAITING),
    ("Pending Approval, with what was asked for", SCHEDULE, _PENDING, _WAITING),
    ("Needs Proctor, without what was asked for", SCHEDULE, _WAITING, _WAITING),
    ("Scheduled, at another time", SCHEDULE, _ELSEWHEN, _WAITING),
    ("Scheduled, at a time less than a day from the requested one", SCHEDULE, _NEARLY, _WAITING),
    ("Scheduled, at the new time; at another one before", RESCHEDULE, _BOOKED, _ELSEWHEN),
    ("Scheduled, at the new time; no `before`", RESCHEDULE, _BOOKED, None),
    ("Scheduled, at another time than the new one", RESCHEDULE, _ELSEWHEN, _ELSEWHEN),
    ("Scheduled, at a time less than a day from the new one", RESCHEDULE, _NEARLY, _ELSEWHEN),
    ("Scheduled, at a time without an offset", RESCHEDULE, _LOCAL, _ELSEWHEN),
    ("Cancelled; *Scheduled* before", CANCEL, _CANCELLED, _BOOKED),
    ("Cancelled; no `before`", CANCEL, _CANCELLED, None),
    ("still Scheduled", CANCEL, _BOOKED, _BOOKED),
    ("Needs Proctor; *Scheduled* before", CANCEL, _WAITING, _BOOKED),
)
_CALLED = {SCHEDULE: "`schedule`", RESCHEDULE: "`reschedule`", CANCEL: "`cancel`"}


def verdicts() -> str:
    """What is concluded from what is read back, asked of the function that judges."""
    lines = ["| after | the session that is read back | verdict | taken for granted |", "|---|---|---|---|"]
    for what, operation, session, before in _SITUATIONS:
        verdict, _, _, inferred = judge(operation, _ASKED, session, before=before, sent_from=_SENT_FROM)
        granted = "; ".join(inferred)
        lines.append(f"| {_CALLED[operation]} | {what} | `{verdict.value}` | {granted} |")
    return "\n".join(lines)


def fault_table() -> str:
    """What the sandbox can do wrong, from its own list."""
    common = options(Fault)
    lines = ["| fault | options | what it does |", "|---|---|---|"]
    for name, what in FAULTS.items():
        own = ", ".join(f"`{key}={value!r}`" for key, value in options(KINDS[name]).items() if key not in common)
        lines.append(f"| `{name}` | {own} | {what} |")
    return "\n".join(lines)


def behaviours() -> str:
    """How the sandbox can behave, from its own list."""
    lines = ["| behaviour | what it does |", "|---|---|"]
    lines += [f"| `{name}` | {what} |" for name, (_, what) in BEHAVIOURS.items()]
    return "\n".join(lines)


def thinness() -> str:
    """How many handwritten lines of the facade each resource and each operation costs, counted in its source."""
    bound = {name: str(_handwritten(lines)) for name, lines in _bindings().items()}
    lines = ["| resource | lines for the resource | lines for each operation |", "|---|---|---|"]
    for name, (members, own) in _resource_lines().items():
        cost = ", ".join(f"`{member}` {bound[f'{name}.{member}']}" for member in members)
        lines.append(f"| `{name}` | {own} | {cost} |")
    numbers = Counter(bound.values())
    lines += ["", "; ".join(f"{count} operations cost {number} each" for number, count in numbers.items()) + "."]
    return "\n".join(lines)


def _classes() -> Iterator[ast.ClassDef]:
    for node in ast.parse(inspect.getsource(resources)).body:
        if isinstance(node, ast.ClassDef) and any("Resource[" in ast.unparse(base) for base in node.bases):
            yield node


def _bindings() -> dict[str, ast.Assign]:
    """The statements that bind operations, by resource and member."""
    return {
        f"{node.name}.{target.id}": each
        for node in _classes()
        for each in node.body
        if isinstance(each, ast.Assign) and ast.unparse(each.value).startswith("operation(")
        for target in each.targets
        if isinstance(target, ast.Name)
    }


def _resource_lines() -> dict[str, tuple[list[str], int]]:
    """The members of each resource, and the lines that it costs without them: head, docstring, view and attaching."""
    source = inspect.getsource(resources)
    found: dict[str, tuple[list[str], int]] = {}
    for node in _classes():
        members = [key.partition(".")[2] for key in _bindings() if key.startswith(f"{node.name}.")]
        view = [each for each in node.body if isinstance(each, ast.AnnAssign)]
        docstring = [each for each in node.body if isinstance(each, ast.Expr)]
        attached = [line for line in source.splitlines() if f"= {node.name}(runner)" in line]
        found[node.name] = (members, 1 + sum(map(_handwritten, [*docstring, *view])) + len(attached))
    return found


def _handwritten(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


REGIONS: dict[str, Callable[[], str]] = {
    "calls": calls,
    "errors": error_tree,
    "policy": policy,
    "waits": waits,
    "invented": invented,
    "verdicts": verdicts,
    "faults": fault_table,
    "behaviours": behaviours,
    "thinness": thinness,
}
"""Region -> what renders it."""
