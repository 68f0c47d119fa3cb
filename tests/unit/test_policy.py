"""Decisions about failures, over their whole table."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from invigilate._policy import Outcome, backoff, classify, decide, retry_after_seconds

STATUSES = [*range(100, 600), 600, 999]
RETRIED = {408, 429, 500, 502, 503, 504}


@pytest.mark.parametrize("sent", [True, False])
def test_what_a_status_says(sent: bool) -> None:
    for status in STATUSES:
        outcome = classify(status, sent=sent)
        if 200 <= status <= 299:
            assert outcome is Outcome.SUCCEEDED
        elif 400 <= status <= 499 and status != 408:
            assert outcome is Outcome.REFUSED
        else:
            assert outcome is Outcome.UNKNOWN, status


def test_what_no_status_says() -> None:
    assert classify(None, sent=True) is Outcome.UNKNOWN
    assert classify(None, sent=False) is Outcome.NOT_SENT
    # Logs and spans show these.
    assert [outcome.value for outcome in Outcome] == ["succeeded", "not sent", "refused", "unknown"]


def test_the_whole_table() -> None:
    kinds = [(None, True), (None, False), *((status, True) for status in STATUSES if not 200 <= status <= 299)]
    for safe, refused, (status, sent), attempt, retries, after, left in itertools.product(
        (True, False),
        (True, False),
        kinds,
        (1, 2, 3),
        (0, 1, 2),
        (None, 0.0, 5.0, 60.0, 60.1, 3600.0),
        (None, -1.0, 0.0, 0.4, 5.0, 100.0),
    ):
        outcome = classify(status, sent=sent)
        decision = decide(
            idempotent=safe,
            outcome=outcome,
            status_code=status,
            attempt=attempt,
            max_retries=retries,
            retry_after=after,
            time_left=left,
            jitter=0.5,
            retry_refused=refused,
        )
        wait = after if after is not None else min(8.0, 0.5 * 2 ** (attempt - 1)) * 0.5
        expected = (
            (safe or outcome is Outcome.NOT_SENT or (refused and status == 429))
            and (status is None or status in RETRIED)
            and attempt <= retries
            and (after is None or after <= 60)
            and (left is None or wait < left)
        )
        where = (safe, refused, status, sent, attempt, retries, after, left)
        assert decision.retry is expected, where
        assert decision.wait == (wait if expected else 0.0), where
        assert bool(decision.reason) is not expected, where


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ""),
        ({"retry_after": 60.0}, ""),
        ({"retry_after": 3600.0}, "the server asks to wait 3600 s, more than the 60 s allowed"),
        ({"attempt": 3}, "no retries left"),
        ({"max_retries": 0}, "max_retries is 0"),
        ({"time_left": 0.5}, "the deadline is sooner than the retry in 0.5 s"),
        ({"time_left": 1.0, "retry_after": 1.0}, "the deadline is sooner than the retry in 1.0 s"),
        ({"time_left": 0.0}, "the deadline passed"),
        ({"time_left": -0.1}, "the deadline passed"),
        ({"status_code": 404}, "retrying would not help"),
        ({"idempotent": False}, "not idempotent, so not retried"),
        # Whether refused requests are retried is an option, off unless set.
        ({"idempotent": False, "outcome": Outcome.REFUSED, "status_code": 429}, "not idempotent, so not retried"),
    ],
)
def test_giving_up_says_why(given: dict[str, Any], expected: str) -> None:
    values: dict[str, Any] = {"attempt": 1, "max_retries": 2, "retry_after": None, "time_left": None, "jitter": 1.0}
    failed = {"idempotent": True, "outcome": Outcome.UNKNOWN, "status_code": 503}
    decision = decide(**{**values, **failed, **given})
    assert decision.reason == expected
    assert decision.retry is not bool(expected)


def test_what_no_retry_mends_is_not_retried() -> None:
    for safe, (status, sent) in itertools.product((True, False), [(None, True), (None, False), (503, True)]):
        decision = decide(
            idempotent=safe,
            outcome=classify(status, sent=sent),
            status_code=status,
            attempt=1,
            max_retries=5,
            retry_after=0.0,
            time_left=None,
            jitter=0.5,
            permanent=True,
        )
        assert decision == (False, 0.0, "retrying would not help")


@given(
    status=st.none() | st.integers(100, 999),
    sent=st.booleans(),
    attempt=st.integers(1, 50),
    retries=st.integers(0, 50),
    after=st.none() | st.floats(0, 1e9),
    left=st.none() | st.floats(-1e3, 1e6),
    jitter=st.floats(0, 1),
)
def test_a_request_that_is_not_idempotent_is_retried_only_if_nothing_was_sent(
    status: int | None,
    sent: bool,
    attempt: int,
    retries: int,
    after: float | None,
    left: float | None,
    jitter: float,
) -> None:
    decision = decide(
        idempotent=False,
        outcome=classify(status, sent=sent),
        status_code=status,
        attempt=attempt,
        max_retries=retries,
        retry_after=after,
        time_left=left,
        jitter=jitter,
    )
    if decision.retry:
        assert status is None
        assert not sent
        assert attempt <= retries
    assert 0 <= decision.wait <= 60
    assert left is None or not decision.retry or decision.wait < left


@given(attempt=st.integers(1, 10**6), jitter=st.floats(0, 1))
def test_the_backoff_has_full_jitter_up_to_eight_seconds(attempt: int, jitter: float) -> None:
    ceiling = [0.5, 1.0, 2.0, 4.0, 8.0][min(attempt, 5) - 1]
    assert 0 <= backoff(attempt, jitter) <= ceiling <= 8.0
    assert backoff(attempt, 1.0) == ceiling
    assert backoff(attempt, 0.0) == 0.0


NOW = 1_772_638_200.0
MOMENT = datetime.fromtimestamp(NOW, UTC)


def http_date(seconds: float) -> str:
    return format_datetime(MOMENT + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("007", 7.0),
        ("86400", 86400.0),
        ("9" * 400, float("inf")),
        ("", None),
        (" ", None),
        (".", None),
        ("1.2.3", None),
        ("-5", None),
        ("+5", None),
        ("1e3", None),
        ("5s", None),
        ("5, 10", None),
        ("\u0665", None),
        ("\u00b2", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        (http_date(30), 30.0),
        (http_date(-30), 0.0),
        (format_datetime((MOMENT + timedelta(seconds=30)).astimezone(timezone(timedelta(hours=2)))), 30.0),
        ("Wed, 32 Mar 2026 15:30:00 GMT", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after_seconds({"retry-after": text}, NOW) == seconds


def test_no_retry_after() -> None:
    assert retry_after_seconds({}, NOW) is None


def test_a_date_counts_from_the_servers_own_clock() -> None:
    wrong_clock = NOW - 5 * 3600
    headers = {"retry-after": http_date(20), "date": http_date(0)}
    assert retry_after_seconds(headers, wrong_clock) == 20.0
    assert retry_after_seconds({**headers, "date": "nonsense"}, NOW) == 20.0
    # The older form, and one without a zone, which is UTC.
    assert retry_after_seconds({"retry-after": f"{MOMENT:%A, %d-%b-%y %H:%M:%S} GMT"}, NOW) == 0.0
    assert retry_after_seconds({"retry-after": f"{MOMENT:%a %b %d %H:%M:%S %Y}"}, NOW - 9) == 9.0


def test_a_date_without_a_zone_is_utc_wherever_this_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        found = retry_after_seconds({"retry-after": f"{MOMENT:%a, %d %b %Y %H:%M:%S} -0000"}, NOW - 9)
        assert retry_after_seconds({"retry-after": http_date(30)}, NOW) == 30.0
    time.tzset()
    assert found == 9.0


@given(after=st.text(), date=st.text())
@example(after="Fri, 31 Dec 9999 23:59:59 -2359", date="")
@example(after="Mon, 01 Jan 0001 00:00:00 +2359", date="Fri, 31 Dec 9999 23:59:59 -2359")
@example(after="Mon, 01 Jan 2026 00:00:00 +9999", date="")
@example(after="Mon, 01 Jan 99999999999999999999 00:00:00", date="")
def test_no_header_breaks_it(after: str, date: str) -> None:
    seconds = retry_after_seconds({"retry-after": after, "date": date}, NOW)
    assert seconds is None or seconds >= 0
