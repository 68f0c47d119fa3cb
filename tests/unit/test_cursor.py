"""Paging by cursor: every row once, an end only where the server declares one, and errors where tokens contradict."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invigilate import (
    UNSET,
    AsyncSmarterProctoring,
    IncompleteResultError,
    InternalServerError,
    InvalidArgumentError,
    Page,
    Pager,
    Pagination,
    ReportWarning,
    ResponseDecodeError,
    SmarterProctoring,
)
from invigilate_runtime import Call, Field, Operation, PagedCall
from tests.golden.generated.nasty_client.api.things import list_leaves
from tests.golden.generated.nasty_client.models.leaf import Leaf
from tests.support.fakes import (
    INSTALL,
    MODES,
    TOKEN,
    Lost,
    Mode,
    Reply,
    Script,
    Sent,
    collect,
    ispring,
    perform,
    proctoring,
)

CURSOR = Pagination(
    "cursor", rows="items", parameter="pageToken", limit="pageSize", total="totalCount", next="nextPageToken"
)
PATH = "/v1/things"
ENDS: dict[str, dict[str, Any]] = {
    "missing": {},
    "null": {"nextPageToken": None},
    "empty": {"nextPageToken": ""},
}


class Things:
    """A model of a server: rows behind opaque tokens, each of which is good for one place.

    Args:
        sizes: how many rows each page has; 0 makes an empty page in between.
        total: what it announces.
        end: how the last page says that it is the last.
    """

    def __init__(
        self,
        sizes: list[int],
        *,
        total: Callable[[int], Any] | None = None,
        end: dict[str, Any] = ENDS["missing"],
    ) -> None:
        self.pages: list[list[int]] = []
        self.count = sum(sizes)
        for size in sizes:
            start = sum(map(len, self.pages))
            self.pages.append(list(range(start, start + size)))
        self._total = total
        self._end = end

    @staticmethod
    def token(page: int) -> str:
        return f"t{page * 7919 % 104729:06d}/+=&"

    def __call__(self, sent: Sent) -> Reply:
        token = dict(sent.query).get("pageToken")
        tokens = [None, *(self.token(page) for page in range(1, len(self.pages)))]
        if token not in tokens:
            return Reply(400, {"code": "UNKNOWNTOKEN"})
        page = tokens.index(token)
        last = page == len(self.pages) - 1
        body: dict[str, Any] = {"items": [{"number": number} for number in self.pages[page]]}
        body |= self._end if last else {"nextPageToken": self.token(page + 1)}
        if self._total is not None:
            body["totalCount"] = self._total(self.count)
        return Reply(200, body)


def things(client: Any, **params: Any) -> Any:
    return client.paginate(PATH, params=params, pagination=CURSOR)


def numbers(rows: list[Any]) -> list[int]:
    return [row["number"] for row in rows]


def pages(*bodies: dict[str, Any]) -> Script:
    return Script(*(Reply(200, body) for body in bodies))


def items(*found: int) -> list[dict[str, int]]:
    return [{"number": number} for number in found]


@given(
    sizes=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    end=st.sampled_from(sorted(ENDS)),
    total=st.sampled_from([None, lambda count: count, float, str, lambda count: None]),
    ahead=st.none() | st.integers(1, 4),
    mode=st.sampled_from(MODES),
)
def test_every_row_comes_once_and_in_order(
    sizes: list[int], end: str, total: Callable[[int], Any] | None, ahead: int | None, mode: Mode
) -> None:
    model = Things(sizes, total=total, end=ENDS[end])
    server = Script(model)

    def use(client: Any) -> Any:
        pager = things(client, colour="red", pageSize=3)
        return pager if ahead is None else pager.prefetch(ahead)

    rows = collect(mode, server, use)
    assert numbers(rows) == list(range(model.count))
    # Each page was requested once: the first without a token, and nothing else changed.
    rest = [("colour", "red"), ("pageSize", "3")]
    assert [sent.query for sent in server.sent] == [
        rest,
        *([*rest, ("pageToken", model.token(page))] for page in range(1, len(sizes))),
    ]
    assert len({(sent.method, sent.headers, sent.content) for sent in server.sent}) == 1


@given(sizes=st.lists(st.integers(1, 4), min_size=2, max_size=8), data=st.data(), mode=st.sampled_from(MODES))
def test_paging_starts_at_a_token_that_was_passed(sizes: list[int], data: st.DataObject, mode: Mode) -> None:
    model = Things(sizes, total=lambda count: count)
    start = data.draw(st.integers(1, len(sizes) - 1))
    rows = collect(mode, Script(model), lambda client: things(client, pageToken=model.token(start)))
    # The total counts the rows before the token as well, so it must not be missed.
    assert numbers(rows) == list(range(sum(sizes[:start]), model.count))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", ENDS)
def test_a_missing_or_empty_token_is_the_end(end: str, mode: Mode) -> None:
    server = Script(Things([2, 2, 1], end=ENDS[end]))
    assert numbers(collect(mode, server, things)) == [0, 1, 2, 3, 4]
    assert len(server.sent) == 3


def test_nothing_at_all_is_one_empty_page() -> None:
    bodies: list[dict[str, Any]] = [{"items": []}, {"items": [], "totalCount": 0, "nextPageToken": ""}]
    for body in bodies:
        server = pages(body)
        pager = things(proctoring(server))
        assert (pager.collect(), pager.first(), len(server.sent)) == ([], None, 2)


@pytest.mark.parametrize("ahead", [None, 3])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("tokens", "requests"),
    [(["a", "a"], 2), (["a", "b", "a"], 3), (["a", "b", "b"], 3), (["a", "b", "c", "d", "b"], 5)],
)
def test_a_token_that_repeats_raises(tokens: list[str], requests: int, mode: Mode, ahead: int | None) -> None:
    server = pages(*({"items": items(index), "nextPageToken": token} for index, token in enumerate(tokens)))

    def use(client: Any) -> Any:
        return things(client) if ahead is None else things(client).prefetch(ahead)

    with pytest.raises(IncompleteResultError, match="repeats a `nextPageToken`") as caught:
        collect(mode, server, use)
    assert caught.value.received == requests
    assert (caught.value.method, caught.value.path) == ("GET", PATH)
    assert len(server.sent) == requests


def test_the_token_that_was_passed_repeats_as_well() -> None:
    server = pages({"items": items(0), "nextPageToken": "start"})
    with pytest.raises(IncompleteResultError, match="the page at row 0 repeats a `nextPageToken`"):
        things(proctoring(server), pageToken="start").collect()
    assert len(server.sent) == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("token", [0, True, False, [], ["a"], {}, {"token": "a"}, 1.5], ids=repr)
def test_a_token_that_is_not_a_string_raises(token: Any, mode: Mode) -> None:
    server = pages({"items": items(0), "nextPageToken": "a"}, {"items": items(1), "nextPageToken": token})
    with pytest.raises(IncompleteResultError, match="the page at row 1 has a `nextPageToken` that is not a string"):
        collect(mode, server, things)
    assert len(server.sent) == 2


@pytest.mark.parametrize(
    ("total", "sizes"), [(7, [2, 2, 2]), (5, [2, 2, 2]), (1, [2]), (3, [2]), (1, [0]), (7.0, [2, 2, 2])]
)
def test_a_total_that_the_rows_contradict_raises(total: float, sizes: list[int]) -> None:
    server = Script(Things(sizes, total=lambda count: total))
    pager = things(proctoring(server))
    with pytest.raises(IncompleteResultError, match=rf"^received \d rows, but the total is {int(total)} ") as caught:
        pager.collect()
    assert (caught.value.total, caught.value.received) == (total, sum(sizes))


@pytest.mark.parametrize("total", ["6", -1, True, None, 2.5, {}])
def test_a_total_that_is_not_a_count_says_nothing(total: Any) -> None:
    pager = things(proctoring(Script(Things([2, 2], total=lambda count: total))))
    assert len(pager.collect()) == 4
    assert pager.total is None


def test_a_total_that_is_announced_once_holds() -> None:
    body = {"items": items(0), "totalCount": 3, "nextPageToken": "a"}
    pager = things(proctoring(pages(body, {"items": items(1)})))
    with pytest.raises(IncompleteResultError, match="received 2 rows, but the total is 3"):
        pager.collect()
    assert pager.total == 3


@pytest.mark.parametrize("ahead", [None, 2])
def test_a_total_that_changes_is_a_warning_that_loses_no_page(ahead: int | None) -> None:
    def changing(sent: Sent) -> Reply:
        first = ("pageToken", "a") not in sent.query
        total = 2 if first else 3
        token = {"nextPageToken": "a"} if first else {}
        return Reply(200, {"items": items(*([0] if first else [1, 2])), "totalCount": total, **token})

    pager: Pager[Any] = things(proctoring(Script(changing)))
    pager = pager if ahead is None else pager.prefetch(ahead)
    with pytest.warns(ReportWarning, match="at row 1, the total changed from 2 to 3"):
        assert numbers(pager.collect()) == [0, 1, 2]
    assert [warning.offset for warning in pager.warnings] == [1]
    assert pager.total == 3
    rows = iter(pager)
    assert next(rows)["number"] == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ReportWarning):
            next(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert numbers(list(rows)) == [1, 2]


# After an error


@pytest.mark.parametrize("ahead", [None, 1, 3])
@pytest.mark.parametrize("failure", [Reply(500), Reply(200, b"<html>"), Reply(200, {"rows": []})], ids=str)
def test_reading_resumes_with_the_page_that_failed(failure: Reply, ahead: int | None) -> None:
    model, failed = Things([2, 2, 1], total=lambda count: count), [False]

    def once(sent: Sent) -> Reply:
        if ("pageToken", model.token(1)) in sent.query and not failed[0]:
            failed[0] = True
            return failure
        return model(sent)

    server = Script(once)
    pager = things(proctoring(server, max_retries=0))
    rows = iter(pager if ahead is None else pager.prefetch(ahead))
    assert [next(rows)["number"] for _ in range(2)] == [0, 1]
    with pytest.raises((InternalServerError, ResponseDecodeError)):
        next(rows)
    assert numbers(list(rows)) == [2, 3, 4]
    assert [dict(sent.query).get("pageToken") for sent in server.sent] == [
        None, model.token(1), model.token(1), model.token(2)
    ]  # fmt: skip


def test_a_page_that_contradicts_is_requested_again() -> None:
    first = {"items": items(0), "nextPageToken": "a"}
    repeated = {"items": items(1), "nextPageToken": "a"}
    rows = iter(things(proctoring(pages(first, repeated, {"items": items(1)}))))
    assert next(rows)["number"] == 0
    with pytest.raises(IncompleteResultError):
        next(rows)
    assert numbers(list(rows)) == [1]


def test_a_token_that_expired_is_not_the_end() -> None:
    server = Script(Reply(200, {"items": items(0), "totalCount": 1, "nextPageToken": "a"}), Reply(400, {"code": "x"}))
    rows = iter(things(proctoring(server)))
    next(rows)
    for _ in range(2):
        with pytest.raises(Exception, match=r"^400 x "):
            next(rows)


def test_a_lost_connection_is_retried_with_the_same_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    model = Things([1, 1])
    server = Script(model, Lost(httpx.ReadError("x")), model)
    assert numbers(things(proctoring(server)).collect()) == [0, 1]
    assert server.sent[1] == server.sent[2]


# Arguments and pages


@pytest.mark.parametrize("wrong", [{"pageSize": 0}, {"pageSize": "5"}, {"pageSize": True}, {"pageToken": 5}])
def test_a_wrong_token_or_size_is_refused_at_once(wrong: dict[str, Any]) -> None:
    server = Script(Things([1]))
    for mode in MODES:
        with pytest.raises(InvalidArgumentError, match=next(iter(wrong))):
            collect(mode, server, lambda client: things(client, **wrong))
    for name in ("pageSize", "pageToken"):
        with pytest.raises(InvalidArgumentError, match="Omit the argument, or pass UNSET"):
            things(proctoring(server), **{name: None})
    assert server.sent == []


def test_pages_know_their_place() -> None:
    model = Things([2, 0, 1], total=lambda count: count)
    found: list[Page[Any]] = list(things(proctoring(Script(model)), pageSize=2).pages())
    assert [(page.offset, len(page), page.total, page.limit) for page in found] == [(0, 2, 3, 2), (2, 1, 3, 2)]
    assert [page.next for page in found] == [model.token(1), None]
    assert found[0].envelope == {"nextPageToken": model.token(1), "totalCount": 3}


def test_a_pager_reads_again_from_the_start() -> None:
    model = Things([2, 1])
    server = Script(model)
    pager = things(proctoring(server))
    assert pager.first() == {"number": 0}
    assert len(server.sent) == 1
    assert numbers(pager.collect()) == numbers(pager.collect()) == [0, 1, 2]
    assert len(server.sent) == 5


def test_the_deadline_holds_for_all_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    rows = iter(things(proctoring(Script(Things([1, 1, 1])), deadline=10)))
    next(rows)
    now[0] += 11
    with pytest.raises(Exception, match=r"^the deadline passed before the request was sent"):
        next(rows)


# Pages ahead


class Watched(Script):
    """Counts how many pages are in flight."""

    def __init__(self, model: Things) -> None:
        super().__init__(model)
        self.now = self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.now += 1
        self.most = max(self.most, self.now)
        await anyio.sleep(0.001)
        self.now -= 1
        return await super().handle_async_request(request)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_one_page_is_in_flight_while_rows_are_read(backend: str) -> None:
    server = Watched(Things([2, 2, 2, 0, 2], total=lambda count: count))

    async def main() -> list[tuple[int, int]]:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, transport=server) as client:
            seen = []
            async for row in client.paginate(PATH, pagination=CURSOR).prefetch(4):
                await anyio.sleep(0.02)
                seen.append((row["number"], len(server.sent)))
            return seen

    # While the rows of a page are read, the next page has come already; no token is known to lead further.
    assert anyio.run(main, backend=backend) == [
        (0, 2), (1, 2), (2, 3), (3, 3), (4, 4), (5, 4), (6, 5), (7, 5)
    ]  # fmt: skip
    assert server.most == 1


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_page_ahead_is_requested_once(mode: Mode) -> None:
    model = Things([1, 0, 0, 0, 1])
    server = Script(model)
    assert numbers(collect(mode, server, lambda client: things(client).prefetch(8))) == [0, 1]
    assert len(server.sent) == 5


# Operations of a specification


LIST: Operation[Any] = Operation(
    id="listThings",
    method="GET",
    path=PATH,
    idempotent=True,
    returns="object",
    read=lambda value: value,
    documentation="https://docs.example.com",
    fields=(
        Field("page_token", "pageToken", "query", "string"),
        Field("page_size", "pageSize", "query", "integer", minimum=1),
    ),
    pagination=CURSOR._replace(parameter="page_token", limit="page_size"),
)


@pytest.mark.parametrize("mode", MODES)
def test_an_operation_that_declares_a_cursor(mode: Mode) -> None:
    def described(**arguments: Any) -> PagedCall[int]:
        return PagedCall(LIST, arguments, lambda rows: [row["number"] for row in rows])

    model = Things([2, 2, 1])
    server = Script(model)
    assert collect(mode, server, lambda client: client.pages(described(page_size=2, page_token=UNSET))) == [
        0, 1, 2, 3, 4
    ]  # fmt: skip
    assert [sent.query for sent in server.sent] == [
        [("pageSize", "2")],
        [("pageToken", model.token(1)), ("pageSize", "2")],
        [("pageToken", model.token(2)), ("pageSize", "2")],
    ]
    with pytest.raises(InvalidArgumentError, match=r"^page_size: expected an integer of at least 1"):
        collect(mode, server, lambda client: client.pages(described(page_size=0)))
    whole = perform(mode, server, lambda client: client.execute(Call(LIST, {})))
    assert whole["nextPageToken"] == model.token(1)


@pytest.mark.parametrize("mode", MODES)
def test_a_generated_operation_that_declares_a_cursor(mode: Mode) -> None:
    def leaves(sent: Sent) -> Reply:
        token = dict(sent.query).get("pageToken")
        rows = [{"colour": token or "first"}]
        return Reply(200, {"items": rows, "nextPageToken": {None: "a", "a": "b"}.get(token)})

    server = Script(leaves)
    rows = collect(mode, server, lambda client: client.pages(list_leaves.describe(page_size=1)))
    assert {type(row) for row in rows} == {Leaf}
    assert [row["colour"] for row in rows] == ["first", "a", "b"]


@pytest.mark.parametrize(
    "pagination",
    [
        Pagination("cursor", rows="items", parameter="pageToken"),  # the first page would seem to be the last
        Pagination("page", rows="items", parameter="page"),  # type: ignore[arg-type]
    ],
    ids=["no next", "no such type"],
)
def test_paging_that_could_not_continue_is_refused(pagination: Pagination) -> None:
    script = Script(Reply(200, {"items": [1, 2], "nextPageToken": "more"}))
    client = proctoring(script)
    with pytest.raises(InvalidArgumentError, match="pagination: expected the type offset, or the type cursor with"):
        client.paginate(PATH, pagination=pagination)
    assert script.sent == []


@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=8),
    stop=st.integers(0, 40),
    by_pages=st.booleans(),
    ahead=st.none() | st.integers(1, 3),
)
def test_a_pager_resumes_where_another_one_stopped(
    sizes: list[int], stop: int, by_pages: bool, ahead: int | None
) -> None:
    model = Things(sizes)
    with SmarterProctoring(TOKEN, INSTALL, transport=Script(model)) as client:
        pager = things(client) if ahead is None else things(client).prefetch(ahead)
        source = (page.rows for page in pager.pages()) if by_pages else ([row] for row in pager)
        read: list[int] = []
        for _ in range(stop):
            read += numbers(next(source, []))
        cursor, whole = pager.cursor, list(range(model.count))
        if cursor is None:
            assert read == (whole if stop else [])
            return
        rest = numbers(things(client, **({"pageToken": cursor} if cursor else {})).collect())
    # Pages that were received are not read again; of a page that was read in part, every row is.
    assert read + rest == whole if by_pages else set(read) | set(rest) == set(whole)
    assert rest == whole[len(whole) - len(rest) :]
    assert len(read) + len(rest) - len(whole) <= max(sizes)


def test_the_first_page_is_resumed_without_a_token() -> None:
    with SmarterProctoring(TOKEN, INSTALL, transport=Script(Things([2, 2]))) as client:
        pager = things(client)
        found = [pager.cursor]
        next(iter(pager))
        assert [*found, pager.cursor] == [None, ""]


def test_an_offset_pager_resumes_by_the_row() -> None:
    def report(sent: Sent) -> Reply:
        offset = int(dict(sent.query).get("offset", 0))
        rows = list(range(7))[offset : offset + 3]
        return Reply(200, {"results": [{"number": row} for row in rows], "total": 7})

    with SmarterProctoring(TOKEN, INSTALL, transport=Script(report)) as client:
        pager = client.paginate(PATH, params={"limit": 3})
        pages_read = pager.pages()
        assert [len(next(pages_read)), pager.cursor] == [3, 3]
        assert numbers(client.paginate(PATH, params={"offset": pager.cursor}).collect()) == [3, 4, 5, 6]
        assert [len(page) for page in pages_read] == [3, 1]
        assert pager.cursor is None


@pytest.mark.parametrize("name", ["nextPageToken", "nextPageToekn"])
def test_a_token_that_is_documented_under_two_names(name: str) -> None:
    # The vendor's page and its OpenAPI document spell it differently; reading one alone would end in silence.
    def respond(sent: Sent) -> Reply:
        last = "pageToken" in dict(sent.query)
        return Reply(200, {"modules": items(2 if last else 1), **({} if last else {name: "t1"})})

    server = Script(respond)
    with ispring(server, access_token=TOKEN) as client:
        rows = client.content.list_courses_modules().collect()
    assert [row["number"] for row in rows] == [1, 2]
    assert [sent.query for sent in server.sent] == [[], [("pageToken", "t1")]]


def fresh_tokens(rows: list[dict[str, int]]) -> Script:
    """A server that ignores the token it gets, and sends a new one each time."""
    count = iter(range(10**6))
    return Script(lambda sent: Reply(200, {"items": rows, "nextPageToken": f"t{next(count)}"}))


@pytest.mark.parametrize("mode", MODES)
def test_the_same_page_under_new_tokens_raises(mode: Mode) -> None:
    server = fresh_tokens(items(1, 2))
    with pytest.raises(
        IncompleteResultError, match=r"received the same page again at row 2, with a new `nextPageToken`"
    ):
        collect(mode, server, things)
    assert len(server.sent) == 2


@pytest.mark.parametrize("mode", MODES)
def test_empty_pages_without_end_raise(mode: Mode) -> None:
    server = fresh_tokens([])
    with pytest.raises(IncompleteResultError, match="received 101 empty pages in a row at row 0"):
        collect(mode, server, things)
    assert len(server.sent) == 101


@pytest.mark.parametrize("token", [1, 12])
def test_a_token_that_is_a_number_is_a_token(token: int) -> None:
    server = pages({"items": items(1), "nextPageToken": token}, {"items": items(2)})
    assert numbers(collect("sync", server, things)) == [1, 2]
    assert server.sent[1].query == [("pageToken", str(token))]


def test_a_single_row_under_a_new_token_counts_if_the_rest_is_announced() -> None:
    rows = [{"sid": "a", "number": 1}]
    body = {"items": rows, "totalCount": 9}
    server = pages({**body, "nextPageToken": "a"}, {**body, "nextPageToken": "b"})
    with pytest.raises(IncompleteResultError, match="received the same page again at row 1"):
        collect("sync", server, things)


@pytest.mark.parametrize("mode", MODES)
def test_a_first_page_that_fails_is_where_to_resume(mode: Mode) -> None:
    found: list[Any] = []

    def use(client: Any) -> Any:
        found.append(things(client, pageToken="t7"))
        return found[0]

    with pytest.raises(InternalServerError):
        collect(mode, Script(Reply(500)), use, max_retries=0)
    assert found[0].cursor == "t7"
