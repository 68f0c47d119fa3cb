"""Everything people read uses the terms of the field: docstrings, messages, help, pages and specifications.

Each rule names the words that do not belong and those to use. Code (backticks, fenced blocks) and URLs are not prose.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from invigilate._apis import APIS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("facade", "generated", "examples/downstream-sdk/src")
PAGES = ("*.md", "docs/*.md", "openapi/*.md", "benchmarks/*.md", "examples/**/*.md")


@dataclass(frozen=True)
class Rule:
    """Words that do not belong.

    Attributes:
        wrong: what to reject; a space matches any white space.
        use: what to write.
        bad: an example that is rejected.
        good: an example that is not.
        allowed: phrases in which the words are right.
        case: whether upper and lower case matter.
    """

    wrong: str
    _: KW_ONLY
    use: str
    bad: str
    good: str
    allowed: str = ""
    case: bool = False

    def find(self, prose: str) -> Iterator[re.Match[str]]:
        """Find the words in a string."""
        if self.allowed:
            prose = _compiled(self.allowed, self.case).sub(lambda phrase: _blank(phrase[0]), prose)
        return _compiled(self.wrong, self.case).finditer(prose)


def _compiled(pattern: str, case: bool) -> re.Pattern[str]:
    return re.compile(pattern.replace(" ", r"\s+"), 0 if case else re.IGNORECASE)


def _blank(phrase: str) -> str:
    return re.sub(r"\S", "_", phrase)


RULES = {
    "answer": Rule(
        r"\b(?:un)?answer(?:s|ed|ing)?\b",
        use="response, respond",
        bad="It answered 429.",
        good="The response is 429.",
    ),
    "reply": Rule(
        r"\brepl(?:y|ies|ied)\b",
        use="response, respond",
        bad="the reply was lost",
        good="the response was lost",
    ),
    "text": Rule(
        r"\btexts?\b",
        use="string; message; wording",
        bad="got a text of length 8",
        good="plain text that is declared as text/plain",
        allowed=r"\b(?:plain|free|alt)[- ]text\b|\btext/\w+|\btext (?:file|editor|box)s?\b",
    ),
    "give": Rule(
        r"\b(?:gives?|given|gave|giving)\b",
        use="return; pass; have",
        bad="Gives the page.",
        good="Returns the page that was passed.",
    ),
    "carry out": Rule(
        r"\bcarr(?:y|ies|ied|ying)(?: \w+){0,3} out\b"
        r"|\bperform(?:s|ed|ing)? (?:a|the|this|that|each|any) (?:call|request)s?\b",
        use="send, execute, run",
        bad="When the call is carried out, it blocks.",
        good="Perform an effect, and carry the cursor.",
    ),
    "exchanged": Rule(
        r"\bexchanged\b",
        use="swapped",
        bad="The arguments seem to be exchanged.",
        good="One exchange is recorded.",
    ),
    "told": Rule(
        r"\b(?:told|tells?|telling)\b",
        use="report, raise, log, show",
        bad="It tells the reason.",
        good="The error reports it.",
    ),
    "instant": Rule(
        r"\bnam(?:e|es|ed|ing) (?:no|an) instant\b",
        use="has no UTC offset",
        bad="A time that names no instant.",
        good="Times are compared as instants.",
    ),
    "whoever": Rule(
        r"\bwho(?:so)?ever\b|\bhe who\b|\bthose who\b|\bnobody knows\b",
        use="callers, you",
        bad="Whoever reads it waits.",
        good="Callers wait.",
    ),
    "learn of": Rule(
        r"\blearn(?:s|ed|ing)? (?:of|from|that)\b",
        use="notice; read from",
        bad="Learns of the end.",
        good="The times of iSpring Learn from 2024.",
        allowed=r"\bISpring Learn\b",
    ),
    "send again": Rule(
        r"\bsen(?:d|ds|t|ding)(?: it| them| this| that)? (?:again|twice more|once more|anew)\b|\bresen[dt]s?\b",
        use="retry",
        bad="It is never sent again.",
        good="It is sent twice, and then retried.",
    ),
    "repeat": Rule(
        r"\b(?:not|never|be|being|is|are|was|were|often|safely) repeated\b"
        r"|\brepeat(?:s|ed|ing)? (?:(?:a|the|this|that|any|safe|its|your) )?(?:call|request|booking)s?\b"
        r"|\brepeat(?:s|ed|ing)? (?:it|them)\b"
        r"|\b(?:no|of|between|after|before|all|and|with|many|the|same) repeats\b",
        use="retry; show (a value)",
        bad="A call that must not be repeated.",
        good="A list becomes repeated keys, and a token that repeats raises.",
        allowed=r"\bkeys? (?:is|are) repeated\b|; can be repeated\b",  # the latter of options, in help texts
    ),
    "safe": Rule(
        r"\bunsafe(?:ly)?\b|\bsafe (?:call|request|operation|method)s?\b|\bsafe to (?:repeat|retry|send)\b",
        use="idempotent, not idempotent",
        bad="An unsafe call.",
        good="It is safe to delete this folder, and csv_safe is an option.",
    ),
    "member": Rule(
        r"\bmembers?\b",
        use="field, property, key",
        bad="A member that is missing.",
        good="An enum member.",
        allowed=r"\benum(?:eration)? members?\b|\b(?:faculty|staff|team) members?\b",
    ),
    "stand": Rule(
        r"\bst(?:ands?|ood|anding) (?:there|here|under|beside|behind|before|after|where|at|on|as|alone|already|in)\b",
        use="is, are; has",
        bad="The values stand there.",
        good="It stands in for the argument.",
        allowed=r"\bst(?:ands?|anding) in (?:for|when|if|unless|place of)\b",
    ),
    "unasked": Rule(
        r"\bunasked\b|\b(?:was|were|is|are|be|been|as|rows) asked for\b|\basked of (?:a|the|it)\b",
        use="not unless set; requested",
        bad="A default is never sent unasked.",
        good="It is only done if you ask for it.",
    ),
    "is no": Rule(
        r"\b(?:is|are|was|were|be) no"
        r" (?!longer\b|more\b|less\b|fewer\b|better\b|worse\b|slower\b|later\b|older\b|exception\b)\w+"
        r"|\b(?:is|are|was|were|be) none\b",
        use="is not a",
        bad="A value that is no number.",
        good="There is no limit, and it is no longer open.",
        allowed=r"\bthere (?:is|are|was|were|(?:may|can|should|must|would) be) (?:no|none)\b",
    ),
    "kind": Rule(
        r"\bkinds? of (?:(?:a|the) )?"
        r"(?:value|argument|field|error|failure|call|request|response|page|thing|file|server|export)s?\b",
        use="type; format",
        bad="another kind of value",
        good="A SID of another kind.",
    ),
    "address": Rule(
        r"\baddress(?:es)?\b",
        use="URL",
        bad="the address of the API",
        good="an e-mail address, and the IP addresses of a host",
        allowed=r"\b(?:e-?mail|postal|IP|IPv4|IPv6|home|mailing|street|billing|loopback|physical) address(?:es)?\b"
        r"|\baddress(?:es)? of (?:a|the) (?:host|person|user)\b|\bhost has (?:several|no) address(?:es)?\b"
        r"|\baddress lines?\b|\baddress type not supported\b",  # the last in RFC 1928
    ),
    "place": Rule(
        r"\b(?:at|with|in) (?:its|their) (?:own )?place\b(?! of)|\bthe place (?:of|where|that)\b"
        r"|\btakes? (?:its|the) place\b",
        use="position; instead; or say the thing itself",
        bad="The warning has it, with its place.",
        good="It is used in place of httpx.",
    ),
    "make": Rule(
        r"\bmade (?:of|anew|out of)\b|\bmakes? (?:\w+ ){0,4}of (?:it|them)\b"
        r"|\bmak(?:e|es|ing) (?:a|an|another) (?:\w+ )?(?:client|connection|object|pager|folder|file|iterator)\b",
        use="create, build, generate",
        bad="The package is made of the spec.",
        good="It makes the gateway the base URL.",
    ),
    "anew": Rule(
        r"\banew\b",
        use="again",
        bad="It reads everything anew.",
        good="It reads everything again.",
    ),
    "double": Rule(
        r"\bmissing or double\b|\bcomes? double\b",
        use="duplicated",
        bad="Rows may be missing or double.",
        good="Rows may be missing or duplicated.",
    ),
    "unknown": Rule(
        r"\boutcome is unknown of\b|\bwhat is not known counts\b",
        use="outcome unknown; unknown counts as",
        bad="The outcome is unknown of line 3.",
        good="Unknown counts as sent.",
    ),
    "call off": Rule(
        r"\bcall(?:s|ed)? (?:\w+ ){0,5}off\b",
        use="cancel",
        bad="Call a booked session off.",
        good="A call that is cut off.",
        allowed=r"\bcut off\b",
    ),
    "British spelling": Rule(
        r"\b(?:behaviour|colour|neighbour|honour|favour|labour|harbour)\w*"
        r"|\b(?:licence|centre|catalogue|enrolment)s?\b|\bcancell(?:ed|ing)\b|\bmisspelt\b|\banalys(?:e|es|ed|ing)\b"
        r"|\b(?:recognis|organis|serialis|normalis|summaris|initialis|synchronis|randomis|capitalis)\w+",
        use="American spelling",
        bad="the behaviour of a cancelled session",
        good="the behavior of a canceled session with the status Cancelled",
        case=True,
    ),
}

# Where a word is right although a rule rejects it: file, phrase, reason.
EXEMPT: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Prose:
    """Something people read: a docstring, a message, a paragraph."""

    file: str
    line: int
    content: str

    def findings(self) -> Iterator[str]:
        """Describe each word that does not belong."""
        content = _CODE.sub(lambda code: _blank(code[0]), self.content)
        for file, phrase, _ in EXEMPT:
            if file == self.file:
                content = content.replace(phrase, _blank(phrase))
        for name, rule in RULES.items():
            for match in rule.find(content):
                around = " ".join(content[max(0, match.start() - 30) : match.end() + 30].split())
                line = self.line + content.count("\n", 0, match.start())
                yield f"{self.file}:{line}: {name}: ...{around}... (use: {rule.use})"


# Fenced blocks, code spans, URLs, link targets, comments of Markdown, and names in `Args:` and `Attributes:`.
_CODE = re.compile(
    r"^ *```.*?^ *```$|``.*?``|`[^`\n]+(?:\n[^`\n]+)?`|\bhttps?://[^\s)>\]]+|\]\([^)]*\)|<!--.*?-->|^ {4,}\w+(?=: )",
    re.DOTALL | re.MULTILINE,
)


def python_files() -> Iterator[Path]:
    for folder in SOURCES:
        yield from sorted((ROOT / folder).rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def docstrings() -> Iterator[Prose]:
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            body = getattr(node, "body", None)
            for statement in body if isinstance(body, list) else []:
                match statement:  # also the strings after attributes and enum values
                    case ast.Expr(value=ast.Constant(value=str(content), lineno=line)):
                        yield Prose(_name(path), line, content)


class _Strings(ast.NodeVisitor):
    """Collects string literals of several words, without docstrings."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and " " in node.value.strip():
            self.found.append((node.lineno, node.value))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
        if " " in "".join(parts).strip():
            self.found.append((node.lineno, "".join(parts)))
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)


def messages() -> Iterator[Prose]:
    """Errors, warnings, log records, help texts, and the tables that they are built from."""
    for path in python_files():
        strings = _Strings()
        strings.visit(ast.parse(path.read_text(encoding="utf-8")))
        for line, content in strings.found:
            yield Prose(_name(path), line, content)


def pages() -> Iterator[Prose]:
    for pattern in PAGES:
        for path in sorted(ROOT.glob(pattern)):
            yield Prose(_name(path), 1, path.read_text(encoding="utf-8"))


_DATA = frozenset({"example", "examples", "enum", "const", "pattern"})
"""Keys of values, which are not prose."""


def specifications() -> Iterator[Prose]:
    documents = [ROOT / "openapi" / f"{api.spec}.yaml" for api in APIS]
    for path in [*documents, ROOT / "examples" / "downstream-sdk" / "openapi" / "northfield.yaml"]:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        yield from _scalars(_name(path), loader.get_single_node())


def _scalars(file: str, node: Any) -> Iterator[Prose]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value not in _DATA:
                yield from _scalars(file, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _scalars(file, value)
    elif isinstance(node, yaml.ScalarNode) and " " in node.value.strip():
        yield Prose(file, node.start_mark.line + 1, node.value)


@pytest.mark.parametrize("collect", [docstrings, messages, pages, specifications])
def test_the_words_are_those_of_the_field(collect: Any) -> None:
    prose = list(collect())
    assert len(prose) > 10
    findings = [finding for each in prose for finding in each.findings()]
    assert not findings, f"{len(findings)} findings\n" + "\n".join(findings)


@pytest.mark.parametrize("name", RULES)
def test_each_rule_rejects_and_accepts_its_examples(name: str) -> None:
    rule = RULES[name]
    assert list(rule.find(rule.bad)), "the bad example is accepted"
    assert not list(rule.find(rule.good)), "the good example is rejected"
    assert list(rule.find(rule.bad.replace(" ", "\n    "))), "a line break hides the words"


def test_code_is_not_prose_and_findings_name_the_line() -> None:
    code = "See `answer`, and\n```\nanswer\n```\nhttps://answer.example\n    answer: an argument.\n"
    (finding,) = Prose("page.md", 10, f"{code}The answer.").findings()
    assert finding.startswith("page.md:16: answer: ")


def test_messages_include_the_parts_of_format_strings() -> None:
    strings = _Strings()
    strings.visit(
        ast.parse("""raise ValueError(f"{name} gives {'a short text' if wrong else ''}")\n"Not this one."\n""")
    )
    assert strings.found == [(1, "{} gives {}"), (1, "a short text")]


def test_no_exemption_is_left_over() -> None:
    prose = [each for collect in (docstrings, messages, pages, specifications) for each in collect()]
    for file, phrase, reason in EXEMPT:
        assert reason
        assert any(each.file == file and phrase in each.content for each in prose), (file, phrase)
