"""Documented responses, mutated: whatever is JSON of the documented type decodes with nothing dropped and goes out as
it came in; everything else raises, and keeps the very bytes.

What is due is decided by the standard library's JSON reader alone: it shares nothing with the decoders under test.
"""

from __future__ import annotations

import copy
import inspect
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from invigilate import APIError, OutcomeUnknownError, ResponseDecodeError
from tests.support.bound import CLIENTS, arguments_of, method_of, module_of
from tests.support.documented import ALL, Documented
from tests.support.modes import TOKEN

EXAMPLES = 30
"""Of each kind of mutation and operation. The same ones in each run, so that a green run stays green."""

cases: Counter[str] = Counter()

of_every_operation = pytest.mark.parametrize("operation", ALL, ids=str)
bounded = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module", autouse=True)
def number_of_cases(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(cases.items()))
    with capture.global_and_fixture_disabled():
        print(f"\nfuzzed answers: {cases.total():,} cases ({kinds})")


class Fixed(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers everything with the same bytes."""

    body = b""
    status = 200

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(self.status, content=self.body)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(self.status, content=self.body)


class Subject:
    """An operation with a client, made once for all its cases."""

    def __init__(self, operation: Documented, kind: int = 0) -> None:
        self.transport = Fixed()
        options: dict[str, Any] = {"transport": self.transport, "max_retries": 0}
        self.client = CLIENTS[operation.spec][kind](TOKEN, **options)
        self.described = module_of(operation).OPERATION
        self.method = method_of(self.client, operation, raw=self.described.pagination is not None)
        self.arguments = arguments_of(operation)

    def call(self, body: bytes) -> Any:
        """What the client makes of a body."""
        self.transport.body = body
        result = self.method(**self.arguments)
        return result.parsed if self.described.pagination else result

    async def call_async(self, body: bytes) -> Any:
        self.transport.body = body
        result = self.method(**self.arguments)
        found = await result if inspect.isawaitable(result) else result
        return found.parsed if self.described.pagination else found


subjects: dict[tuple[str, str], Subject] = {}


def subject_of(operation: Documented) -> Subject:
    if operation.key not in subjects:
        subjects[operation.key] = Subject(operation)
    return subjects[operation.key]


UNREADABLE = object()


def due(subject: Subject, body: bytes) -> Any:
    """What the answer has to say, or `UNREADABLE`."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        value = UNREADABLE
    kind, pagination = subject.described.returns, subject.described.pagination
    if kind == "none":
        return UNREADABLE if value is UNREADABLE and body.removeprefix(b"\xef\xbb\xbf").strip() else None
    if pagination:
        readable = isinstance(value, dict) and isinstance(value.get(pagination.rows), list)
    else:
        kinds = {"object": dict, "array": list, "string": str}
        readable = isinstance(value, kinds.get(kind, object)) and value is not UNREADABLE
    return value if readable else UNREADABLE


def outgoing(value: Any, rows: str = "") -> Any:
    """What would be sent if the value were given to another call."""
    if hasattr(value, "envelope"):
        return {**value.envelope, rows: outgoing(value.rows)}
    if isinstance(value, list):
        return [outgoing(item) for item in value]
    return value.to_dict() if hasattr(value, "to_dict") else value


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same: 1, 1.0 and true are three different ones, and NaN is itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def judge(subject: Subject, body: bytes, get: Callable[[bytes], Any] | None = None) -> str:
    """Hold the client to what is due; says which way it went."""
    wanted = due(subject, body)
    try:
        found = (get or subject.call)(body)
    except APIError as raised:
        error = raised
    else:
        assert wanted is not UNREADABLE, f"{found!r} for {body[:200]!r}"
        rows = getattr(subject.described.pagination, "rows", "")
        assert same(outgoing(found, rows), wanted), body[:2000]
        assert isinstance(repr(found), str)
        for row in getattr(found, "rows", found if isinstance(found, list) else []):
            assert isinstance(repr(row), str)
        return "decoded"
    assert wanted is UNREADABLE, f"{error!r} for {body[:200]!r}"
    kind = ResponseDecodeError if subject.described.idempotent else OutcomeUnknownError
    assert type(error) is kind
    assert error.body == body
    assert error.status_code == 200
    assert "\n" not in f"{error}{error!r}"
    return "unreadable"


# Mutations of the value.

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**63, max_value=2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["", "\ud800", "a\udfffb", "\x00", "\U0001d518\U0001d52b", "null", "1", "\u2028", "A" * 500, "9" * 400]
    ),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
VALUES = st.one_of(SCALARS, JSON)
MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["other", "null", "missing", "extra", "deep", "huge", "wrapped", "repeated"]),
        st.integers(0, 10_000),
        VALUES,
    ),
    min_size=1,
    max_size=4,
)
WRITING = st.tuples(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]),
    st.booleans(),
    st.sampled_from([None, 0, 3]),
)


def places(holder: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value where another can stand: its holder, and the key or index."""
    keys: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    for key in keys:
        yield holder, key
        if isinstance(holder[key], dict | list):
            yield from places(holder[key])


def mutated(document: Any, mutations: list[tuple[str, int, Any]]) -> Any:
    root = [copy.deepcopy(document)]
    for kind, number, value in mutations:
        found = list(places(root))
        if not found:
            break
        holder, key = found[number % len(found)]
        if kind == "other":
            holder[key] = value
        elif kind == "null":
            holder[key] = None
        elif kind == "missing":
            if holder is not root:
                del holder[key]
        elif kind == "extra":
            target = holder[key]
            if isinstance(target, dict):
                target[str(value)[:20]] = value
            elif isinstance(target, list):
                target.append(value)
        elif kind == "deep":
            for level in range(1 + number % 60):
                value = [value] if level % 2 else {"in": value}
            holder[key] = value
        elif kind == "huge":
            holder[key] = (
                [value] * (number % 300) if number % 2 else {f"k{each}": value for each in range(number % 300)}
            )
        elif kind == "wrapped":
            holder[key] = [holder[key]] if number % 2 else {"value": holder[key]}
        else:
            holder[key] = [holder[key], copy.deepcopy(holder[key])]
    return root[0]


@of_every_operation
def test_other_values_than_documented(operation: Documented) -> None:
    subject = subject_of(operation)

    @bounded
    @given(MUTATIONS, WRITING)
    def check(mutations: list[tuple[str, int, Any]], writing: tuple[str, bool, int | None]) -> None:
        encoding, ascii_only, indent = writing
        text = json.dumps(mutated(operation.answer, mutations), ensure_ascii=ascii_only, indent=indent)
        cases[judge(subject, text.encode(encoding, "surrogatepass"))] += 1

    check()


# Mutations of the text.

NUMBERS = ["1e400", "-1e400", "1E-999", "NaN", "-Infinity", "9" * 4300, "9" * 4301, "-0", "-0.0", "1.0", "1e0", "0x1"]
TOKENS = [*NUMBERS, "", " ", "'", '"', "\\", "\\u12", '"\\ud800"', "{", "}", "[", "]", ",", ":", "//", "undefined"]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["cut", "insert", "replace", "drop", "double", "bytes", "number", "append"]),
        st.floats(0, 1),
        st.sampled_from(TOKENS),
        st.binary(min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=3,
)


def edited(body: bytes, edits: list[tuple[str, float, str, bytes]]) -> bytes:
    for kind, share, token, raw in edits:
        at = int(share * len(body))
        if kind == "cut":
            body = body[:at]
        elif kind == "insert":
            body = body[:at] + token.encode() + body[at:]
        elif kind == "replace":
            body = body[:at] + token.encode() + body[at + 1 :]
        elif kind == "drop":
            body = body[:at] + body[at + 1 + len(raw) :]
        elif kind == "double":  # a member twice: the last one counts
            comma = body.find(b",", at)
            brace = body.rfind(b"{", 0, comma) + 1
            body = body[:brace] + body[brace : comma + 1] + body[brace:] if comma > 0 < brace else body * 2
        elif kind == "bytes":
            body = body[:at] + raw + body[at:]
        elif kind == "number":
            colon = body.find(b":", at) + 1
            body = body[:colon] + token.encode() + b"," + b'"other":' + body[colon:] if colon else token.encode()
        else:
            body += token.encode()
    return body


@of_every_operation
def test_other_content_than_documented(operation: Documented) -> None:
    subject = subject_of(operation)
    documented = json.dumps(operation.answer, ensure_ascii=False).encode()

    @bounded
    @given(EDITS)
    @example([("cut", 0.0, "", b"-")])
    @example([("cut", 0.5, "", b"-")])
    @example([("bytes", 0.0, "", b"\xff\xfe")])
    @example([("bytes", 0.0, "", b"\xef\xbb\xbf")])
    @example([("bytes", 0.5, "", b"\xed\xa0\x80")])
    def check(edits: list[tuple[str, float, str, bytes]]) -> None:
        cases[judge(subject, edited(documented, edits))] += 1

    check()


@of_every_operation
def test_the_async_clients_read_the_same(operation: Documented) -> None:
    # The decoders are shared, so a few of each kind show that nothing stands between.
    documented = json.dumps(operation.answer).encode()
    bodies = [documented, documented[:-1], b"", b"null", b"[]", b"{}", b'{"results": {}}', b"\xff", documented + b"}"]

    async def main() -> None:
        subject = Subject(operation, kind=1)
        async with subject.client:
            for body in bodies:
                found: Any = None
                raised: list[APIError] = []
                try:
                    found = await subject.call_async(body)
                except APIError as error:
                    raised.append(error)

                def get(_: bytes, found: Any = found, raised: list[APIError] = raised) -> Any:
                    if raised:
                        raise raised[0]
                    return found

                cases[judge(subject, body, get)] += 1

    anyio.run(main)


def nested(operation: Documented, depth: int) -> bytes:
    """An answer of the documented kind with a member of this depth."""
    member = b'{"deep": ' + b"[" * depth + b"]" * depth + b"}"
    pagination = module_of(operation).OPERATION.pagination
    if pagination:
        return f'{{"{pagination.rows}": ['.encode() + member + b"]}"
    return b"[" + member + b"]" if isinstance(operation.answer, list) else member


@pytest.mark.parametrize("depth", [100, 400, 100_000])
@of_every_operation
def test_depth(operation: Documented, depth: int) -> None:
    # The reader of JSON has a limit of its own. What it reads goes out again, and what it does not read raises.
    subject, body = subject_of(operation), nested(operation, depth)
    wanted = due(subject, body)
    if wanted is UNREADABLE:
        cases[judge(subject, body)] += 1
        return
    found = subject.call(body)
    assert isinstance(repr(found), str)
    assert measured(found) == measured(wanted)
    cases["decoded"] += 1


ONE_OF_EACH_KIND = [
    each for each in ALL if each.id in {"getServiceDistribution", "getExamSession", "listSessionResults"}
]


@pytest.mark.parametrize("operation", ONE_OF_EACH_KIND, ids=str)
def test_what_was_deep_enough_to_be_read_goes_out_again(operation: Documented) -> None:
    subject, body = subject_of(operation), nested(operation, 600)
    wanted = due(subject, body)
    assert wanted is not UNREADABLE
    assert measured(subject.call(body)) == measured(wanted)


def measured(value: Any) -> int | str | None:
    """How deep the nested value is; by hand, since comparing such values would fail for their depth."""
    value = outgoing(value, "rows")
    if isinstance(value, str | None):
        return value
    if isinstance(value, dict) and "deep" not in value:
        value = next(iter(value.values()))
    value = value[0] if isinstance(value, list) else value
    value, depth = value["deep"], 0
    while isinstance(value, list):
        depth += 1
        value = value[0] if value else None
    return depth
