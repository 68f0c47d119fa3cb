"""Loads the reports of many installs with Spark, and reports what it took; run by `warehouse.py` in `.venv-spark`.

    python -m benchmarks.warehouse_spark MASTER URL FOLDER READERS INSTALLS

It starts a session, waits for the executors, and writes Parquet to the folder. Its last line of output is JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from pyspark.sql import SparkSession

from benchmarks.content import TOKEN
from benchmarks.installs import YEAR, install_sids
from invigilate.spark import register

LOOPBACK = "127.0.0.1"


def main() -> None:
    """Load once."""
    master, url, folder, readers, installs = sys.argv[1:]
    os.environ.setdefault("SMARTERPROCTORING_TOKEN", TOKEN)
    builder: Any = SparkSession.builder
    settings = {
        "spark.driver.bindAddress": LOOPBACK,
        "spark.driver.host": LOOPBACK,
        "spark.driver.memory": "512m",
        "spark.executor.memory": "768m",
        "spark.executorEnv.SMARTERPROCTORING_TOKEN": TOKEN,
        "spark.executorEnv.PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.master(master).appName("benchmarks").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    try:
        register(spark)
        # Executors, and the first Python worker, are not part of the load.
        spark.range(64, numPartitions=int(readers)).rdd.map(lambda row: row.id).count()
        bounds = {name: time_.isoformat() for name, time_ in zip(("after", "before"), YEAR, strict=True)}
        options = {"installs": ",".join(install_sids(int(installs))), "maxConcurrent": readers, "baseUrl": url}
        started = time.monotonic()
        frame = spark.read.format("smarterproctoring").options(**options, **bounds).load()
        frame.write.parquet(folder)
        print(json.dumps({"seconds": time.monotonic() - started}), flush=True)
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
