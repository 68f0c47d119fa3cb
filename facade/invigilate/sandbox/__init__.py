"""An embedded, stateful server for both APIs on loopback, for tests and for trying things out.

```python
from invigilate.sandbox import Sandbox

with Sandbox(seed=7, report_rows=240) as sandbox:
    print(sandbox.smarterproctoring_url, sandbox.token, sandbox.install_sid)
    assert sandbox.ledger == []
```

It is made from the same specifications as the clients and shares nothing else with them: each
request and each of its own answers is checked against them. What no page documents, and the sandbox
had to decide, is listed in `INVENTED`.

`sandbox.faults` makes it misbehave (see `invigilate.sandbox.faults`), and `Sandbox(behaviour=...)` makes it one of
the servers that the documentation leaves room for (see `BEHAVIOURS`).

It needs the extra `sandbox`: `pip install 'invigilate[sandbox]'`.
"""

from __future__ import annotations

from importlib.util import find_spec

for _module in ("openapi_core", "yaml"):
    if find_spec(_module) is None:
        raise ImportError(
            f"the sandbox needs {_module}; install it with: pip install 'invigilate[sandbox]'",
            name=_module,
        )

from . import faults  # noqa: E402  # what is missing is said first
from .behaviours import BEHAVIOURS, Behaviour  # noqa: E402
from .exchange import Answer, Connection, Exchange, Hangup, Interceptor, Phase  # noqa: E402
from .faults import FAULTS  # noqa: E402
from .records import Charge, Defect, Journal, Ledger, RecordedRequest  # noqa: E402
from .sandbox import KnownSession, Sandbox  # noqa: E402

INVENTED: dict[str, tuple[str, ...]] = {
    "Refusals": (
        "An undocumented query parameter or body member is refused with 400, so that a misspelt"
        " filter does not pass in silence. So are a parameter that is sent twice where no array is"
        " documented, a body where none is documented, a boolean that is not true or false, and a"
        " time that matches the documented pattern without being a time.",
        "The order of the checks: path (404 RESOURCENOTFOUND), method (405 UNSUPPORTEDHTTPVERB, the"
        " code of a sister API), token, input (400 INVALIDINPUT), and then what the path names"
        " (404 RESOURCENOTFOUND).",
        "A missing or wrong token is refused with 403 AUTHENTICATIONFAILED. An expired one too, or"
        " with 401 INVALIDTOKEN and a WWW-Authenticate header, as asked for: two guides differ.",
        "iSpring: X-Auth-Account-Url, when it is sent, has to be the sandbox's account, or the"
        " answer is 403. `code` repeats the HTTP status.",
        "A body above 16 MiB is refused with 413, and a request that is no proper HTTP with what the"
        " standard says, in the shape of the API's errors.",
        "A mistake of the sandbox itself is a 500 with the code SANDBOXDEFECT.",
    ),
    "Exam sessions": (
        "A session that can be scheduled has the status Needs Proctor. Scheduling makes it"
        " Scheduled; scheduling a session that is Scheduled, Closed or Cancelled is refused with"
        " 409 RESOURCECONFLICT.",
        "Only a Scheduled session can be rescheduled; otherwise 409 RESOURCECONFLICT. The new time"
        " is appointmentStartDateTime or else appointmentDateTime; what is not sent stays as it was."
        " The answer is the text Successful.",
        "Without an end, an appointment ends when the exam's duration is over.",
        "A voucherCode pays whatever the price is: the ledger gets an entry of 0, and the card is"
        " not charged. Without one, an amount above 0 with a cardToken is charged, in USD when no"
        " currency is named. Every other booking is free. No card and no voucher is ever declined.",
        "Identifiers in a body (locations, message threads, proctors) are not looked up.",
        "Only a Scheduled session can be cancelled; otherwise 409 RESOURCECONFLICT. It becomes Cancelled, no longer"
        " billable, and statusReason is the reason as it was sent. Nothing is paid back: the ledger stays as it is. The"
        " answer is the text Successful.",
        "A Scheduled session becomes Closed when `sandbox.close_session` says so, and never by itself.",
        "An onboarding URL is made for Scheduled sessions only; otherwise 409 RESOURCECONFLICT. Each call makes another"
        " one, and all are good.",
        "The list of an enrollment: without sortKeys in the order in which the sessions came, 50 in a page unless"
        " limit says otherwise. includeActive=true leaves out what is Closed or Cancelled, false leaves out nothing.",
        "The members of exam, enrollment, course, proctor and location in a session.",
    ),
    "Assignments": (
        "removed comes before added, and an enrollment in both gets a new session. Who has an active session gets no"
        " other one. Active is what is neither Closed nor Cancelled.",
        "Several members of a selection add up. A course means all its learners, a section those in it. What does not"
        " exist is refused with 404, and what belongs to another course with 400; nothing is changed then.",
        "An exam without limitedScope can be assigned, too.",
        "Whoever is there from the start is enrolled in every course that is. A course has two sections.",
    ),
    "Provisioning": (
        "An entity is found by any identifier that is given, in the whole install, people not by their e-mail address."
        " Identifiers of several entities are refused with 409, an unknown SID with 404, and new identifiers of a found"
        " entity are kept. Nothing is changed when anything is refused.",
        "To make a course needs title and code, a user firstName, lastName and email, an exam title and configuration;"
        " enrollment and signon need user. Otherwise 400. An exam in another course than the given one is refused with"
        " 409.",
        "The answer has what was given. Found Existing is what was given just so; what is left out stays as it is.",
        "An exam without limitedScope gives a session to each learner of its course, now and when one is enrolled"
        " later; with it only to those assigned. Whoever ever had a session of the exam gets none. Sessions stay when"
        " limitedScope becomes true. Instructors get no sessions.",
        "A new course is in the last offering. A configuration is found by its identifier, or else by its type; one for"
        " accommodation belongs to the enrollment in the same call.",
        "The integration of a sign-on has to be the sandbox's; each call makes another token.",
    ),
    "Users, configurations and settings": (
        "What is not sent stays. A taken e-mail address or username is refused with 409. Every user can be changed as"
        " an administrator. Passwords of people are never shown. Without a username the e-mail address is one.",
        "Each exam has a primary configuration; its duration is that of new appointments. The answer to an update is"
        " the configuration after it. A duration or attempts of 0 or less are refused with 400.",
        "The settings; nothing documented changes them.",
    ),
    "Report": (
        "Its rows are sessions that were booked before, followed by those booked through the"
        " sandbox, in the order in which they were first booked. That is also the order without"
        " sortKeys, whatever sortOrder says, and among equal rows. A session that was never booked is not in it.",
        "Titles and codes have to match as a whole, upper and lower case included. A SID that does"
        " not exist gives an empty report. All filters have to hold together.",
        "A session without the date in question is left out by a filter on that date. Sorted, it"
        " comes last in ascending and first in descending order. closeDate means dateClosed.",
        "A limit above the maximum (1,000 unless set otherwise) is cut. A limit of 0 gives an"
        " empty page without addresses. An offset behind the end gives an empty page.",
        "next, prev, first and last are whole URLs with the filters of the request.",
        "The service type that a session type turns into, and the members of exam, course, user and"
        " courseOffering in a row.",
    ),
    "Course offerings": (
        "A date that is left out stays; null clears it. Match strings are trimmed, and empty ones"
        " dropped. The report shows the new title at once.",
    ),
    "Behaviours": tuple(description for _, description in BEHAVIOURS.values()),
    "Faults": (
        "What is done on request only, and counted in `sandbox.faults.fired`: see `FAULTS`.",
        "The bodies of errors that faults give, with the code SANDBOXFAULT, and the pages of HTML.",
        "Rows that a growing or shifting list adds are copies of others with new SIDs.",
    ),
    "Training sessions": (
        "Filters hold together; an empty list lets nothing through; identifiers that do not exist are passed over.",
        "A session that has not started has nulls, and one in progress lacks the members that have"
        " no value yet: nothing says which way it is.",
        "Dates are written day first, in no particular zone.",
        "Completed is PASSED. Results of sessions are sums of those of their criteria, where skipped criteria count"
        " neither as earned nor as possible points; their own points are null. Each checklist has groups and criteria"
        " of its own.",
        "A filter on sessions also narrows the sessions shown of a checklist, and leaves out checklists without any."
        " One hidden checklist has no sessions.",
    ),
}
"""What the sandbox had to decide because no page documents it, by subject."""

__all__ = [
    "BEHAVIOURS",
    "FAULTS",
    "INVENTED",
    "Answer",
    "Behaviour",
    "Charge",
    "Connection",
    "Defect",
    "Exchange",
    "Hangup",
    "Interceptor",
    "Journal",
    "KnownSession",
    "Ledger",
    "Phase",
    "RecordedRequest",
    "Sandbox",
    "faults",
]
