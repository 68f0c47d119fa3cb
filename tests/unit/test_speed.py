"""With the extra `[speed]`, JSON decodes to what it decodes to without it: the same values, or the same refusal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from invigilate import SmarterProctoring
from invigilate.errors import APIConnectionError, ResponseDecodeError
from invigilate_runtime import UndecodableResponse, _decoding, load_json, read_json
from smarterproctoring_client.api.installs import get_install_settings
from smarterproctoring_client.models import ServiceDistributionRow

Loads = Callable[[bytes], Any]

NASTY = [
    # Integers: up to 64 bits, beyond them, and longer than Python reads.
    b"0",
    b"-0",
    b"9007199254740993",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"-9223372036854775808",
    b"-9223372036854775809",
    b"123456789012345678901234567890",
    b'{"a":[18446744073709551616,{"b":-99999999999999999999999}]}',
    b"1" * 4300,
    b"1" * 4301,
    b"-" + b"1" * 5000,
    b"[" + b"1" * 5000 + b"]",
    b'"12345678901234567890123456789"',
    # Floats: signs, ends of the range, and the nearest of two.
    b"-0.0",
    b"-0e5",
    b"1e400",
    b"-1e400",
    b"1E400",
    b"1e-400",
    b"5e-324",
    b"2.4703282292062327e-324",
    b"2.4703282292062328e-324",
    b"2.2250738585072011e-308",
    b"2.2250738585072014e-308",
    b"1.7976931348623157e308",
    b"1.7976931348623159e308",
    b"9007199254740993.0",
    b"9007199254740992.99999999999999999999999999",
    b"0.1000000000000000055511151231257827021181583404541015625",
    b"0.500000000000000166533453693773481063544750213623046875",
    b"100000000000000000000.0",
    b"123456789012345678901234567890e-10",
    b"0." + b"3" * 900,
    b"1." + b"0" * 2000 + b"1",
    b"1e0000000000000000000000000001",
    b"1e99999999999999999999999",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b'{"a":NaN}',
    b"nan",
    # Numbers that are none.
    b"01",
    b"-01",
    b"1.",
    b".5",
    b"+1",
    b"-",
    b"1e",
    b"1e+",
    b"0x10",
    b"1_000",
    b"--1",
    # Texts: surrogates, escapes, control characters.
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\ud83d\\ude00"',
    b'"\\uD83D\\uDE00"',
    b'"\\ud83dx"',
    b'{"\\ud800":"\\udfff"}',
    b'"\\u0000"',
    b'"\\/\\b\\f\\n\\r\\t\\"\\\\"',
    b'"\\x"',
    b'"\\u12"',
    b'"\\u12G4"',
    b'"\\u+123"',
    b'"\x00"',
    b'"\x01"',
    b'"\n"',
    b'"a long text before it \x1f"',
    b'"\x7f"',
    b'"\xe2\x80\xa8\xe2\x80\xa9"',
    b'"\xef\xbf\xbe\xef\xbf\xbf"',
    b"'a'",
    b'"open',
    b'"\\"',
    # Encodings.
    b"\xef\xbb\xbf{}",
    b"\xef\xbb\xbf\xef\xbb\xbf{}",
    b'"\xff"',
    b'"\xc3"',
    b'"\xc0\x80"',
    b'"\xed\xa0\x80"',
    b'"\xed\xa0\xbd\xed\xb8\x80"',
    b'"\xf4\x90\x80\x80"',
    b'{"\xff":1}',
    b"\xff\xfe{\x00}\x00",
    '{"é":"😀"}'.encode(),
    '{"é":"😀"}'.encode("utf-8-sig"),
    '{"é":"😀"}'.encode("utf-16"),
    '{"é":"😀"}'.encode("utf-16-le"),
    '{"é":"😀"}'.encode("utf-16-be"),
    '{"é":"😀"}'.encode("utf-32"),
    '{"é":"😀"}'.encode("utf-32-le"),
    '{"é":"😀"}'.encode("utf-32-be"),
    '{"é":"ü"}'.encode("latin-1"),
    # Objects and arrays: keys that come twice, that are none, commas, blanks.
    b'{"a":1,"b":2,"a":3}',
    b'{"a":1,"\\u0061":2}',
    b'{"":0}',
    b"{1:2}",
    b"{a:1}",
    b'{"a":1,}',
    b"[1,]",
    b"[,1]",
    b"[1 2]",
    b'{"a" 1}',
    b'{"a":}',
    b"[[]",
    b"[]]",
    b"{}{}",
    b"null null",
    b"",
    b" ",
    b" \t\r\n[ 1 , 2 ] \t\r\n",
    b"\x0c[]",
    b"\x0b[]",
    b"\xc2\xa0[]",
    b"[]\x00",
    b"\x00",
    b"// a comment\n1",
    b"/* a comment */ 1",
    b"nul",
    b"True",
    b"None",
    b"undefined",
    b"<html></html>",
    # Deep, but not near to where the recursion ends: there it depends on who called.
    b"[" * 300 + b"]" * 300,
    b'{"a":' * 300 + b"1" + b"}" * 300,
    b"[" * 5_000 + b"]" * 5_000,
    b"[" * 100_000 + b"]" * 100_000,
    b"[" * 100_000,
    b'{"a":' * 100_000,
]


def outcome(loads: Loads, content: bytes) -> tuple[str, ...]:
    """What comes of decoding, types, signs of zero and order of members included."""
    try:
        value = loads(content)
    except (ValueError, RecursionError) as error:
        # RecursionError is one of its own; of the others, the class and words are compared.
        return ("refused", type(error).__name__, str(error) if isinstance(error, ValueError) else "")
    return ("decoded", type(value).__name__, repr(value))


@pytest.fixture(params=["with msgspec", "without msgspec"])
def loads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Loads:
    """The loader of the runtime, chosen anew."""
    # Not `cache_clear`, so that other tests keep what was chosen before.
    monkeypatch.setattr(_decoding, "decoder", cache(_decoding.decoder.__wrapped__))
    if request.param == "without msgspec":
        monkeypatch.setitem(sys.modules, "msgspec", None)
        monkeypatch.setitem(sys.modules, "msgspec.json", None)
    load_json(b"1")
    assert (_decoding.decoder() is json.loads) == (request.param == "without msgspec")
    return load_json


@pytest.mark.parametrize("content", NASTY, ids=lambda content: ascii(content[:40]))
def test_nasty_content_comes_out_as_json_reads_it(loads: Loads, content: bytes) -> None:
    assert outcome(loads, content) == outcome(json.loads, content)


@pytest.mark.parametrize("content", NASTY, ids=lambda content: ascii(content[:40]))
@pytest.mark.usefixtures("loads")
def test_refused_content_is_undecodable_with_the_same_words(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def words() -> tuple[object, ...]:
        try:
            return ("decoded", repr(read_json(content)))
        except UndecodableResponse as error:
            return ("refused", str(error), error.__context__)

    found = words()
    monkeypatch.setattr(_decoding, "decoder", lambda: json.loads)
    # Without a context: another decoder's words may quote the body.
    assert found == words()
    assert found[2:] in {(), (None,)}


DIGITS = st.text("0123456789", min_size=1, max_size=60)
NUMBERS = st.one_of(
    st.integers().map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(repr).map(lambda text: text.replace("inf", "Infinity").replace("nan", "NaN")),
    st.builds("{}{}.{}e{}".format, st.sampled_from(["", "-"]), DIGITS, DIGITS, st.integers(-400, 400)),
)
TEXTS = st.one_of(
    st.text().map(json.dumps),
    st.text().map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.text(st.characters(categories=["Cs", "Cc", "Lu", "So"])).map(json.dumps),
)
BLANKS = st.text(" \t\r\n", max_size=2)


def documents(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    padded = st.builds("{}{}{}".format, BLANKS, inner, BLANKS)
    # Keys of few names, so that some come twice.
    keys = st.one_of(st.sampled_from(['"a"', '"b"', '"\\u0061"']), TEXTS)
    members = st.lists(st.builds("{}:{}".format, keys, padded), max_size=5)
    return st.one_of(
        st.lists(padded, max_size=5).map(lambda items: f"[{','.join(items)}]"),
        members.map(lambda items: f"{{{','.join(items)}}}"),
    )


DOCUMENTS = st.recursive(st.one_of(NUMBERS, TEXTS, st.sampled_from(["null", "true", "false", "NaN"])), documents)
ENCODINGS = st.sampled_from(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-32-be"])


@given(DOCUMENTS, ENCODINGS)
@example("18446744073709551616", "utf-8")
@example('"\ud800"', "utf-8")
def test_documents_come_out_as_json_reads_them(document: str, encoding: str) -> None:
    content = document.encode(encoding, "surrogatepass")
    assert outcome(load_json, content) == outcome(json.loads, content)


@given(DOCUMENTS, st.data())
def test_broken_documents_come_out_as_json_reads_them(document: str, data: st.DataObject) -> None:
    content = bytearray(document.encode("utf-8", "surrogatepass"))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content)))
        content[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.one_of(
                st.binary(max_size=2), st.sampled_from([b"0", b"-", b".", b"e", b'"', b"\\", b",", b"]", b"\x00"])
            )
        )
    assert outcome(load_json, bytes(content)) == outcome(json.loads, bytes(content))


@given(st.binary(max_size=20))
def test_any_bytes_come_out_as_json_reads_them(content: bytes) -> None:
    assert outcome(load_json, content) == outcome(json.loads, content)


def test_rows_are_the_same_with_either_loader(loads: Loads) -> None:
    content = b'{"sid":"x","exam":{"n":18446744073709551616},"billable":null,"later":[1e400,"\\ud800"],"status":-0.0}'
    value = json.loads(content)
    row = ServiceDistributionRow.from_dict(loads(content))
    assert repr(row.to_dict()) == repr(ServiceDistributionRow.from_dict(value).to_dict())
    assert row.to_dict() == value


@pytest.mark.parametrize("absent", [True, False])
def test_the_packages_work_where_msgspec_is_missing_and_import_it_late(absent: bool) -> None:
    program = (
        "import sys\n"
        f"if {absent}: sys.modules['msgspec'] = None\n"
        "import invigilate, smarterproctoring_client, ispring_learn_client\n"
        "from invigilate_runtime import load_json\n"
        "from smarterproctoring_client.models import ServiceDistributionRow\n"
        "before = sys.modules.get('msgspec')\n"
        'row = ServiceDistributionRow.from_dict(load_json(b\'{"sid":"ES","billable":true}\'))\n'
        "print(before is None, row.sid, row.billable, sys.modules.get('msgspec') is not None)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"True ES True {not absent}\n", done.stderr


@pytest.mark.parametrize("body", [b"<html>", b'{"a":18446744073709551616', b"[]", b'"\xff"', b"[" * 100_000])
@pytest.mark.usefixtures("loads")
def test_an_undecodable_response_is_the_same_error_with_the_raw_body(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fixed(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, content=body)

    install = "AI" + "0" * 32
    with SmarterProctoring("t", install, transport=Fixed()) as client, pytest.raises(ResponseDecodeError) as failed:
        client.installs.get_settings()
    assert failed.value.body == body
    monkeypatch.setattr(_decoding, "decoder", lambda: json.loads)
    with pytest.raises(UndecodableResponse) as refused:
        get_install_settings.OPERATION.decode(body)
    assert failed.value.message == str(refused.value)


def test_no_cookie_is_kept_though_no_client_of_httpx_looks_after_them() -> None:
    seen: list[httpx.Headers] = []

    class Baker(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request.headers)
            return httpx.Response(200, headers={"set-cookie": "a=b; Path=/"}, json={})

    with SmarterProctoring("t", "AI" + "0" * 32, transport=Baker()) as client:
        client.installs.get_settings()
        client.installs.get_settings()
    assert ["cookie" in headers for headers in seen] == [False, False]


def test_a_call_that_meets_closed_connections_sends_nothing_and_opens_none() -> None:
    # As when another thread closes the client in the middle of a call.
    client = SmarterProctoring("t", "AI" + "0" * 32, base_url="http://127.0.0.1:9", max_retries=0)
    vars(client)["_connections"]._pool.closed = True
    with pytest.raises(APIConnectionError) as failed:
        client.installs.get_settings()
    assert failed.value.sent is False
    assert isinstance(failed.value.__cause__, RuntimeError)
    client.close()
