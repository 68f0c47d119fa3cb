"""What the sandbox remembers of iSpring Learn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, TypeVar, cast

from invigilate.sandbox.api import Control, Operations, whole
from invigilate.sandbox.cursors import Cursors
from invigilate.sandbox.deliveries import Deliveries
from invigilate.sandbox.documents import Document
from invigilate.sandbox.identifiers import Mint
from invigilate.sandbox.inventions import infer
from invigilate.sandbox.json_values import is_object
from invigilate.sandbox.options import Options
from invigilate.sandbox.problems import Problem, conflict, invalid, missing
from invigilate.sandbox.store import START, Identified, Table, cut
from invigilate.sandbox.validation import Call

from . import account
from .records import Content, Department, Enrollment, Group, Json, Module, Role, User
from .training_sessions import JobTraining

OPERATIONS: Operations[LearnState] = Operations()

DEFAULT_PAGE = 1000
_PAGING = frozenset({"pageToken", "pageSize", "page"})

Row = TypeVar("Row", bound=Identified)
Item = TypeVar("Item")
Function = Callable[["LearnState", Call], object]
Known = Mapping[str, tuple[str, str | None]]
"""Filters by name without brackets: the index, and the table, if any, whose IDs the values are."""


def operation(operation_id: str) -> Callable[[Function], Function]:
    """Register the decorated function for an operation. One request is executed at a time."""

    def register(function: Function) -> Function:
        def execute(state: LearnState, call: Call) -> object:
            with state.lock:
                state.apply_scheduled()
                return function(state, call)

        OPERATIONS.register(operation_id)(execute)
        return function

    return register


def register_lists(
    table: str, known: Known, show: Callable[[Any], Json], *, rows: str, paged: Iterable[str], whole: str, wrapped: bool
) -> None:
    """Register the lists of a table: by page, and the list of all rows.

    Args:
        table: the table.
        known: the filters.
        show: writes a row.
        rows: the field for the rows of a page.
        paged: the operations that return a page.
        whole: the operation that returns all rows.
        wrapped: whether these are in the same field, too.
    """

    def select(state: LearnState, call: Call) -> Callable[[int], Iterator[tuple[int, Any]]]:
        filters, found = state.filters(call, known), getattr(state, table)
        return lambda after: found.select(filters, after=after)

    def list_all(state: LearnState, call: Call) -> object:
        found = [show(row) for _, row in select(state, call)(START)]
        return {rows: found} if wrapped else found

    for each in paged:
        operation(each)(lambda state, call: state.page(call, rows, select(state, call), show))
    operation(whole)(list_all)


class LearnState:
    """The state of iSpring Learn.

    Attributes:
        client_id: client ID of the one API key.
        client_secret: its secret.
        account_url: URL of the account.
        training: the on-the-job training.
        behaviour: how the server behaves.
        clock: the time of changes.
        mint: creates identifiers.
        cursors: the page tokens.
        deliveries: what is sent to webhooks.
        subscribers: state of the webhooks, by name of the subscriber.
        tasks: number of the times that the status of a background job was read, by job.
        populated: number of users that were added by `populate`.
    """

    def __init__(self, document: Document, options: Options) -> None:
        self.mint = Mint(options.seed, "training")
        self.behaviour = options.behaviour
        self.clock = options.clock
        self.lock = threading.RLock()
        self.client_id = self.mint.uuid("client")
        self.client_secret = self.mint.secret("client")
        self.account_url = "https://sandbox-account.ispringlearn.com"
        self.training = JobTraining(document, options.seed)
        self.token_lifetime = options.token_lifetime
        self.cursors = Cursors(f"{options.seed}/ispring")
        self.deliveries = Deliveries(options.clock)
        self.subscribers: dict[str, Any] = {}
        self.tasks: list[int] = []
        self.populated = 0
        self.roles: dict[str, Role] = {}
        self.users: Table[User] = Table(
            department=lambda row: (row.department,),
            group=lambda row: row.groups,
            login=lambda row: (row.fields.get("LOGIN"),),
            email=lambda row: (row.fields.get("EMAIL"),),
            scheduled=lambda row: (True,) if row.scheduled else (),
        )
        self.departments: Table[Department] = Table(parent=lambda row: (row.parent,), code=lambda row: (row.code,))
        self.groups: Table[Group] = Table()
        self.contents: Table[Content] = Table(type=lambda row: (row.type,))
        self.modules: Table[Module] = Table(course=lambda row: (row.course,), item=lambda row: (row.item,))
        self.enrollments: Table[Enrollment] = Table(
            course=lambda row: (row.course,),
            learner=lambda row: (row.learner,),
            certificate=lambda row: () if row.certificate is None else (row.certificate[0],),
        )
        self._created = self._codes = 0
        self._issued = 0
        # By token: when it expires, on the monotonic clock.
        self._tokens: dict[str, float] = {}
        account.furnish(self, document)
        enrollment = next(iter(self.enrollments))
        module = self.modules.rows(course=(enrollment.course,))[0]
        self._identifiers = {
            "checklist_id": self.training.sessions[0].checklist_id,
            "user_id": enrollment.learner,
            "department_id": self.users[enrollment.learner].department,
            "group_id": next(iter(self.groups)).id,
            "course_id": enrollment.course,
            "module_id": module.id,
            "content_item_id": module.item,
            "enrollment_id": enrollment.id,
            "issued_certificate_id": self.mint.uuid("certificate"),
        }

    @property
    def environment(self) -> Mapping[str, str]:
        """See `State`."""
        return {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "account_url": self.account_url,
        }

    @property
    def identifiers(self) -> Mapping[str, str]:
        """See `State`."""
        return self._identifiers

    @property
    def credentials(self) -> Mapping[str, str]:
        """See `State`."""
        return {"bearer": self.issue_token()}

    @property
    def controls(self) -> Mapping[str, Control]:
        """See `State`."""
        return {
            "POST /users/populate/{users}": lambda variables: self.populate(whole(variables["users"])),
            "POST /cursors/expire": lambda _: self.cursors.expire(),
            **self.deliveries.controls("/deliveries"),
        }

    def anticipate(self, operation_id: str, call: Call) -> None:
        """See `State`."""

    def render_error(self, problem: Problem) -> dict[str, object]:
        """See `State`."""
        return {"code": problem.status, "message": problem.message}

    def close(self) -> None:
        """See `State`."""
        self.deliveries.close()

    def populate(self, users: int) -> None:
        """Add active learners, each enrolled in the first course."""
        with self.lock:
            account.populate(self, users)

    def create_id(self) -> str:
        """The ID of something new."""
        self._created += 1
        return self.mint.uuid("created", self._created)

    def create_code(self) -> str:
        """The next code that confirms a URL."""
        self._codes += 1
        return self.mint.uuid("code", self._codes - 1)

    @property
    def tokens_issued(self) -> int:
        """Number of tokens issued."""
        return self._issued

    def issue_token(self) -> str:
        """Issue a token."""
        with self.lock:
            token = self.mint.secret("access", self._issued)
            self._issued += 1
            self._tokens[token] = time.monotonic() + self.token_lifetime
            return token

    def revoke_tokens(self) -> None:
        """Invalidate all tokens that were issued."""
        with self.lock:
            self._tokens.clear()

    def authenticate(self, headers: Mapping[str, str], query: str, security: tuple[tuple[str, ...], ...]) -> None:
        """Check the Bearer token of a request, and the account if one is named.

        Raises:
            Problem: the token is missing, wrong or expired, or belongs to another account.
        """
        scheme, _, token = headers.get("authorization", "").partition(" ")
        expires = self._tokens.get(token.strip(), 0.0)
        if scheme.lower() != "bearer" or time.monotonic() >= expires:
            infer("credentials-refusal")
            raise Problem(401, "401", "The access token is missing, invalid or expired.")
        account_url = headers.get("x-auth-account-url", self.account_url)
        if account_url != self.account_url and not self.behaviour.flips("account-check"):
            raise Problem(403, "403", "The token belongs to another account.")

    def apply_scheduled(self) -> None:
        """Block users, and end their employment, when the day has begun in UTC."""
        for user in self.users.rows(scheduled=(True,)):
            days = user.scheduled or {}
            due = [status for status, day in days.items() if date.fromisoformat(day) <= self.clock().date()]
            if due:
                with self.users.changing(user.id):
                    user.status = max(due)
                    user.scheduled = {status: day for status, day in days.items() if status not in due}

    def find(self, table: Table[Row], row_id: str, what: str) -> Row:
        """The record that a path names.

        Raises:
            Problem: there is none.
        """
        row = table.get(row_id)
        if row is None:
            raise invalid(f"{what} does not exist.") if self.behaviour.flips("unknown-object") else missing(what)
        return row

    def check_known(self, table: Table[Any], ids: Iterable[str], name: str) -> None:
        """Check that all IDs of a list or a filter exist.

        Raises:
            Problem: one does not, so that the whole call fails.
        """
        if not all(each in table for each in ids):
            infer("unknown-in-list")
            raise invalid(f"{name}: one of the IDs does not exist.")

    def refuse(self, message: str) -> Problem:
        """The problem when the current state does not allow a change."""
        return invalid(message) if self.behaviour.flips("refused-change") else conflict(message)

    def filters(self, call: Call, known: Known) -> dict[str, Collection[Hashable]]:
        """The filters of a call by index.

        Raises:
            Problem: an ID does not exist.
        """
        found: dict[str, Collection[Hashable]] = {}
        for name, values in sent(call).items():
            index, table = known.get(name.removesuffix("[]"), ("", None))
            if not index or (values == [] and self.behaviour.flips("empty-filter")):
                continue
            if table is not None:
                self.check_known(getattr(self, table), values, name)
            found[index] = frozenset(cast("list[Hashable]", [values] if isinstance(values, str) else values))
        return found

    def page(
        self, call: Call, rows: str, select: Callable[[int], Iterator[tuple[int, Item]]], show: Callable[[Item], Json]
    ) -> Json:
        """One page of a list.

        Args:
            call: the call, with the token and the size of the page.
            rows: the field for the rows.
            select: returns what comes behind a position, each with its position.
            show: writes a row.
        """
        infer("page-tokens")
        values = sent(call)
        size = values.get("pageSize", DEFAULT_PAGE)
        if size < 1:
            raise invalid("pageSize: below 1.")
        narrowed = sorted((name, str(value)) for name, value in values.items() if name not in _PAGING)
        scope = f"{call.target}?{narrowed}"
        after = self.cursors.read(scope, values.get("pageToken"))
        found, position = cut(select(after), size)
        page: Json = {rows: [show(row) for row in found]}
        if position is not None:
            page["nextPageToken"] = self.cursors.issue(scope, position)
        elif self.behaviour.flips("last-token"):
            page["nextPageToken"] = ""
        return page


def sent(call: Call) -> Json:
    """The arguments of a call, from its query and its body."""
    return {**call.query, **(call.body if is_object(call.body) else {})}


def day_of(text: str, name: str) -> datetime:
    """The time that a date, or a date with a time of day, stands for; in UTC unless it says otherwise.

    Raises:
        Problem: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{name} is not a date such as 2026-03-02, or 2026-03-02 09:00:00.") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def written(moment: datetime | None) -> str | None:
    """A time as responses have it."""
    return None if moment is None else moment.isoformat(timespec="seconds")


def present(row: Json) -> Json:
    """A record without the fields that have no value."""
    return {name: value for name, value in row.items() if value is not None}


@operation("createAccessToken")
def create_access_token(state: LearnState, call: Call) -> object:
    """Issue a token for client credentials."""
    if (call.body["client_id"], call.body["client_secret"]) != (state.client_id, state.client_secret):
        infer("credentials-refusal")
        raise Problem(401, "401", "The client ID or the client secret is wrong.")
    return {
        "access_token": state.issue_token(),
        "expires_in": int(state.token_lifetime),
        "token_type": "bearer",
    }
