"""What the sandbox invents for iSpring Learn, and what it lets pass."""

from __future__ import annotations

from invigilate.sandbox.inventions import Invention

INVENTED: dict[str, tuple[Invention, ...]] = {
    "Training sessions": (
        Invention(
            "credentials-refusal",
            "Missing, wrong and expired credentials are refused with 401; `code` repeats the status.",
        ),
        Invention(
            "account-check",
            "X-Auth-Account-Url, when it is sent, has to be the sandbox's account; otherwise 403.",
            "The header is ignored.",
        ),
        Invention(
            "training-filters",
            "All filters have to match; identifiers that do not exist match nothing.",
        ),
        Invention("empty-filter", "An empty list matches nothing.", "An empty list does not filter."),
        Invention(
            "missing-values",
            "A session that has not started has nulls, and one in progress lacks the fields without a value.",
            "A session that has not started lacks the fields without a value, and one in progress has nulls.",
        ),
        Invention(
            "day-first",
            "Dates are written day first, without a time zone.",
            "Dates are written month first.",
        ),
        Invention(
            "result-sums",
            "A completed session is PASSED. Results of sessions are sums of those of their criteria, where skipped"
            " criteria count neither as earned nor as possible points; their own points are null. Each checklist has"
            " groups and criteria of its own.",
        ),
        Invention(
            "narrowed-checklists",
            "A filter on sessions narrows the sessions of a checklist, and leaves out checklists without any.",
            "It leaves out checklists without any, and the others show all their sessions.",
        ),
        Invention("hidden-checklist", "One checklist is HIDDEN, and has no sessions."),
    ),
}
"""Inventions by subject."""

PERMITTED: dict[str, tuple[str, ...]] = {
    "Training": (
        "Every access token sees all checklists, sessions and people of the account.",
        "Calls without X-Auth-Account-Url. There are no rate limits, and tokens can be issued without end.",
    ),
}
"""What is accepted and a real server may refuse, by subject."""
