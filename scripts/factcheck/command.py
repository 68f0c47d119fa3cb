"""The command: compares, and checks that each difference is listed with its reason."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from .comparison import Comparison
from .document import Node

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "INVIGILATE_FACTS"
MOST = 0.03
"""The share of the facts that may differ."""


def judge(comparison: Comparison, listed: Sequence[Node]) -> list[str]:
    """Return a summary, and what is wrong.

    Args:
        comparison: the comparison.
        listed: the known differences: keys as `facts`, in which `*` matches anything, with their `reason`, and with
            `aside` if they do not count because the facts do not apply to the spec.
    """
    problems: list[str] = []
    entries: dict[str, Node] = {}
    for entry in listed:
        for pattern in entry["facts"]:
            matches = re.compile(re.escape(pattern).replace(r"\*", ".*")).fullmatch
            keys = [key for key in comparison.differences if matches(key)]
            entries.update(dict.fromkeys(keys, entry))
            problems += [] if keys else [f"listed, but no difference matches it: {pattern}"]
        problems += [] if entry.get("reason", "").strip() else [f"no reason: {', '.join(entry['facts'])}"]
    for key, difference in comparison.differences.items():
        problems += [] if key in entries else [f"not listed: {key}: {difference}"]
    aside = {key for key, entry in entries.items() if entry.get("aside")} - comparison.added
    different = len(comparison.differences.keys() - comparison.added - aside)
    compared = len(comparison.facts - aside)
    share = f"{different} of {compared:,} facts differ ({different / compared:.1%})"
    if different > MOST * compared:
        problems.append(f"more than {MOST:.0%}: {share}")
    beside = f"{len(aside)} facts do not apply, and the spec has {len(comparison.added)} things more"
    return [f"{share}; {beside}", *problems]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0: every difference is listed; 1: problems; 2: no facts."""
    parser = argparse.ArgumentParser(
        prog="compare-facts", description="Compares a spec with a facts file, name by name."
    )
    default = Path(os.environ.get(VARIABLE) or ROOT.parent / "shared" / "reference" / "ispring" / "facts.yaml")
    parser.add_argument("facts", nargs="?", type=Path, default=default, help=f"(default: {VARIABLE}, or %(default)s)")
    parser.add_argument("--spec", type=Path, default=ROOT / "openapi" / "ispring-learn.yaml")
    options = parser.parse_args(arguments)
    if not options.facts.is_file():
        print(f"compare-facts: no facts: {options.facts}", file=sys.stderr)
        return 2
    facts, spec, listed = (
        yaml.load(file.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        for file in (options.facts, options.spec, options.spec.with_suffix(".differences.yaml"))
    )
    comparison = Comparison(facts, spec)
    for key, difference in comparison.differences.items():
        print(f"{key}: {difference}")
    summary, *problems = judge(comparison, listed["differences"])
    print(summary)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0
