"""The limit of exports: the shortest program we know that writes a report to a file, with an engine for the tables.

    python -m benchmarks.limit URL FILE

It requests pages of 1,000 rows with httpx, eight at a time as an export does, slices the rows out of each page with
msgspec, and writes the slices to a file of JSON Lines; DuckDB makes CSV or Parquet of it, with the columns that it
finds. It checks nothing and retries nothing, and if it is killed, it starts over. The section `exports` compares
exports with it, and shows what it takes with one request at a time, too, which is no way to read over a long line.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import duckdb
import httpx
import msgspec

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.content import REPORT, TOKEN

LIMIT = 1000
AT_ONCE = 8


class Page(msgspec.Struct):
    """A page whose rows stay JSON."""

    total: int
    results: list[msgspec.Raw]


_decode = msgspec.json.Decoder(Page).decode


def pages(client: httpx.Client, at_once: int) -> Iterator[list[msgspec.Raw]]:
    """Read the report, with so many requests at a time."""

    def fetch(offset: int) -> Page:
        response = client.get(REPORT, params={"offset": offset, "limit": LIMIT})
        response.raise_for_status()
        return _decode(response.content)

    first = fetch(0)
    yield first.results
    offsets = iter(range(LIMIT, first.total, LIMIT))
    if at_once == 1:
        yield from (fetch(offset).results for offset in offsets)
        return
    with ThreadPoolExecutor(at_once) as pool:
        waiting = deque(pool.submit(fetch, offset) for offset in islice(offsets, at_once))
        while waiting:
            yield waiting.popleft().result().results
            waiting.extend(pool.submit(fetch, offset) for offset in islice(offsets, 1))


def jsonl(client: httpx.Client, path: Path, at_once: int = AT_ONCE) -> int:
    """Write the report as JSON Lines, and return the number of rows."""
    number = 0
    with path.open("wb") as file:
        for rows in pages(client, at_once):
            file.write(b"\n".join(rows) + b"\n")
            number += len(rows)
    return number


def table(client: httpx.Client, path: Path, at_once: int = AT_ONCE) -> int:
    """Write the report as CSV or Parquet, as the suffix says, and return the number of rows."""
    lines = path.with_suffix(".jsonl")
    number = jsonl(client, lines, at_once)
    duckdb.connect().execute(f"COPY (SELECT * FROM read_json('{lines}')) TO '{path}'")
    lines.unlink()
    return number


def main() -> None:
    """Write one file."""
    url, path = sys.argv[1], Path(sys.argv[2])
    with httpx.Client(base_url=url, headers={"token": TOKEN}) as client:
        print(jsonl(client, path) if path.suffix == ".jsonl" else table(client, path), "rows")


if __name__ == "__main__":
    main()
