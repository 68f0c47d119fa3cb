"""What the sandbox records for tests: charges, requests and its own defects."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar, overload

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Charge:
    """One payment, without card token and voucher code, so that neither ends up in a log.

    Attributes:
        install_sid: install of the session.
        session_sid: session that was paid for.
        amount: charge to the card; 0 when a voucher paid, below 0 for a refund.
        currency: currency of the amount, `USD` when the request named none.
        at: when it was charged.
        voucher: whether a voucher paid instead of a card.
    """

    install_sid: str
    session_sid: str
    amount: Decimal
    currency: str
    at: datetime
    voucher: bool


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request. Headers and body are not kept: they hold secrets.

    Attributes:
        api: key of the API.
        method: HTTP method.
        path: path as it was sent, without the query.
        query: query as it was sent, without the question mark.
        operation_id: operation in the spec, or None when there is none.
        status: status of the response, or None when none was sent.
    """

    api: str
    method: str
    path: str
    query: str
    operation_id: str | None
    status: int | None


@dataclass(frozen=True, slots=True)
class Defect:
    """A mistake of the sandbox itself: a crash, or a response that is not as documented."""

    api: str
    operation_id: str | None
    message: str


class Journal(Sequence[Record], Generic[Record]):
    """A list that many threads append to. Reading it reads a copy."""

    def __init__(self, maximum: int | None = None) -> None:
        self._records: deque[Record] = deque(maxlen=maximum)
        self._lock = threading.Lock()

    def add(self, record: Record) -> None:
        """Add a record; when the journal is full, the oldest one is dropped."""
        with self._lock:
            self._records.append(record)

    def clear(self) -> None:
        """Remove all records."""
        with self._lock:
            self._records.clear()

    def _copy(self) -> list[Record]:
        with self._lock:
            return list(self._records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        return self._copy()[index]

    def __len__(self) -> int:
        with self._lock:
            return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._copy())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Journal):
            return self._copy() == other._copy()
        return self._copy() == other if isinstance(other, list) else NotImplemented

    def __repr__(self) -> str:
        return repr(self._copy())


class Ledger(Journal[Charge]):
    """All charges, in order."""

    def of_session(self, session_sid: str) -> list[Charge]:
        """The charges for one session. More than one with an amount is a double charge."""
        return [charge for charge in self if charge.session_sid == session_sid]

    def total(self, currency: str = "USD") -> Decimal:
        """The sum of the charges in a currency."""
        return sum((c.amount for c in self if c.currency == currency), Decimal(0))
