"""Edits of reference pages, which see the page as its head, its samples and the blocks of its fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.pages.sample_edits import Edit, sample_edits

_SECTIONS = {"Headers": "header", "Path Parameters": "path", "Query Parameters": "query", "Body": "", "Response": ""}
_TYPE = re.compile(r"(?:enum<\w+>|string|integer|number|boolean|object)(?:<[\w-]+>)?(?:\[\])*(?: \| [\w<>\[\]-]+)*")
_VALUES: Mapping[str, Any] = {"string": "<string>", "integer": 123, "number": 123, "boolean": True, "object": {}}


@dataclass
class _Block:
    """The lines of one field on a reference page."""

    section: str
    lines: list[str]

    @property
    def name(self) -> str:
        return self.lines[0]

    @property
    def type(self) -> str:
        return self.lines[1]

    def replaced(self, old: str, new: str) -> _Block:
        return _Block(self.section, re.sub(old, new, "\n".join(self.lines), count=1, flags=re.M).split("\n"))

    def with_type(self, type_: str) -> _Block:
        return _Block(self.section, [self.name, type_, *self.lines[2:]])

    def with_line(self, line: str, *, badge: bool = False) -> _Block:
        """The field with one line more: a badge below its type, or a fact at its end."""
        if badge:
            return _Block(self.section, [*self.lines[:2], line, *self.lines[2:]])
        end = len(self.lines) - next(at for at, item in enumerate(reversed(self.lines)) if item)
        return _Block(self.section, [*self.lines[:end], line, *self.lines[end:]])


@dataclass
class ReferenceEdits:
    """The edits of a reference page, which is its head, its samples and its sections."""

    text: str
    curl: str = ""
    head: str = ""
    samples: dict[str, Any] = field(default_factory=dict[str, Any])
    banner: str = ""
    parts: list[str | _Block] = field(default_factory=list[str | _Block])

    def __post_init__(self) -> None:
        above, authorizations, below = self.text.partition("\nAuthorizations\n")
        above, self.banner, banner = above.partition("\nDocumentation Index\n")
        self.banner += banner + authorizations
        start = re.search(r"^curl ", above, re.M)
        assert start is not None
        self.head, rest = above[: start.start()], above[start.start() :]
        data = re.search(r" \\\n  --data '\n(.*?)\n'\n", rest, re.S)
        end = data.start() if data else re.search(r"[^\\]\n", rest).end() - 1  # type: ignore[union-attr]
        self.curl = rest[:end]
        if data:
            self.samples["Body"] = json.loads(data[1].replace("'\\''", "'"))
        answer = rest[data.end() if data else end :].strip()
        if answer:
            self.samples["Response"] = json.loads(answer)
        section, lines = "Authorizations", below.split("\n")
        status = None
        for at, line in enumerate(lines):
            if line in _SECTIONS and at and not lines[at - 1]:
                section = line
            elif section == "Response" and re.fullmatch(r"(?:default|\d{3})(?: - .*)?", line) and not lines[at - 1]:
                status = line
            begins = at + 1 < len(lines) and _TYPE.fullmatch(lines[at + 1]) and re.fullmatch(r"[\w-]+", line)
            last = self.parts[-1] if self.parts else ""
            is_type = isinstance(last, _Block) and len(last.lines) == 1
            if begins and line not in {"required", "deprecated"} and not is_type:
                self.parts.append(_Block(section, [line]))
            elif line in _SECTIONS or line == status or not self.parts or not isinstance(self.parts[-1], _Block):
                self.parts.append(line)
            else:
                self.parts[-1].lines.append(line)

    def page(
        self,
        *,
        head: str | None = None,
        curl: str | None = None,
        samples: Mapping[str, Any] | None = None,
        parts: Sequence[str | _Block] | None = None,
    ) -> str:
        """Return the page with something replaced."""
        samples = self.samples if samples is None else samples
        text = (self.head if head is None else head) + (self.curl if curl is None else curl)
        if "Body" in samples:
            text += " \\\n  --data '\n" + json.dumps(samples["Body"], indent=2).replace("'", "'\\''") + "\n'"
        text += "\n" + (json.dumps(samples["Response"], indent=2) + "\n" if "Response" in samples else "")
        below: list[str] = []
        for part in parts or self.parts:
            if isinstance(part, str) and part in _SECTIONS and below and below[-1]:
                below.append("")
            below += part.lines if isinstance(part, _Block) else [part]
        return text + self.banner + "\n".join(below)

    def _with(self, at: int, *blocks: _Block | str, samples: Mapping[str, Any] | None = None) -> str:
        return self.page(parts=[*self.parts[:at], *blocks, *self.parts[at + 1 :]], samples=samples)

    def edits(self) -> Iterator[Edit]:
        assert self.page() == self.text.rstrip("\n") + self.text[len(self.text.rstrip("\n")) :], (
            "the page is not written back"
        )
        yield from self._operation()
        for at, part in enumerate(self.parts):
            if isinstance(part, _Block) and part.section != "Authorizations":
                for kind, edited, value in self._field(part):
                    yield (
                        kind,
                        f"{part.section} {part.name}",
                        self._with(at, edited, samples=self._sampled(part, value)),
                    )
                yield from self._around(at, part)
        for section, sample in self.samples.items():
            listed = any(isinstance(part, _Block) and part.section == section for part in self.parts)
            for kind, place, edited in sample_edits(sample, top=listed):
                yield kind, f"{section}{place}", self.page(samples={**self.samples, section: edited})

    def _sampled(self, block: _Block, value: Any) -> Mapping[str, Any]:
        """The samples with the value of a field, if it is in one."""
        sample = self.samples.get(block.section)
        if value is None or not isinstance(sample, dict) or block.name not in sample:
            return self.samples
        return {**self.samples, block.section: {**sample, block.name: value}}

    def _operation(self) -> Iterator[Edit]:
        (method,) = re.findall(r"^(?:GET|PUT|POST)$", self.head, re.M)
        other = "PATCH"
        edited = self.head.replace(f"{method}\n", f"{other}\n", 1)
        yield (
            "method",
            method,
            self.page(head=edited, curl=self.curl.replace(f"--request {method}", f"--request {other}")),
        )
        segments = re.findall(r"^/\n([\w{}]+)$", self.head, re.M)
        for segment in segments:
            if not segment.startswith("{"):
                edited = self.head.replace(f"/\n{segment}\n", f"/\n{segment}X\n", 1)
                yield "path", segment, self.page(head=edited, curl=self.curl.replace(f"/{segment}", f"/{segment}X", 1))
        for old, new in (("https?://", r"\g<0>eu."), (r"example|com\b", "test")):
            yield "host", old, self.page(curl=re.sub(old, new, self.curl, count=1))
        for at, part in enumerate(self.parts):
            if isinstance(part, _Block) and part.section == "Authorizations":
                renamed = _Block(part.section, [f"{part.name}Key", *part.lines[1:]])
                curl = self.curl.replace(f"'{part.name}:", f"'{part.name}Key:")
                yield (
                    "credential",
                    "name",
                    self.page(curl=curl, parts=[*self.parts[:at], renamed, *self.parts[at + 1 :]]),
                )
                moved = part.replaced("^header$", "query")
                curl = re.sub(rf" \\\n  --header '{part.name}:.*'", "", self.curl)
                yield (
                    "credential",
                    "location",
                    self.page(curl=curl, parts=[*self.parts[:at], moved, *self.parts[at + 1 :]]),
                )
            elif part == "The response is of type string.":
                for type_ in ("boolean", "integer", "object"):
                    samples = {**self.samples, "Response": _VALUES[type_]}
                    yield "response: type", type_, self._with(at, f"The response is of type {type_}.", samples=samples)
            elif isinstance(part, str) and re.fullmatch(r"(?:default|\d{3})(?: - .*)?", part):
                for status in ("202", "default"):
                    yield "status: changed", part, self._with(at, re.sub(r"^\w+", status, part))
                yield "status: added", part, self.page(parts=[*self.parts, "", "423", "", "Locked"])
                yield "media type", part, self._with(at, part.replace("json", "xml"))
                following = [item for item in self.parts[at + 1 :] if item]
                if " - " not in part:
                    yield "status: removed", part, self.page(parts=self.parts[:at])
                elif any(isinstance(item, _Block) for item in following) and isinstance(
                    self.samples.get("Response"), dict
                ):
                    yield (
                        "response: array",
                        part,
                        self.page(samples={**self.samples, "Response": [self.samples["Response"]]}),
                    )
            elif part == "application/json":
                yield "media type", "Body", self._with(at, "text/json")

    def _around(self, at: int, block: _Block) -> Iterator[Edit]:
        """Edits of the list that a field is in, and of the sample beside it."""
        what = f"{block.section} {block.name}"
        sample = self.samples.get(block.section)
        shown = sample if isinstance(sample, dict) else {}

        def samples(changed: dict[str, Any]) -> dict[str, Any]:
            return {**self.samples, block.section: changed} if shown else self.samples

        if block.section != "Path Parameters":
            rest = {name: value for name, value in shown.items() if name != block.name}
            siblings = [part for part in self.parts if isinstance(part, _Block) and part.section == block.section]
            if len(siblings) > 1:
                yield "field: removed", what, self._with(at, samples=samples(rest))
            renamed = _Block(block.section, [f"{block.name}X", *block.lines[1:]])
            pairs = {(f"{name}X" if name == block.name else name): value for name, value in shown.items()}
            curl = self.curl.replace(f"'{block.name}: ", f"'{block.name}X: ")
            parts = [*self.parts[:at], renamed, *self.parts[at + 1 :]]
            yield "field: renamed", what, self.page(curl=curl, parts=parts, samples=samples(pairs))
        new = _Block(block.section, ["brandNew", "string", "", "New", ""])
        if block.section != "Path Parameters":
            pairs = {}
            for name, value in shown.items():
                pairs |= {"brandNew": "<string>", name: value} if name == block.name else {name: value}
            yield "field: added", what, self._with(at, new, block, samples=samples(pairs))
        following = self.parts[at + 1] if at + 1 < len(self.parts) else ""
        if isinstance(following, _Block) and following.section == block.section:
            names = list(shown)
            if block.name in names and following.name in names:
                one, two = names.index(block.name), names.index(following.name)
                names[one], names[two] = names[two], names[one]
            ordered = {name: shown[name] for name in names}
            parts = [*self.parts[:at], following, block, *self.parts[at + 2 :]]
            yield "field: order", what, self.page(parts=parts, samples=samples(ordered))
        if block.section in {"Query Parameters", "Headers"}:
            siblings = [part for part in self.parts if isinstance(part, _Block) and part.section == block.section]
            target = "Headers" if block.section == "Query Parameters" else "Query Parameters"
            if len(siblings) > 1 and target not in self.parts:
                parts = [*self.parts[:at], *self.parts[at + 1 :]]
                before = "Path Parameters" if target == "Headers" else "Body"
                index = parts.index(before)
                yield (
                    "parameter: location",
                    what,
                    self.page(parts=[*parts[:index], target, "", block, "", *parts[index:]]),
                )

    def _field(self, block: _Block) -> Iterator[tuple[str, _Block, Any]]:
        """Edits of one field: kind, edited field, and its value in the sample if that changes."""
        type_, text = block.type, "\n".join(block.lines)
        base = re.sub(r"(?:<.*>)?(?:\[\])*(?: \|.*)?$", "", type_)
        listed, array = type_.startswith("enum<"), "[]" in type_
        if not listed:
            for other in _VALUES:
                if other != base and not ({other, base} == {"integer", "number"} and "default" in text):
                    value = [_VALUES[other]] if array else _VALUES[other]
                    clean = block.replaced(r"^default:.*\n", "")
                    if "default:" not in text:
                        yield "type", clean.with_type(re.sub(rf"^{base}(?:<[\w-]+>)?", other, type_)), value
        inner = re.sub(r"\[\](?= \||$)", "", type_, count=1)
        if "default:" not in text:
            bare = re.match(r"[\w<>-]+", type_)
            assert bare is not None
            toggled = inner if array else type_.replace(bare[0], f"{bare[0]}[]", 1)
            sample = self.samples.get(block.section)
            value = sample.get(block.name) if isinstance(sample, dict) else None
            value = (value[0] if array else [value]) if value not in (None, []) else None
            yield "type: array", block.with_type(toggled), value
        yield "null", block.with_type(type_.replace(" | null", "") if "null" in type_ else f"{type_} | null"), None
        if block.section != "Path Parameters" or "\nrequired" in text:
            changed = (
                block.replaced(r"\nrequired$", "") if "\nrequired" in text else block.with_line("required", badge=True)
            )
            yield "required", changed, None
        deprecated = block.replaced(r"\ndeprecated$", "") if "\ndeprecated" in text else None
        yield "deprecated", deprecated or block.with_line("deprecated", badge=True), None
        if base == "string":
            formatted = re.match(r"string<([\w-]+)>", type_)
            plain = re.sub(r"^string(?:<[\w-]+>)?", "string", type_)
            yield "format", block.with_type(plain.replace("string", "string<iban>", 1)), None
            if formatted:
                yield "format: removed", block.with_type(plain), None
        yield from ((kind, edited, None) for kind, edited in self._facts(block, text, base, listed=listed, array=array))

    def _facts(self, block: _Block, text: str, base: str, *, listed: bool, array: bool) -> Iterator[tuple[str, _Block]]:
        if re.search(r"^default:", text, re.M):
            numeric = re.search(r"^default:\d+$", text, re.M)
            new = "default:7" if numeric else {"default:true": "default:false", "default:false": "default:true"}
            found = re.search(r"^default:.*$", text, re.M)
            assert found is not None
            yield (
                "default",
                block.replaced("^default:.*$", new if isinstance(new, str) else new.get(found[0], "default:other")),
            )
            yield "default: removed", block.replaced("^default:.*\n", "")
        elif (
            not array
            and " | " not in block.type.replace(" | null", "")
            and (base in {"string", "integer", "number", "boolean"} or listed)
        ):
            value = {"integer": "3", "number": "3", "boolean": "true"}.get(base, "x")
            value = "1" if "enum<integer>" in text else value
            yield "default: added", block.with_line(f"default:{value}", badge=True)
        if "Pattern: " in text:
            yield "pattern", block.replaced("^Pattern: (.*)$", r"Pattern: \1|^$")
            yield "pattern", block.replaced("^Pattern: (.)", r"Pattern: x\1")
            yield "pattern: removed", block.replaced("^Pattern: .*\n?", "")
        elif base == "string" and not listed:
            yield "pattern: added", block.with_line("Pattern: ^[a-z]+$")
        found = re.search("^Required range: (.*)$", text, re.M)
        if found:
            for bound in re.finditer(r"\d+", found[1]):
                more = str(int(bound[0]) + 1)
                new = found[1][: bound.start()] + more + found[1][bound.end() :]
                yield "range", block.replaced("^Required range: .*$", f"Required range: {new}")
            for sign in re.finditer(r"[<>]=?", found[1]):
                other = sign[0][0] if "=" in sign[0] else f"{sign[0]}="
                new = found[1][: sign.start()] + other + found[1][sign.end() :]
                yield "range: exclusive", block.replaced("^Required range: .*$", f"Required range: {new}")
            yield "range: removed", block.replaced("^Required range: .*\n?", "")
        elif base in {"integer", "number"}:
            yield "range: added", block.with_line("Required range: x <= 9")
        found = re.search(r"^(\w+) (string|array) length: (\d+)(.*)$", text, re.M)
        if found:
            more = f"{found[1]} {found[2]} length: {int(found[3]) + 1}{found[4]}"
            yield "length", block.replaced(r"^\w+ (?:string|array) length: .*$", more)
            yield "length: removed", block.replaced(r"^\w+ (?:string|array) length: .*\n?", "")
        elif base == "string" and not array:
            yield "length: added", block.with_line("Maximum string length: 9")
        elif array:
            yield "length: added", block.with_line("Maximum array length: 9")
        yield from self._values(block, text)
        found = re.search(r"^Example:\n\n(.*)$", text, re.M)
        if found:
            value = json.loads(found[1])
            other = json.dumps(f"{value}2" if isinstance(value, str) else value + 1)
            yield "example", block.replaced(r"^Example:\n\n.*$", f"Example:\n\n{other}")

    def _values(self, block: _Block, text: str) -> Iterator[tuple[str, _Block]]:
        found = re.search(r"^Available options:\n((?:.*,\n)*.*)$", text, re.M)
        single = re.search(r'^Allowed value: "(.*)"$', text, re.M)
        values = found[1].split(",\n") if found else []

        def listing(new: list[str]) -> _Block:
            return block.replaced(r"^Available options:\n(?:.*,\n)*.*$", "Available options:\n" + ",\n".join(new))

        new = "9" if "enum<integer>" in text else "other"
        for at, value in enumerate(values):
            renamed = f"{value}9" if new == "9" else f"{value}X"
            yield "values: renamed", listing([*values[:at], renamed, *values[at + 1 :]])
            yield "values: added", listing([*values[:at], new, *values[at:]])
            if len(values) > 1:
                yield "values: removed", listing([*values[:at], *values[at + 1 :]])
            if at:
                yield "values: order", listing([*values[: at - 1], value, values[at - 1], *values[at + 1 :]])
        if found:
            opened = block.replaced(r"^Available options:\n(?:.*,\n)*.*\n?", "")
            yield "values: opened", opened.with_type(re.sub(r"enum<(\w+)>", r"\1", block.type))
        elif single:
            yield "values: renamed", block.replaced("^Allowed value: .*$", f'Allowed value: "{single[1]}X"')
            yield "values: opened", block.replaced("^Allowed value: .*\n?", "")
        elif re.match(r"string(?:\[\])*(?: \| null)?$", block.type):
            closed = block.with_type(block.type.replace("string", "enum<string>", 1))
            yield "values: closed", closed.with_line("Available options:\none,\ntwo")
