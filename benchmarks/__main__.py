"""The command behind `scripts/bench`: prints the whole table."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from pathlib import Path

from benchmarks import peers
from benchmarks.measure import Table
from benchmarks.sections import FULL, QUICK, SECTIONS, Setting

EXIT_MET, EXIT_MISSED, EXIT_FAILED = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="bench",
        description="Compares this library with its peers, all fed the same bytes, and prints every goal with its "
        "figure. The first run builds the peers, which takes half a minute; a whole run takes about ten minutes.",
        epilog="Exit codes: 0 all goals are met, 1 a goal is missed, 2 nothing could be measured. Ratios are those of "
        "the shortest times; run it on an otherwise idle machine.",
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)}; by default all")
    parser.add_argument("--without-java", action="store_true", help="leave openapi-generator's client out")
    parser.add_argument(
        "--quick", action="store_true", help="one short round, to check that everything works; not a measurement"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=peers.FOLDER,
        help=f"where the peers are kept, default {peers.FOLDER.name} in the repository",
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section is called {unknown[0]}; there are {', '.join(SECTIONS)}")
    try:
        made = [peers.stock(options.folder)]
        if not options.without_java:
            made.append(peers.openapi_generator(options.folder))
    except peers.PeerError as error:
        print(f"bench: {error}", file=sys.stderr)
        return EXIT_FAILED
    _describe(made)
    table = Table()
    setting = Setting(made, QUICK if options.quick else FULL, options.folder)
    for name in options.sections or SECTIONS:
        SECTIONS[name](table, setting)
    met = table.summary(judge=not options.quick)
    return EXIT_MET if met or options.quick else EXIT_MISSED


def _describe(made: list[peers.Peer]) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    print(f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}, {cores} cores{load}")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("httpx", "msgspec")]
    generators = {"stock": "openapi-python-client"}
    versions += [f"{generators.get(peer.name, peer.name)} {peer.version}" for peer in made]
    print(", ".join(versions), flush=True)


if __name__ == "__main__":
    sys.exit(main())
