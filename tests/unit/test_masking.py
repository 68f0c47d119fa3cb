"""Whatever the caller sent in a sensitive field is masked wherever it comes back, however it is encoded."""

from __future__ import annotations

import json
import re
import time
import unicodedata
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import reduce
from html import escape
from html.entities import codepoint2name
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from invigilate._masking import MASK, Masker, sensitive_values, shown_path, strings_within
from invigilate._readings import Unreadable, fold, readings
from invigilate_runtime import Field
from tests.support.fakes import EXAM, INSTALL, SESSION

SECRETS = [
    "tok_visa",
    "VOUCHER-2026/07",
    'a "quoted" secret',
    "back\\slash",
    "Jürgen Müßig",
    "100% & more=+",
    "1 Example Street, Room <2>",
    "room 5/7 b",
    "line one\nline two",
    "\U0001f511key",
]
FORMS: dict[str, Callable[[str], str]] = {
    "raw": lambda secret: secret,
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON without ASCII escapes": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "JSON with escaped slashes": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "URL": lambda secret: quote(secret, safe=""),
    "URL, slashes kept": lambda secret: quote(secret),
    "form": lambda secret: quote_plus(secret),
    "upper case": lambda secret: secret.upper(),
    "lower case": lambda secret: secret.lower(),
    "URL in lower case": lambda secret: quote(secret, safe="").lower(),
}


# A text whose upper case is of another length, such as one with a sharp s, cannot be told from another text.
ECHOES = [
    (secret, form) for secret in SECRETS for form in FORMS if form != "upper case" or len(secret.upper()) == len(secret)
]


@pytest.mark.parametrize(("secret", "form"), ECHOES)
def test_a_secret_is_masked_in_every_form(secret: str, form: str) -> None:
    echoed = FORMS[form](secret)
    masker = Masker([secret])
    for text in (echoed, f"the value '{echoed}' is wrong", f"a={echoed}&b=1"):
        assert echoed not in masker.mask(text)
        assert MASK in masker.line(text)
        assert echoed not in masker.line(text)


def each(template: str, only: str = ".") -> Callable[[str], str]:
    """Escape the characters that match, by their code points."""
    return lambda text: re.sub(only, lambda match: template.format(ord(match[0])), text, flags=re.DOTALL)


def as_cp1252(text: str) -> str:
    """UTF-8 read as browsers read Latin-1: bytes that cp1252 leaves open stay control characters."""
    return "".join(
        raw.decode("cp1252" if raw not in {b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d"} else "latin-1")
        for raw in (bytes([byte]) for byte in text.encode())
    )


def utf16(text: str) -> str:
    return "".join(rf"\u{unit:04x}" for char in text for unit in memoryview(char.encode("utf-16-le")).cast("H"))


ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": lambda text: text,
    "URL": lambda text: quote(text, safe=""),
    "URL in lower case": lambda text: re.sub("%..", lambda match: match[0].lower(), quote(text, safe="")),
    "URL, every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "URI": lambda text: quote(text, safe="/:?#[]@!$&'()*+,;="),
    "form": quote_plus,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON without ASCII escapes": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON with escaped slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JavaScript": utf16,
    "JavaScript, code points": each(r"\u{{{:x}}}"),
    "HTML": escape,
    "HTML names": lambda text: "".join(
        f"&{codepoint2name.get(ord(char), '')};" if ord(char) in codepoint2name else char for char in text
    ),
    "decimal entities": each("&#{};"),
    "decimal entities with zeros": each("&#{:06};"),
    "decimal entities without semicolon": each("&#{}"),
    "hexadecimal entities": each("&#x{:x};"),
    "hexadecimal entities in capitals": each("&#X{:06X};"),
    "hexadecimal entities without semicolon": each("&#x{:x}"),
    "entities of some": each("&#{};", r"\W"),
    "backslashed quotes": lambda text: re.sub(r"[\\'\"]", r"\\\g<0>", text),
    "doubled quotes": lambda text: text.replace("'", "''"),
    "CSV": lambda text: text.replace('"', '""'),
    "repr": lambda text: repr(text)[1:-1],
    "repr of bytes": lambda text: repr(text.encode())[2:-1],
    "Python, every character": each(r"\U{:08x}"),
    "octal": lambda text: "".join(rf"\{byte:03o}" for byte in text.encode()),
    "mojibake": lambda text: text.encode().decode("latin-1"),
    "mojibake of cp1252": as_cp1252,
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: urlsafe_b64encode(text.encode()).decode().rstrip("="),
}
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "upper case": str.upper,
    "lower case": str.lower,
    **{form: lambda text, form=form: unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")},  # type: ignore[misc]
}


def echo_of(secret: str, spelling: str, encodings: list[str]) -> str:
    return reduce(lambda text, name: ENCODINGS[name](text), encodings, SPELLINGS[spelling](secret))


# Many characters that mean something to some encoding, so that secrets look encoded themselves.
SPECIAL = st.text(st.sampled_from("%&#;\\'\"`+=/_-ux0417acnö \n\U0001f511ÃƒÂ¼€ßﬁ"), min_size=4, max_size=12)
ANY = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=4, max_size=12)


@settings(max_examples=300, deadline=None)
@given(
    secret=SPECIAL | ANY,
    spelling=st.sampled_from(sorted(SPELLINGS)),
    encodings=st.lists(st.sampled_from(sorted(ENCODINGS)), max_size=4),
)
@example("Jürgen's 100%", "NFD", ["JSON", "URL", "decimal entities", "JSON"])
@example("\\x4%31", "as it is", ["JSON"])
@example("a+ b%20", "as it is", ["form", "form", "URI"])
def test_no_encoding_of_a_secret_survives(secret: str, spelling: str, encodings: list[str]) -> None:
    # A secret without its outer spaces and marks, which say nothing.
    assume(fold(secret[0]) and fold(secret[-1]) and len(fold(secret)) >= 4)
    assume(not {"|", "*"} & set(fold(secret)))
    masked = Masker([secret]).mask(f"|{echo_of(secret, spelling, encodings)}|")
    assert masked in {f"|{MASK}|", MASK}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("secret", SECRETS)
def test_each_encoding_is_masked_once_and_twice(secret: str, encoding: str) -> None:
    masker = Masker([secret])
    for encodings in ([], [encoding], [encoding, "JSON", "URL"], ["JSON", "hexadecimal entities"]):
        for spelling in SPELLINGS:
            echoed = echo_of(secret, spelling, [*encodings, encoding])
            assert masker.mask(f"the value <{echoed}> is wrong") == f"the value <{MASK}> is wrong"


def test_words_around_an_encoded_secret_stay() -> None:
    text = r"card%20token \"tok&#95;visa\" (tok%255Fvisa, dG9rX3Zpc2E=) is not valid; 100% sure &amp; don''t ask"
    shown = r"card%20token \"***\" (***, ***) is not valid; 100% sure &amp; don''t ask"
    assert Masker(["tok_visa"]).mask(text) == shown


def test_personal_data_is_masked_in_every_encoding() -> None:
    assert (
        Masker().mask("cannot reach ada&#64;example.com or ada%2540example.com.") == f"cannot reach {MASK} or {MASK}."
    )


def test_a_string_with_too_many_readings_is_not_shown() -> None:
    text = "".join(f"%25{n}&amp;\\\\''+ü" for n in range(5000))
    with pytest.raises(Unreadable):
        list(readings(text))
    assert Masker(["secret-value"]).mask(text) == MASK


@pytest.mark.parametrize("secret", SECRETS[5:8])
def test_line_breaks_within_an_echo_do_not_help_it(secret: str) -> None:
    echoed = "\n ".join(secret.split())
    line = Masker([secret]).line(f"bad address: {echoed}!")
    assert line == f"bad address: {MASK}!"


def test_a_secret_within_another_is_masked_with_it() -> None:
    masker = Masker(["Ada", "Ada Lovelace", "Ada Lovelace-King"])
    assert masker.mask("Ada Lovelace-King, Ada Lovelace, Ada") == f"{MASK}, {MASK}, {MASK}"


def test_a_short_secret_is_masked_where_it_stands_alone() -> None:
    masker = Masker(["Al", "7"])
    assert (
        masker.mask("Al is called Al; Alice of room 7 in 1978")
        == f"{MASK} is called {MASK}; Alice of room {MASK} in 1978"
    )


@pytest.mark.parametrize("nothing", [[], [""], ["  "]])
def test_without_secrets_words_stay(nothing: list[str]) -> None:
    assert Masker(nothing).mask("The exam is closed.") == "The exam is closed."


@pytest.mark.parametrize(
    "personal",
    [
        "ada@example.com",
        "ada.lovelace+exam@mail.example.co.uk",
        "ADA@EXAMPLE.COM",
        "o'brien@example.com",
        "a/b=c!d@example.com",
        "ada%40example.com",
        "ada%2Bx%40example.com",
        "jürgen@müßig.example",
        "+1 555 010 0199",
        "+1 (555) 010-0199",
        "(555) 010-0199",
        "555-010-0199",
        "555.010.0199",
        "+49 30 901820-12",
        "+15550100199",
        "0049301234567",
        "4242424242424242",
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242\n4242\n4242\n4242",
        "378282246310005",
        "tok_1AbCdEfGhIjKlMn",
        "card_1AbCdEfGhIjKlMn",
        "pm_1AbCdEfGhIjKlMn",
        "sk_live_abcdefghijklmn",
        "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDB9.c2lnbmF0dXJl",
        "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDB9.",
    ],
)
def test_what_looks_like_a_persons_data_is_masked_unasked(personal: str) -> None:
    for text in (personal, f"cannot reach {personal}, sorry", f'"{personal}"', f"<{personal}>", f"x={personal}"):
        line = Masker().line(text)
        assert MASK in line
        for part in (personal, " ".join(personal.split())):
            assert part not in line
        kept = [piece for piece in personal.replace("@", " ").split() if len(piece) > 3 and piece in line]
        assert kept == []


@pytest.mark.parametrize(
    "text",
    [
        f"exam {EXAM} of {INSTALL}/{SESSION}",
        "2026-03-04T15:30:00.000Z",
        "3fa85f64-5717-4562-b3fc-2c963f66afa6",
        "code 10032, retry after 60 s",
        "version 1.2.3",
        "room 12, floor 3",
        "a@b",
    ],
)
def test_what_support_needs_stays(text: str) -> None:
    assert Masker().line(text) == text


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        # From four characters on wherever it stands, a shorter one as a word.
        (["abcd"], "xabcdx abcd", f"x{MASK}x {MASK}"),
        (["abc"], "xabcx abcx xabc abc", f"xabcx abcx xabc {MASK}"),
        (["a.c"], "abc a.c", f"abc {MASK}"),
        (["b", "ab", "c"], "ab b a c", f"{MASK} {MASK} a {MASK}"),
        # Echoes that overlap or touch are one; those apart are not.
        (["abab"], "-ababab-", f"-{MASK}-"),
        (["aaaa"], "-aaaaaa-", f"-{MASK}-"),
        (["abcd", "efgh"], "abcdefgh", MASK),
        (["abcd", "cdef", "bc"], "abcdef", MASK),
        (["abcd"], "abcd.abcd.abcd", f"{MASK}.{MASK}.{MASK}"),
        (["aaaa"], "-aaaaa-", f"-{MASK}-"),
        (["", "ab"], "x. ab", f"x. {MASK}"),
        ([], "eyJhbGciOiJIUzI1NiJ9.eyJhIjoieCJ9.c2ln.", f"{MASK}."),
        (["abcdef", "cd"], "abcdef cd", f"{MASK} {MASK}"),
        # Quotes around an e-mail address stay, those within are part of it.
        ([], "'ada@example.com', ''o'b@example.com'", f"'{MASK}', ''{MASK}'"),
        ([], "ada@example.com.", f"{MASK}."),
        ([], "tok_abcdef tok_abcde", f"{MASK} tok_abcde"),
        ([], "src_abcdef rk_abcdef pk_abcdef", f"{MASK} {MASK} {MASK}"),
        (
            [],
            "12345678; 123456789; 1234567890123456789; 12345678901234567890",
            f"12345678; {MASK}; {MASK}; 12345678901234567890",
        ),
        ([], "1   2   3   4   5   6   7   8   9; 1    2345678", f"{MASK}; 1    2345678"),
    ],
)
def test_where_a_mask_begins_and_ends(secrets: list[str], text: str, shown: str) -> None:
    assert Masker(secrets).mask(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 297 + "..."),
        ("x" * 8192, "x" * 297 + "..."),
        ("x" + " " * 8191, "x"),
        # What is behind the limit was not read, and may have begun before it.
        ("x" + " " * 8192, MASK),
        ("12345\n6789", MASK),
    ],
    ids=["300", "301", "8192", "read whole", "not read whole", "number"],
)
def test_where_a_line_is_cut(text: str, shown: str) -> None:
    assert Masker().line(text) == shown


def test_a_line_is_one_short_line() -> None:
    line = Masker().line("first\r\nsecond\tthird\x1b[31m\u2028fourth\0" + "x" * 1000)
    assert line.startswith("first second third [31m fourth")
    assert len(line) == 300
    assert line.endswith("...")
    assert line.isprintable()


@given(st.text())
def test_any_string_becomes_a_line(text: str) -> None:
    line = Masker(["secret-value"]).line(text)
    assert len(line) <= 300
    assert line == "" or line.isprintable()


PIECES = ["a", "a.", "a@", "a%40", "a@b.", "a@b-", "eyJ", "eyJ.", "1 ", "(1", "tok_", "\n", "é", "a-", "_"]
ENCODED = [
    "%25",
    "%2525",
    "&amp;",
    "&#38;",
    "&",
    "&#",
    "\\",
    "\\u0041",
    "'",
    "+",
    "Ã¼",
    "QUFB",
    "\ud83d",
    "%26#37;\\''+Ã¼",
]


@pytest.mark.parametrize("piece", PIECES + ENCODED)
def test_a_long_string_takes_no_time(piece: str) -> None:
    # A server decides how long it is. Unlucky patterns took half a minute for this one.
    masker = Masker([*(f"secret-{number}" for number in range(20)), "x y"])
    started = time.process_time()
    masker.mask(piece * (65_536 // len(piece)))
    masker.line(piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 1.0


def test_a_secret_is_masked_before_the_line_is_cut() -> None:
    line = Masker(["S3CRET-S3CRET"]).line("x" * 292 + "S3CRET-S3CRET")
    assert "S3C" not in line


def test_errors_and_their_causes_are_masked() -> None:
    cause = ValueError("illegal header: tok_hidden", 5)
    middle = RuntimeError("tok_hidden again")
    middle.__cause__ = cause
    cause.__context__ = middle  # a circle must not hang it
    Masker(["tok_hidden"]).mask_chain(middle)
    assert "tok_hidden" not in repr(middle) + repr(cause)
    assert cause.args[1] == 5
    Masker().mask_chain(None)
    # Of both the cause is the one that is shown; a context is followed where there is no cause.
    last, first = ValueError("tok_hidden last"), OSError(5, "tok_hidden first", "name")
    last.__context__ = first
    middle = RuntimeError("tok_hidden")
    middle.__cause__, middle.__context__ = last, ValueError("tok_hidden unseen")
    Masker(["tok_hidden"]).mask_chain(middle)
    assert [str(middle), str(last), str(first)] == [MASK, f"{MASK} last", f"[Errno 5] {MASK} first: 'name'"]
    assert middle.__context__.args == ("tok_hidden unseen",)
    odd = OSError("tok_hidden")
    Masker(["tok_hidden"]).mask_chain(odd)
    assert (odd.args, odd.strerror) == ((MASK,), None)


def test_nothing_of_it_is_in_its_repr() -> None:
    assert repr(Masker(["tok_hidden"])) == "<Masker>"


FIELDS = (
    Field("card_token", "cardToken", "body", "string", sensitive=True),
    Field("notes", "notes", "body", "string"),
    Field(
        "user",
        "user",
        "body",
        "object",
        fields=(
            Field("", "email", "", "string", sensitive=True),
            Field("", "title", "", "string"),
            Field("", "phones", "", "array", items=Field("", "", "", "string", sensitive=True)),
        ),
    ),
    Field(
        "people",
        "people",
        "body",
        "array",
        items=Field("", "", "", "object", fields=(Field("", "pin", "", "integer", sensitive=True),)),
    ),
    Field(
        "who",
        "who",
        "body",
        "union",
        fields=(
            Field("", "", "", "string"),
            Field("", "", "", "object", fields=(Field("", "name", "", "string", sensitive=True),)),
        ),
    ),
    Field("secret_blob", "secretBlob", "body", "object", sensitive=True, additional=True),
)


def test_sensitive_values_are_found_wherever_they_are_nested() -> None:
    found = sensitive_values(
        FIELDS,
        {
            "card_token": "tok",
            "notes": "public",
            "user": {"email": "a@b.c", "title": "Dr", "phones": ["1", "2"]},
            "people": [{"pin": 1234, "other": "x"}, {}],
            "who": {"name": "Ada"},
            "secret_blob": {"a": ["deep", {"b": 5.5}], "c": None, "d": True},
        },
    )
    assert sorted(found) == sorted(["tok", "a@b.c", "1", "2", "1234", "Ada", "deep", "5.5"])


def test_objects_that_nothing_describes_are_read_by_the_names_of_their_fields() -> None:
    free = Field("free", "Free", "body", "object", additional=True, fields=(Field("", "open", "", "string"),))
    typed = free._replace(name="", additional=Field("", "", "", "string"))
    value = {"open": "1", "PIN": ["2", {"x": 3}], "more": {"Pin": "4", "y": [{"pin": "5"}], "z": "6"}, 7: "7"}
    assert sensitive_values([free], {"free": value}, {"pin"}) == ["2", "3", "4", "5"]
    assert sensitive_values([free], {"free": value}) == []
    # Of a field without a Python name the documented name counts; described values have no names to go by.
    assert sensitive_values([typed], {"Free": {"pin": "1"}}, {"pin"}) == []
    secret = free._replace(additional=Field("", "", "", "string", sensitive=True))
    assert sensitive_values([secret], {"free": {"open": "1", "a": "2"}}) == ["2"]
    assert sensitive_values([Field("rows", "rows", "", "array")], {"rows": [{"pin": "1"}]}, {"pin"}) == ["1"]
    assert sensitive_values([free], {}) == []


def test_bytes_are_read_as_text_up_to_a_limit() -> None:
    assert list(strings_within([b"a\xff", b"x" * 9000, {"k": 5}, None, True])) == ["a\ufffd", "x" * 8192, "5"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/v1/installs/{INSTALL}/exams/{EXAM}", f"/v1/installs/{INSTALL}/exams/{EXAM}"),
        ("/job-training/sessions/result/list", "/job-training/sessions/result/list"),
        ("/v1/x?token=secret", "/v1/x"),
        ("/v1/x?a=/b?c=/d", "/v1/x"),
        ("/v1/ABC/aBC", "/v1/ABC/aBC"),
        ("/v123/v1234/{sid}/{a b}/" + "x" * 40 + "/" + "x" * 41, "/v123/.../{sid}/.../" + "x" * 40 + "/..."),
        ("/v1/users/ada@example.com/x", "/v1/users/.../x"),
        ("/v1/cards/4242424242424242", "/v1/cards/..."),
        ("/v1/%41%42", "/v1/..."),
        ("/v1/exams/" + EXAM.upper(), "/v1/exams/..."),
        ("/user/3fa85f64-5717-4562-b3fc-2c963f66afa6/scheduled_termination",) * 2,
        ("/user/3fa85f64571745-62b3fc-2c963f66afa6", "/user/..."),
        ("/invitation/opensesame", "/invitation/..."),
        ("/", "/"),
    ],
)
def test_the_path_of_an_error_shows_words_and_identifiers_only(path: str, shown: str) -> None:
    assert shown_path(path, ["opensesame"]) == shown


def test_secrets_of_raw_requests_are_masked_as_they_are_sent() -> None:
    class Card:
        def to_dict(self) -> dict[str, str]:
            return {"number": "card-in-a-model"}

    class Word(Enum):
        ONE = "word-in-an-enum"

    values = [Card(), Word.ONE, Decimal("1234.50"), datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)]
    found = set(strings_within(values))
    assert found == {"card-in-a-model", "word-in-an-enum", "1234.5", "2026-03-04T05:06:07.000Z"}
