"""A standalone master with two workers: both read, one is killed, and no log has a credential."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from invigilate.sandbox import Sandbox
from tests.spark.conftest import TOKEN, Cluster
from tests.spark.reports import YEAR, Reports


@pytest.fixture(scope="module")
def spark(start: Callable[..., Any], cluster: Cluster) -> Iterator[Any]:
    # Executors log in their own words what they run, at the level that would show most.
    settings = {"spark.executor.memory": "512m", "spark.executor.cores": "1", "spark.log.level": "INFO"}
    session = start(cluster.url, **settings)
    yield session
    session.stop()


def load(spark: Any, reports: Reports, token_file: str, **options: Any) -> Any:
    reader = spark.read.format("smarterproctoring").option("installs", ",".join(reports.installs))
    usual = {"baseUrl": reports.url, "tokenFile": token_file, **YEAR}
    for name, value in (usual | options).items():
        reader = reader.option(name, value)
    return reader.load()


def rows_and_places(frame: Any) -> list[tuple[str, str]]:
    """Install and SID of each row, and the executor that read it."""

    def place(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = [f"{install} {sid}" for install, sid in zip(*map(pa.Array.to_pylist, batch.columns), strict=True)]
            yield pa.RecordBatch.from_pydict({"row": rows, "place": [os.getcwd()] * len(rows)})

    found = frame.select("installSid", "sid").mapInArrow(place, "row string, place string")
    return sorted((row.row, row.place) for row in found.collect())


def test_both_workers_read(spark: Any, token_file: str) -> None:
    with Reports([3_000, 500, 2_000], pause=0.1).serve() as reports:
        found = rows_and_places(load(spark, reports, token_file, pageSize=250, maxConcurrent=2))
        assert [row for row, _ in found] == reports.sids
        assert {Path(place).parts[-3] for _, place in found} == {"worker-1", "worker-2"}
        assert reports.most == 2


def test_a_killed_executor_loses_and_repeats_nothing(spark: Any, cluster: Cluster, token_file: str) -> None:
    with Reports([4_000, 4_000], pause=0.1).serve() as reports:
        frame = load(spark, reports, token_file, pageSize=250, rowsPerWindow=500)
        killed: list[int] = []

        def kill() -> None:
            end = time.monotonic() + 60
            while len(reports.reads) < 10 and time.monotonic() < end:
                time.sleep(0.01)
            killed.extend(cluster.executors()[:1])
            os.kill(killed[0], signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        found = rows_and_places(frame)
        thread.join()
        assert [row for row, _ in found] == reports.sids
        # Its windows were read again.
        assert killed
        assert len(reports.reads) > 32
        windows = [str((install, query)) for install, query in reports.reads]
        assert len(windows) > len(set(windows))


def test_no_log_of_the_cluster_has_a_token(spark: Any, sandbox: Sandbox, folder: Path) -> None:
    """Not those of master, workers and executors, nor the event logs; the first tests wrote them."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".jar"]
    names = {path.name for path in files}
    assert {"master.log", "worker-1.log", "worker-2.log", "stderr"} <= names
    texts = {path: path.read_bytes() for path in files}
    assert sum(b"Running task" in text for path, text in texts.items() if path.name == "stderr") >= 2
    for secret in (TOKEN, sandbox.token, sandbox.client_secret):
        assert [path for path, text in texts.items() if secret.encode() in text] == []
