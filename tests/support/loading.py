"""Shared by the tests of dlt: pipelines into files of DuckDB, also in a process that is killed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Importing it is slow, and processes that load do not need it.
    from invigilate.sandbox import Exchange, Phase

TABLE = "service_distribution"


def pipeline_in(folder: Path, name: str = "proctoring", destination: Any = None) -> Any:
    """Create a pipeline whose files are all in a folder; by default into `warehouse.duckdb`."""
    import dlt

    return dlt.pipeline(
        name,
        pipelines_dir=str(folder / "pipelines"),
        destination=destination or dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="learning",
    )


def select(folder: Path, query: str) -> list[Any]:
    """Query the tables in `warehouse.duckdb`."""
    import duckdb

    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("use learning")
        return connection.execute(query).fetchall()


def loaded(pipeline: Any) -> dict[str, int]:
    """Return the number of rows that the last run read, by table."""
    counts = pipeline.last_trace.last_normalize_info.row_counts
    return {name: rows for name, rows in counts.items() if not name.startswith("_")}


class Edited:
    """Changes the rows of pages between the sandbox and clients, as if the vendor had.

    Args:
        edit: returns a row as it is to be, or `None` if it is to vanish.
        rows: the field of a page that has the rows.
    """

    def __init__(self, edit: Callable[[dict[str, Any]], dict[str, Any] | None], rows: str = "results") -> None:
        self._edit = edit
        self._rows = rows

    def connected(self, api: str) -> None:
        """See `Interceptor`."""

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        """See `Interceptor`."""
        from invigilate.sandbox import Phase, Response

        if phase is Phase.APPLIED and exchange.response is not None and exchange.response.status == 200:
            page = json.loads(exchange.response.body)
            if self._rows in page:
                kept = [row for each in page[self._rows] if (row := self._edit(each)) is not None]
                if "total" in page:
                    page["total"] -= len(page[self._rows]) - len(kept)
                page[self._rows] = kept
                exchange.response = Response.json(page)


def main(folder: str, installs: str, die_at: int) -> None:
    """Load a report, and be killed at the given number of the files that are opened, renamed or removed."""
    from invigilate.dlt import smarterproctoring_source

    count = 0

    def hook(name: str, given: tuple[Any, ...]) -> None:
        nonlocal count
        if name in {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"} and str(given[0]).startswith(folder):
            count += 1
            if count == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    pipeline = pipeline_in(Path(folder))
    # Without installs, they are those of the configuration.
    chosen: dict[str, Any] = {"installs": installs.split(",")} if installs else {}
    source = smarterproctoring_source(page_size=50, **chosen)
    sys.addaudithook(hook)
    pipeline.run(source)
    print(count)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
