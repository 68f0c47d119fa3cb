"""Seeded edits of saved pages: how many of them does `./scripts/capture --verify` find?

    ./scripts/capture --edits 500 --seed 1      our own pages, and those of INVIGILATE_PAGES if it is set
    ./scripts/capture --edits all               every edit there is

Each edit changes one fact that the format of the page shows, in its list and in its sample alike, and leaves a page
that the documentation system could have served. An edit is found if the comparison reports a difference. What no
comparison can tell is not among them: prose, and an example less, since a spec has examples of its own.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from capturer.specification import Spec, load_specs
from capturer.verification import verify

from tests.pages.fragment_edits import edits_of_fragment
from tests.pages.help_edits import HelpEdits
from tests.pages.reference_edits import ReferenceEdits
from tests.pages.sample_edits import Edit

PAGES = Path(__file__).parent
ROOT = PAGES.parents[1]


def completed(node: Any, key: str = "") -> Any:
    """A draft in which somebody has decided and written everything that is marked."""
    if isinstance(node, dict):
        return {name: completed(value, name) for name, value in node.items()}
    if isinstance(node, list):
        return [completed(item, key) for item in node]
    if not isinstance(node, str) or not node.startswith("TODO"):
        return node
    decided = {"value": False, "type": "string", "tags": "harbour", "name": "harbour", "extent": "full"}
    return decided.get(key, "filled in")


def draft_of(page: Path) -> Path:
    """Return the draft that is due of one of our pages."""
    return page.with_name(f"{page.name if page.suffix == '.md' else page.stem}.draft.yaml")


def edits_of(text: str) -> list[Edit]:
    """Return all edits of a page, of whatever format."""
    if "OpenAPI definition" in text:
        found = edits_of_fragment(text)
    elif text.split("\n", 1)[0] == "Skip to main content":
        found = ReferenceEdits(text).edits()
    else:
        found = HelpEdits(text).edits()
    edits = [edit for edit in found if edit[2] != text]
    assert edits
    return edits


class DifferentPage(Exception):
    """A page that differs from its spec, so that edits of it would be found anyway."""


@dataclass
class Result:
    """The result of edits."""

    made: Counter[str] = field(default_factory=Counter[str])
    found: Counter[str] = field(default_factory=Counter[str])
    missed: list[str] = field(default_factory=list[str])
    refused: list[str] = field(default_factory=list[str])
    """Edits that left a page which cannot be read: noticed, but without the fact."""

    def __str__(self) -> str:
        lines = [f"{kind:<32}{self.found[kind]:>5} of {self.made[kind]:>4}" for kind in sorted(self.made)]
        lines += [f"missed: {edit}" for edit in self.missed] + [f"not readable: {edit}" for edit in self.refused]
        found, made = self.found.total(), self.made.total()
        return "\n".join([*lines, f"{found} of {made} edits found ({found / made:.1%})"])


def pages() -> list[tuple[Path, list[Spec]]]:
    """Return our own pages with their completed drafts, and the pages of the vendors with the specs."""
    own = sorted([*PAGES.glob("*.txt"), *PAGES.glob("*.md")])
    found = [(page, [Spec("draft", completed(yaml.safe_load(draft_of(page).read_text("utf-8"))))]) for page in own]
    if os.environ.get("INVIGILATE_PAGES"):
        specs = load_specs(sorted((ROOT / "openapi").glob("*.yaml")))
        folder = Path(os.environ["INVIGILATE_PAGES"])
        found += [(page, specs) for page in sorted([*folder.glob("*.txt"), *folder.glob("*.md")])]
    return found


def run(chosen: Sequence[tuple[Path, list[Spec]]], *, count: int | None, seed: int) -> Result:
    """Make edits of pages and compare each with the specs.

    Args:
        chosen: the pages, each with its specs.
        count: the number of edits; None for all.
        seed: for the choice of edits, in which all kinds are alike.
    """
    by_kind: dict[str, list[tuple[Path, list[Spec], Edit]]] = {}
    for page, specs in chosen:
        text = page.read_text("utf-8")
        (verdict,) = verify({page.name: text}, specs)
        if verdict.problem or verdict.differences:
            raise DifferentPage(f"{page} differs from its spec before any edit; see ./scripts/capture --verify")
        for edit in edits_of(text):
            by_kind.setdefault(edit[0], []).append((page, specs, edit))
    edits = [edit for kind in sorted(by_kind) for edit in by_kind[kind]]
    if count is not None:
        chance = random.Random(seed)
        kinds = sorted(by_kind)
        edits = [chance.choice(by_kind[kinds[at] if at < len(kinds) else chance.choice(kinds)]) for at in range(count)]
    result = Result()
    for page, specs, (kind, what, text) in edits:
        (verdict,) = verify({page.name: text}, specs)
        result.made[kind] += 1
        result.found[kind] += bool(verdict.problem or verdict.differences)
        told = f"{page.name}: {kind}: {what}"
        if verdict.problem:
            result.refused.append(f"{told}: {verdict.problem}")
        elif not verdict.differences:
            result.missed.append(told)
    return result


def main() -> int:
    """Run the command. Returns 0 if every edit is found, 1 if not, 2 if a page differs from its spec before."""
    parser = argparse.ArgumentParser(prog="capture", description="How many seeded edits of pages does --verify find?")
    parser.add_argument("--edits", default="500", help="how many, or all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    options = parser.parse_args()
    try:
        result = run(pages(), count=None if options.edits == "all" else int(options.edits), seed=options.seed)
    except DifferentPage as error:
        print(f"capture: {error}", file=sys.stderr)
        return 2
    print(result)
    return 1 if result.missed else 0


if __name__ == "__main__":
    sys.exit(main())
