"""What the sandbox invents for iSpring Learn, and what it lets pass."""

from __future__ import annotations

from invigilate.sandbox.inventions import Invention

INVENTED: dict[str, tuple[Invention, ...]] = {
    "Users, learning and results": (
        Invention(
            "unknown-object",
            "An ID in a path that does not exist is refused with 404.",
            "It is refused with 400, unless a page documents 404.",
        ),
        Invention(
            "unknown-in-list",
            "One ID of a list or a filter that does not exist fails the whole call with 400, and nothing is changed."
            " Client code shows this for users.",
        ),
        Invention(
            "unusable-value",
            "What the documentation implies and no schema says is refused with 400: an empty password or subscriber"
            " name, a page or page size below 1, and a manual subordination without a supervisor.",
        ),
        Invention(
            "refused-change",
            "What the current state does not allow is refused with 409: a taken login, email address or subscriber"
            " name, deleting a department with users or sub-departments, moving one below itself, and rules of a plain"
            " group.",
            "It is refused with 400.",
        ),
        Invention(
            "page-tokens",
            "A page has as many rows as `pageSize` says. Rows come in the order in which they were added. A token that"
            " is unknown, has expired, or comes with other filters is refused with 400.",
        ),
        Invention("last-token", "The last page has no `nextPageToken`.", "It has an empty one."),
        Invention(
            "learner-fields",
            "A profile has the fields that were sent, in upper case. `lastLoginDate` is the day of creation.",
        ),
        Invention(
            "profile-fields", "The fields of a profile, of which logins and email addresses are unique, case included."
        ),
        Invention(
            "user-search",
            "Pages are numbered from 1 and have 100 users. All filters have to match, and both ends of a range count.",
        ),
        Invention("partial-change", "What an update does not send stays; `groupIds` adds to the groups."),
        Invention(
            "scheduled-status", "A scheduled status is set with the first request of its day in UTC. Past days count."
        ),
        Invention("deleted-user", "The enrollments of a deleted user are deleted, too."),
        Invention("department-fields", "A new department has no `subordination`; the root has no parent."),
        Invention(
            "smart-groups", "The rules of a smart group are kept and not evaluated: nobody is in it because of them."
        ),
        Invention(
            "content-fields",
            "The fields of content and enrollments that nothing documented sets. A course has two pages and a training,"
            " one that was created has no modules. Material has a final status per enrollment in a course with it.",
        ),
        Invention(
            "due-dates",
            "Times without an offset are in UTC, and a date begins at midnight. A due date without"
            " `lockAfterDueDate` locks nothing.",
        ),
        Invention(
            "second-enrollment",
            "Enrolling a learner twice in a course creates a second enrollment.",
            "The first enrollment stays as it is, and no event is sent.",
        ),
        Invention(
            "reenrollment",
            "Enrolling again keeps the ID, and resets status, results and certificate.",
            "Earlier results stay.",
        ),
        Invention(
            "result-fields",
            "The status of a course follows from its modules, unless it was set: `not_started` until one has a"
            " status, `in_progress` until all are finished, then `failed`, `passed` or `complete`. Progress is the"
            " percentage of modules completed successfully, the score their mean.",
        ),
        Invention(
            "result-filters",
            "Both ends of a range count. Without `userStatuses`, results are those of active users.",
        ),
        Invention(
            "task-status",
            "Statistics change at once, and each background job is complete.",
            "The first read of a job shows `in_progress`.",
        ),
        Invention("certificates", "A course that is completed successfully has a certificate; a reset withdraws it."),
        Invention("points", "Points may fall below 0. Without a filter, everybody is listed."),
    ),
    "Webhooks": (
        Invention(
            "webhook-events",
            "An enrollment of several learners is one event per course; a filter on users leaves only their IDs in it.",
        ),
        Invention(
            "webhook-payloads",
            "Payloads are JSON objects, and completion times are numbers. The confirmation is a JSON string, as in"
            " client code.",
            "All payloads are JSON strings, and completion times are strings.",
        ),
        Invention(
            "webhook-signature",
            "`X-Hub-Signature` is the SHA-256 of the body and the secret, in hexadecimal.",
            "It is an HMAC in hexadecimal, after `sha256=`.",
        ),
        Invention(
            "webhook-retries",
            "A failed delivery is retried, unchanged, every 0.2 seconds; after 10 attempts it is abandoned, as the"
            " vendor does after a day. It waits 5 seconds for a response. Confirmations are retried, too.",
        ),
        Invention(
            "webhook-codes", "A code is valid once, and until the next one or another URL; others are refused with 400."
        ),
        Invention(
            "webhook-subscriptions",
            "A subscriber may have several subscriptions, one for each type; another one of the same type replaces it.",
        ),
        Invention(
            "webhook-status",
            "The notification process of a subscriber is INACTIVE while its URL is unconfirmed, or it is disabled.",
        ),
        Invention(
            "webhook-secret", "New settings without a secret leave the secret as it is.", "They remove the secret."
        ),
        Invention(
            "disabled-events", "What happens while a subscriber is disabled is not sent.", "It is sent after enabling."
        ),
    ),
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
    "Users and learning": (
        "Passwords of any strength, and any wording of invitations, which nobody receives. Any profile value but an"
        " unreadable birthdate.",
        "Every access token may see and change everything. Any number of roles; every user can be deleted.",
        "Pages of any size, and folders that do not exist.",
        "Callback URLs that are not on loopback: nothing is sent to them, which the list of deliveries shows, and"
        " counts as received.",
        "Operations whose responses are examples: whatever IDs they are called with.",
    ),
    "Training": (
        "Every access token sees all checklists, sessions and people of the account.",
        "Calls without X-Auth-Account-Url. There are no rate limits, and tokens can be issued without end.",
    ),
}
"""What is accepted and a real server may refuse, by subject."""
