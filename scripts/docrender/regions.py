"""What is rendered: each function gives the Markdown of one region."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from invigilate import ISpringLearn, Operation, PagedOperation, Resource, SmarterProctoring, errors
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
from invigilate.sandbox import INVENTED


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
                        if isinstance(bound, Operation | PagedOperation):
                            yield name, resource, member, bound


def error_tree() -> str:
    """The tree of errors, from the docstring that stands above them."""
    blocks = (errors.__doc__ or "").split("\n\n")
    tree = next(block for block in blocks if block.lstrip().startswith("InvigilateError"))
    return f"```\n{textwrap.dedent(tree)}\n```"


_ROWS: tuple[tuple[str, int | None, bool], ...] = (
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
                cells += [_repeat(safe, outcome, status), f"`{_raised(safe, outcome, status)}`"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


_KNOWN = {
    Outcome.NOT_SENT: "not sent",
    Outcome.REFUSED: "refused",
    Outcome.UNKNOWN: "unknown: it may have been done",
}


def _repeat(safe: bool, outcome: Outcome, status: int | None) -> str:
    decision = decide(
        safe=safe,
        outcome=outcome,
        status_code=status,
        attempt=1,
        max_retries=1,
        retry_after=None,
        time_left=None,
        jitter=1.0,
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


REGIONS: dict[str, Callable[[], str]] = {
    "calls": calls,
    "errors": error_tree,
    "policy": policy,
    "waits": waits,
    "invented": invented,
}
"""Region -> what renders it."""
