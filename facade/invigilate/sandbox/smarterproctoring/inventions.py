"""What the sandbox invents for SmarterProctoring, and what it lets pass."""

from __future__ import annotations

from invigilate.sandbox.inventions import Invention

INVENTED: dict[str, tuple[Invention, ...]] = {
    "Tokens": (
        Invention(
            "token-refusal",
            "A missing or wrong token is refused with 403 AUTHENTICATIONFAILED.",
            "It is refused with 401 INVALIDTOKEN and a WWW-Authenticate header: two guides differ.",
        ),
        Invention(
            "token-expiry",
            "An expired token is refused with 403 AUTHENTICATIONFAILED, or with 401 INVALIDTOKEN and a WWW-Authenticate"
            " header, as `expired_token` and `expire_token()` say.",
        ),
    ),
    "Exam sessions": (
        Invention(
            "bookable-status",
            "A session that can be scheduled has the status Needs Proctor; scheduling makes it Scheduled.",
        ),
        Invention(
            "second-booking",
            "Scheduling a session that is Scheduled is refused, and charges nothing.",
            "It is booked, and charged, again.",
        ),
        Invention(
            "conflict-status",
            "What the status of a session does not allow is refused with 409 RESOURCECONFLICT: only a Scheduled session"
            " can be rescheduled or canceled, and none that is Closed or Cancelled can be scheduled.",
            "It is refused with 400 INVALIDINPUT.",
        ),
        Invention(
            "reschedule-time",
            "The new time is appointmentStartDateTime or, without it, appointmentDateTime; what is not sent stays.",
            "It is appointmentDateTime or, without it, appointmentStartDateTime.",
        ),
        Invention(
            "appointment-end",
            "Without an end, an appointment ends after the exam's duration at the time of the booking. Changing the"
            " duration later does not move it.",
            "It has no end.",
        ),
        Invention(
            "success-string",
            "Where a string is documented as the response, it is Successful.",
            "It is OK.",
        ),
        Invention(
            "charges",
            "An amount above 0 with a cardToken is charged, in USD when no currency is named. Every other booking is"
            " free. No card and no voucher is declined.",
        ),
        Invention(
            "voucher-pays",
            "A voucherCode pays whatever the price is: the ledger gets an entry of 0, and a card is not charged.",
            "With a cardToken and a voucherCode, the card is charged.",
        ),
        Invention(
            "canceled-status",
            "A canceled session becomes Cancelled, and statusReason is the reason as it was sent.",
            "It becomes Needs Proctor, and can be scheduled again.",
        ),
        Invention(
            "canceled-billable",
            "A session that is Cancelled is not billable.",
            "It stays billable.",
        ),
        Invention(
            "refunds",
            "Cancelling refunds nothing: the ledger stays as it is.",
            "What the card was charged is refunded: the ledger gets an entry with the negative amount.",
        ),
        Invention("closing", "A Scheduled session becomes Closed only when a test closes it."),
        Invention(
            "onboarding-status",
            "An onboarding URL is issued for Scheduled sessions only. Each call issues another one.",
            "It is issued for every session that is neither Closed nor Cancelled.",
        ),
        Invention(
            "active-sessions",
            "The sessions of an enrollment are all of them, and with includeActive=true only the active ones: those"
            " that are neither Closed nor Cancelled.",
            "They are those that are not active, and with includeActive=true all of them.",
        ),
        Invention(
            "list-order",
            "Without sortKeys, the sessions of an enrollment come in the order in which they were created.",
            "The latest comes first.",
        ),
        Invention(
            "list-page",
            "A page of the sessions of an enrollment has 50 rows unless limit says otherwise.",
            "It has 20.",
        ),
        Invention(
            "session-fields",
            "The fields of exam, enrollment, course, proctor and location in a session, and the values of those fields"
            " that nothing documented sets.",
        ),
    ),
    "Assignments": (
        Invention(
            "assignment-order",
            "removed comes before added, so that an enrollment in both gets a new session.",
            "added comes before removed, so that an enrollment in both has lost its session.",
        ),
        Invention(
            "assignment-sessions",
            "An enrollment with an active session gets no other one. An exam without limitedScope can be"
            " assigned, too.",
        ),
        Invention(
            "selection-union",
            "The fields of a selection add up: a course stands for all its learners, a section for those in it.",
            "An enrollment has to fit all fields.",
        ),
        Invention(
            "selection-refusal",
            "What does not exist is refused with 404, and what belongs to another course with 400; nothing is changed"
            " then.",
        ),
        Invention(
            "initial-enrollments",
            "All people of the initial data are enrolled in all its courses. A course has two sections.",
        ),
    ),
    "Provisioning": (
        Invention(
            "provision-matching",
            "An entity is found by any of its identifiers, in the whole install. Identifiers of several entities are"
            " refused with 409, an unknown SID with 404, and new identifiers of a found entity are kept. Nothing is"
            " changed when anything is refused.",
        ),
        Invention(
            "provision-by-email",
            "People are not found by their e-mail address.",
            "People are found by their e-mail address, too.",
        ),
        Invention(
            "provision-required",
            "Creating a course needs title and code, a user firstName, lastName and email, an exam title and"
            " configuration; enrollment and signon need user. Otherwise 400. An exam in another course than the one"
            " that was sent is refused with 409.",
        ),
        Invention(
            "provision-results",
            "The response has what was sent. Found Existing means that nothing changed; what is not sent stays.",
        ),
        Invention(
            "provision-sessions",
            "An exam without limitedScope creates a session for each learner of its course, now and on later"
            " enrollments; with it, only for those assigned. An enrollment that ever had a session of the exam gets no"
            " other one. Sessions stay when limitedScope becomes true. Instructors get no sessions.",
        ),
        Invention(
            "provision-placement",
            "A new course is in the last offering. A configuration is found by its identifier, or else by its type; one"
            " for accommodation belongs to the enrollment of the same call.",
        ),
        Invention(
            "sign-on",
            "The integration of a sign-on has to be the sandbox's; each call issues another token.",
        ),
    ),
    "Users, configurations and settings": (
        Invention(
            "partial-update",
            "Fields that an update of a user does not send stay.",
            "Those that are not sent and are not required become null.",
        ),
        Invention(
            "taken-email",
            "An e-mail address or username that is taken is refused with 409.",
            "Several people can have the same.",
        ),
        Invention(
            "default-username",
            "Without a username, the e-mail address is the username.",
            "It is null.",
        ),
        Invention(
            "user-fields",
            "Every user can be changed as an administrator. Passwords are not shown. What nothing documented sets is"
            " null.",
        ),
        Invention(
            "configuration-fields",
            "Each exam has a primary configuration; its duration is that of new appointments. Fields that an update"
            " does not send stay, and the response to it is the configuration.",
        ),
        Invention(
            "configuration-ranges",
            "A duration or attempts of 0 or less, and a duration above a year, are refused with 400.",
        ),
        Invention("settings", "The settings; nothing documented changes them."),
    ),
    "Report": (
        Invention(
            "report-rows",
            "The rows are sessions that were booked before, followed by those booked through the sandbox, in the order"
            " of their first booking. That is also the order without sortKeys, whatever sortOrder says, and among equal"
            " rows. A session that was never booked is not in it.",
        ),
        Invention("report-total", "total is always set.", "total is missing."),
        Invention(
            "title-match",
            "Titles and codes match as a whole, case included. All filters have to match; a SID that does not exist"
            " leads to an empty report.",
            "The case of titles and codes is ignored.",
        ),
        Invention(
            "null-dates",
            "A filter on a date leaves out sessions without it. Sorted, they come last in ascending and first in"
            " descending order. closeDate means dateClosed.",
            "They come first in ascending and last in descending order.",
        ),
        Invention(
            "largest-limit",
            "A limit above the maximum (`max_limit`) is cut.",
            "It is refused with 400.",
        ),
        Invention(
            "page-edges",
            "A limit of 0 returns an empty page without URLs, an offset beyond the end an empty page.",
        ),
        Invention(
            "page-links",
            "next, prev, first and last are absolute URLs with the filters of the request.",
            "They are paths.",
        ),
        Invention(
            "report-fields",
            "The service type that a session type turns into, and the fields of exam, course, user and courseOffering"
            " in a row.",
        ),
    ),
    "Course offerings": (
        Invention(
            "offering-dates", "A date that is not sent stays; null clears it.", "A date that is not sent is cleared."
        ),
        Invention(
            "match-strings",
            "Match strings are trimmed, and empty ones dropped. The report shows the new title at once.",
        ),
    ),
}
"""Inventions by subject."""

PERMITTED: dict[str, tuple[str, ...]] = {
    "Access": (
        "The one token is valid for every install of the account, and for every operation.",
        "There are no rate limits.",
    ),
    "Exam sessions": (
        "Appointments in the past, outside the dates of the course offering, and outside the times in which the exam's"
        " configuration lets it be scheduled or taken.",
        "Appointments that overlap, of one person, one proctor or one place; ends before beginnings.",
        "Any session type, whatever the exam's configuration and the install's settings say, and without the fields"
        " that a type may need.",
        "Any amount, whatever the exam costs; any card token, voucher and currency code that the pattern allows.",
        "Rescheduling, canceling and onboarding at any time, however late, and whatever the cancellation policy says.",
        "Identifiers in a body that do not exist: locations, message threads, proctors, proctor types, time zones,"
        " cancellation policies.",
        "More sessions than a configuration has attempts.",
    ),
    "Everything else": (
        "Email addresses, telephone numbers, URLs, currency and country codes, and time zones of any form.",
        "Passwords of any strength.",
        "Course offerings that end before they begin, and configurations that close before they open.",
    ),
}
"""What is accepted and a real server may refuse, by subject."""
