"""The regions: each function returns the Markdown of one of them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from invigilate import errors, parse_timestamp
from invigilate._policy import (
    LONGEST_RETRY_AFTER,
    RETRYABLE_STATUSES,
    Outcome,
    backoff,
    classify,
    decide,
)
from invigilate.errors import error_class
from invigilate.sandbox import BEHAVIOURS, FAULTS, INVENTED, PERMITTED
from invigilate.sandbox.documents import load
from invigilate.sandbox.faults import TYPES, Fault
from invigilate.sandbox.faults.command import options
from invigilate.sandbox.listing import BEHAVIOR
from invigilate.sandbox.registry import shipped
from invigilate.smarterproctoring.verdicts import CANCEL, RESCHEDULE, SCHEDULE, judge

from .calls import calls, coverage, resources
from .settings import environment
from .settings import options as client_options

ROOT = Path(__file__).resolve().parents[2]


def error_tree() -> str:
    """The tree of errors, from the docstring that stands above them."""
    blocks = (errors.__doc__ or "").split("\n\n")
    tree = next(block for block in blocks if block.lstrip().startswith("InvigilateError"))
    return f"```\n{textwrap.dedent(tree)}\n```"


_CERTIFICATE = "the server's certificate is not trusted"
_ROWS: tuple[tuple[str, int | None, bool], ...] = (
    (_CERTIFICATE, None, False),
    ("no connection, or no part of the request was written", None, False),
    ("the connection is lost, or times out, after that", None, True),
    ("2xx whose body is not as documented", 200, True),
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
    """The table of failures, from the functions that decide."""
    lines = [
        "| failure | outcome | idempotent | raises | not idempotent | raises |",
        "|---|---|---|---|---|---|",
    ]
    for what, status, sent in _ROWS:
        cells = [what]
        outcome = classify(status, sent=sent)
        if outcome is Outcome.SUCCEEDED:
            cells += ["processed, with an unreadable response", "not retried", "`ResponseDecodeError`"]
            cells += ["not retried", "`OutcomeUnknownError`"]
        else:
            cells.append(_KNOWN[outcome])
            for idempotent in (True, False):
                cells += [
                    _retry(idempotent, outcome, status, permanent=what == _CERTIFICATE),
                    f"`{_raised(idempotent, outcome, status)}`",
                ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


_KNOWN = {
    Outcome.NOT_SENT: "not sent",
    Outcome.REFUSED: "refused",
    Outcome.UNKNOWN: "unknown: it may have been processed",
}


def _retry(idempotent: bool, outcome: Outcome, status: int | None, *, permanent: bool) -> str:
    decision = decide(
        idempotent=idempotent,
        outcome=outcome,
        status_code=status,
        attempt=1,
        max_retries=1,
        retry_after=None,
        time_left=None,
        jitter=1.0,
        permanent=permanent,
    )
    return "**retried**" if decision.retry else "not retried"


def _raised(idempotent: bool, outcome: Outcome, status: int | None) -> str:
    if not idempotent and outcome is Outcome.UNKNOWN:
        return "OutcomeUnknownError"
    return "APIConnectionError" if status is None else error_class(status).__name__


def waits() -> str:
    """The waits before retries, from the same functions."""
    longest = ", ".join(f"{backoff(attempt, 1.0):g}" for attempt in range(1, 7))
    statuses = ", ".join(map(str, sorted(RETRYABLE_STATUSES)))
    return textwrap.fill(
        f"Idempotent requests are retried after these statuses: {statuses}. The wait before each retry is random (full "
        f"jitter), at most {longest}, ... seconds, or as long as `Retry-After` asks "
        f"for, in seconds or as a date. If that is more than {LONGEST_RETRY_AFTER:g} seconds, or more than the "
        "deadline leaves, the request is not retried, and the error says why.",
        width=120,
        break_on_hyphens=False,
    )


def invented() -> str:
    """What the sandbox decides where the documentation is silent, from its own list."""
    lines: list[str] = []
    for subject, inventions in INVENTED.items():
        lines += ["", f"### {subject}", ""]
        for each in inventions:
            contrary = "" if each.contrary is None else f" Contrary: {each.contrary}"
            lines.append(_bullet(f"`{each.name}`: {each.text}{contrary}"))
    return "\n".join(lines[1:])


def permitted() -> str:
    """What the sandbox lets pass, from its own list."""
    lines: list[str] = []
    for subject, texts in PERMITTED.items():
        lines += ["", f"{subject}:", "", *map(_bullet, texts)]
    return "\n".join(lines[1:])


def _bullet(text: str) -> str:
    return textwrap.fill(
        text,
        width=120,
        initial_indent="- ",
        subsequent_indent="  ",
        break_on_hyphens=False,
        break_long_words=False,
    )


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
    ("Scheduled, as requested; *Needs Proctor* before", SCHEDULE, _BOOKED, _WAITING),
    ("the same; no `before`", SCHEDULE, _BOOKED, None),
    ("the same; *Needs Proctor* before, and booked before the request was sent", SCHEDULE, _OLD, _WAITING),
    ("the same; *Pending Approval* before", SCHEDULE, _BOOKED, _PENDING),
    ("the same; it already was like this before", SCHEDULE, _BOOKED, _BOOKED),
    ("the same, in a response with another `sid`", SCHEDULE, _STRANGER, _WAITING),
    ("the same, in a response without a `sid`", SCHEDULE, _NAMELESS, _WAITING),
    ("Pending Approval, as requested", SCHEDULE, _PENDING, _WAITING),
    ("Needs Proctor, not as requested", SCHEDULE, _WAITING, _WAITING),
    ("Scheduled, at another time", SCHEDULE, _ELSEWHEN, _WAITING),
    ("Scheduled, at a time less than a day from the requested one", SCHEDULE, _NEARLY, _WAITING),
    ("Scheduled, at the new time; at another time before", RESCHEDULE, _BOOKED, _ELSEWHEN),
    ("Scheduled, at the new time; no `before`", RESCHEDULE, _BOOKED, None),
    ("Scheduled, at another time than the new one", RESCHEDULE, _ELSEWHEN, _ELSEWHEN),
    ("Scheduled, at a time less than a day from the new one", RESCHEDULE, _NEARLY, _ELSEWHEN),
    ("Scheduled, at a time without a UTC offset", RESCHEDULE, _LOCAL, _ELSEWHEN),
    ("Cancelled; *Scheduled* before", CANCEL, _CANCELLED, _BOOKED),
    ("Cancelled; no `before`", CANCEL, _CANCELLED, None),
    ("still Scheduled", CANCEL, _BOOKED, _BOOKED),
    ("Needs Proctor; *Scheduled* before", CANCEL, _WAITING, _BOOKED),
)
_CALLED = {SCHEDULE: "`schedule`", RESCHEDULE: "`reschedule`", CANCEL: "`cancel`"}


def verdicts() -> str:
    """The verdict on each session that may be read back, from the function that decides."""
    lines = ["| after | the session read back | verdict | inferred |", "|---|---|---|---|"]
    for what, operation, session, before in _SITUATIONS:
        verdict, _, _, inferred = judge(operation, _ASKED, session, before=before, sent_from=_SENT_FROM)
        lines.append(f"| {_CALLED[operation]} | {what} | `{verdict.value}` | {'; '.join(inferred)} |")
    return "\n".join(lines)


def fault_table() -> str:
    """The faults that the sandbox can inject, from its own list."""
    common = options(Fault)
    lines = ["| fault | options | what it does |", "|---|---|---|"]
    for name, what in FAULTS.items():
        own = ", ".join(f"`{key}={value!r}`" for key, value in options(TYPES[name]).items() if key not in common)
        lines.append(f"| `{name}` | {own} | {what} |")
    return "\n".join(lines)


def behaviours() -> str:
    """How the sandbox can behave, from its own list."""
    lines = ["| behavior | what it does |", "|---|---|"]
    lines += [f"| `{name}` | {what} |" for name, (_, what) in BEHAVIOURS.items()]
    return "\n".join(lines)


def stateful() -> str:
    """Which operations have state in the sandbox, and which return examples, from its own functions."""
    lines = ["| area | with state | examples |", "|---|---|---|"]
    for entry in shipped():
        document, areas = load(entry), dict[str, tuple[list[str], list[str]]]()
        for each in document.operations:
            tags = document.operation(each).get("tags") or ["other"]
            has_state, examples = areas.setdefault(tags[0], ([], []))
            (has_state if each.operation_id in BEHAVIOR.get(entry.key, ()) else examples).append(
                f"`{each.operation_id}`"
            )
        lines += [f"| {entry.title}: {area} | {', '.join(a)} | {', '.join(b)} |" for area, (a, b) in areas.items()]
    return "\n".join(lines)


def guarantees() -> str:
    """The checks of each guarantee in worlds with each fault, as `./scripts/simulate --record` counted them."""
    figures = json.loads((ROOT / "scripts" / "docrender" / "guarantees.json").read_text())
    names = list(figures["guarantees"])
    lines = [f"| fault | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for fault, checks in figures["checks"].items():
        lines.append(f"| {fault} | {' | '.join(_count(checks[name]) for name in names)} |")
    promised = [f"- **{name}**: {text}." for name, text in figures["guarantees"].items()]
    faults = [f"- **{name}**: {text}." for name, text in figures["faults"].items()]
    return "\n".join(
        [
            f"{figures['worlds']:,} worlds, no violation.\n", *lines,
            "\nThe guarantees:\n", *promised, "\nThe faults:\n", *faults,
        ]
    )  # fmt: skip


def _count(number: int) -> str:
    return f"{number / 1000:,.0f}k" if number >= 10_000 else f"{number:,}" if number else ""


REGIONS: dict[str, Callable[[], str]] = {
    "calls": calls,
    "resources": resources,
    "coverage": coverage,
    "options": client_options,
    "environment": environment,
    "errors": error_tree,
    "policy": policy,
    "waits": waits,
    "invented": invented,
    "permitted": permitted,
    "verdicts": verdicts,
    "faults": fault_table,
    "behaviours": behaviours,
    "stateful": stateful,
    "guarantees": guarantees,
}
"""The function that renders each region."""
