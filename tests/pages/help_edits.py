"""Edits of help pages, which see the page as its tables and its samples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.pages.sample_edits import Edit, sample_edits


@dataclass
class HelpEdits:
    """The edits of a help page."""

    text: str

    def edits(self) -> Iterator[Edit]:
        text = self.text
        line = re.search(r"^(GET|POST|PUT|DELETE) (/\S+)$", text, re.M)
        assert line is not None
        yield "method", line[1], text.replace(line[0], f"PATCH {line[2]}")
        for segment in line[2].strip("/").split("/"):
            yield "path", segment, text.replace(line[0], line[0].replace(f"/{segment}", f"/{segment}X", 1))
        for kind, old, new in (
            ("host", r"^Host: .*$", r"\g<0>.eu"),
            ("subscription", r"^AVAILABLE WITH \w+", "AVAILABLE WITH OTHER"),
            ("permissions", r"(?<=to Run the Request\n).*$", r"\g<0> and others"),
            ("credential", r"^Authorization: Bearer", "Authorization: Basic"),
        ):
            yield kind, "", re.sub(old, new, text, count=1, flags=re.M)
        for name, title in (("Content-Type", "Body"), ("Accept", "Response")):
            yield "media type", title, text.replace(f"{name}: application/json", f"{name}: text/json")
        for part, start, end in (
            ("header", "Request Headers", "Parameter | Description |"),
            ("field", "Parameter | Description |", "Response Parameters"),
            ("returned", "Response Parameters", "Response Codes"),
        ):
            yield from self._rows(part, text.index(f"\n{start}\n") + 1, text.index(f"\n{end}\n") + 1)
        for code in re.findall(r"^(\d{3}) \|.*\|$", text, re.M):
            row = f"^{code} \\|.*\n"
            if code != "200":
                yield "status: removed", code, re.sub(row, "", text, flags=re.M)
                yield "status: changed", code, re.sub(f"^{code} ", "451 ", text, flags=re.M)
            yield "status: added", code, re.sub(row, r"\g<0>423 | Locked | Locked. |\n", text, flags=re.M)
        yield from self._samples()
        for name, value in re.findall(r"^(X-[\w-]+): (.*)$", text, re.M):
            yield "header: value", name, re.sub(f"^{name}: .*$", f"{name}: {value}x", text, flags=re.M)
            if not re.search(f"^{name} \\(", text, re.M):
                yield "header: removed", name, re.sub(f"^{name}: .*\n", "", text, flags=re.M)

    def _rows(self, part: str, start: int, end: int) -> Iterator[Edit]:
        table, text = self.text[start:end], self.text
        for row in re.finditer(r"^([\w-]+)(?: \((required|optional)\))? \|(?:[^|]*)\|\n", table, re.M):
            name, flag = row[1], row[2]
            if name in {"Header", "Parameter", "Authorization"}:
                continue

            def put(new: str, row: re.Match[str] = row) -> str:
                return text[:start] + table[: row.start()] + new + table[row.end() :] + text[end:]

            sample = {"header": rf"^{name}: .*\n", "returned": rf'^"{name}": (?:[^{{\[\n]*)\n'}.get(part)
            without = put("")
            if sample and part == "header":
                without = re.sub(sample, "", without, flags=re.M)
            if len(re.findall(r" \|", table)) > 2:
                yield f"{part}: removed", name, without
            yield f"{part}: added", name, put(row[0] + f"brandNew{f' ({flag})' if flag else ''} | New |\n")
            renamed = put(row[0].replace(name, f"{name}X", 1))
            renamed = re.sub(rf'^(")?{name}(")?: ', rf"\1{name}X\2: ", renamed, flags=re.M)
            yield f"{part}: renamed", name, renamed
            if flag:
                other = "optional" if flag == "required" else "required"
                yield f"{part}: required", name, put(row[0].replace(f"({flag})", f"({other})"))
            shown = re.search(rf'^"{name}": \[', text, re.M)
            if part == "field" and "can be more than one" in row[0] and not shown:
                yield "field: several", name, put(row[0].replace(" (can be more than one)", ""))
            elif part == "field" and not shown and "values" not in row[0]:
                yield (
                    "field: several",
                    name,
                    put(re.sub(r"\| ([^:|\n]+?)(:?)( \||\n)", r"| \1 (can be more than one)\2\3", row[0], count=1)),
                )
            values = re.findall(r"^- ([A-Z_]+):.*$", row[0], re.M)
            for value in values:
                yield "values: renamed", name, put(row[0].replace(f"- {value}", f"- {value}_X"))
                yield "values: added", name, put(row[0].replace(f"- {value}", f"- OTHER: new\n- {value}"))
                if len(values) > 1:
                    yield "values: removed", name, put(re.sub(rf"^- {value}:.*\n", "", row[0], flags=re.M))

    def _samples(self) -> Iterator[Edit]:
        for title in ("Sample Request", "Sample Response"):
            start = self.text.index(f"\n{title}\n")
            end = self.text.index("\nCODE", start)
            begin = min(at for at in (self.text.find("\n{", start), self.text.find("\n[", start)) if at >= 0) + 1
            sample = json.loads(self.text[begin:end])
            for kind, place, edited in sample_edits(sample, top=True):
                yield kind, f"{title}{place}", self.text[:begin] + json.dumps(edited, indent=0) + self.text[end:]
            items = sample if isinstance(sample, list) else [sample]
            for name, value in items[0].items():
                for other in (123, "x", True):
                    numbers = {type(other), type(value)} <= {int, float}
                    if not isinstance(value, dict | list | type(other) | None) and not numbers:
                        changed = {**items[0], name: other}
                        whole = [changed] if isinstance(sample, list) else changed
                        yield (
                            "sample: type",
                            f"{title}.{name}",
                            self.text[:begin] + json.dumps(whole, indent=0) + self.text[end:],
                        )
