"""Spark data sources: the report of many installs, and the lists of iSpring Learn.

```python
from invigilate.spark import register

register(spark)
year = {"after": "2026-01-01T00:00:00Z", "before": "2027-01-01T00:00:00Z"}
sessions = spark.read.format("smarterproctoring").options(installs="AI..., AI...", **year).load()
results = spark.read.format("ispring").options(resource="results").load()
```

Driver and executors need this package with the extra `spark`, and credentials in their environment or in a file.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

if find_spec("pyspark") is None:
    raise ImportError("this needs Spark; install it with: pip install 'invigilate[spark]'", name="pyspark")

from .ispring import ISpringSource
from .smarterproctoring import SmarterProctoringSource

__all__ = ["ISpringSource", "SmarterProctoringSource", "register"]


def register(spark: Any) -> None:
    """Register the formats `smarterproctoring` and `ispring`, and let Spark push filters down.

    Args:
        spark: the `SparkSession`. Its `spark.sql.python.filterPushdown.enabled` is set for all Python data sources.
    """
    spark.conf.set("spark.sql.python.filterPushdown.enabled", "true")
    for source in (SmarterProctoringSource, ISpringSource):
        spark.dataSource.register(source)
