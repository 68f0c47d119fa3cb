"""Faults: what the sandbox does wrong on request, on the real socket.

```python
from invigilate.sandbox import Sandbox, faults

with Sandbox(seed=7) as sandbox:
    sandbox.faults.add("scheduleExamSession", faults.drop_response(times=1))
    with sandbox.faults.during("*", faults.html_502(probability=0.1)):
        ...
    print(sandbox.faults.fired.counts)
```

All faults take `times`, `after` and `probability`; see `Fault`. `FAULTS` lists them.
"""

from __future__ import annotations

from .connections import (
    ApplyLate,
    CloseWithoutResponse,
    DropResponse,
    Outage,
    Refuse,
    ResetAfterReading,
    ResetBeforeReading,
    ResetOnConnect,
    Stall,
)
from .fired import FiredFault, FiredFaults
from .pages import CapLimit, EmptyPage, PagesGrow, PagesShift, PagesShrink, WrongResults, WrongTotal
from .plan import Fault, Faults, Planned
from .responses import (
    EmptyBody,
    ExtraFields,
    Html502,
    Html520,
    NewEnumValues,
    NotJson,
    Nulls,
    Redirect,
    Status,
    TooManyRequests,
    Unavailable,
    WrongTypes,
)
from .transmission import BrokenGzip, DuplicateClose, SlowHeaders, Trickle, Truncate, WrongLength

refuse = Refuse
reset_on_connect = ResetOnConnect
reset_before_reading = ResetBeforeReading
reset_after_reading = ResetAfterReading
outage = Outage
drop_response = DropResponse
close_without_response = CloseWithoutResponse
apply_late = ApplyLate
stall = Stall
trickle = Trickle
slow_headers = SlowHeaders
truncate = Truncate
wrong_length = WrongLength
broken_gzip = BrokenGzip
duplicate_close = DuplicateClose
html_502 = Html502
html_520 = Html520
status = Status
too_many_requests = TooManyRequests
unavailable = Unavailable
redirect = Redirect
empty_body = EmptyBody
not_json = NotJson
wrong_types = WrongTypes
nulls = Nulls
extra_fields = ExtraFields
new_enum_values = NewEnumValues
cap_limit = CapLimit
wrong_total = WrongTotal
wrong_results = WrongResults
empty_page = EmptyPage
pages_shrink = PagesShrink
pages_grow = PagesGrow
pages_shift = PagesShift

TYPES: dict[str, type[Fault]] = {
    each.name: each
    for each in (
        refuse, reset_on_connect, reset_before_reading, reset_after_reading, outage, drop_response,
        close_without_response, apply_late, stall, trickle, slow_headers, truncate, wrong_length, broken_gzip,
        duplicate_close, html_502,
        html_520, status, too_many_requests, unavailable, redirect, empty_body, not_json, wrong_types, nulls,
        extra_fields, new_enum_values, cap_limit, wrong_total, wrong_results, empty_page, pages_shrink, pages_grow,
        pages_shift,
    )
}  # fmt: skip
"""All faults by name."""

FAULTS: dict[str, str] = {name: (each.__doc__ or "").splitlines()[0] for name, each in TYPES.items()}
"""What each fault does, by its name."""

__all__ = [
    "FAULTS",
    "TYPES",
    "Fault",
    "Faults",
    "FiredFault",
    "FiredFaults",
    "Planned",
    "apply_late",
    "broken_gzip",
    "cap_limit",
    "close_without_response",
    "drop_response",
    "duplicate_close",
    "empty_body",
    "empty_page",
    "extra_fields",
    "html_502",
    "html_520",
    "new_enum_values",
    "not_json",
    "nulls",
    "outage",
    "pages_grow",
    "pages_shift",
    "pages_shrink",
    "redirect",
    "refuse",
    "reset_after_reading",
    "reset_before_reading",
    "reset_on_connect",
    "slow_headers",
    "stall",
    "status",
    "too_many_requests",
    "trickle",
    "truncate",
    "unavailable",
    "wrong_length",
    "wrong_results",
    "wrong_total",
    "wrong_types",
]
