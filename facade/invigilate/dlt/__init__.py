"""Sources for dlt (data load tool), which loads rows into warehouses and continues where the last load ended.

```python
import dlt
from invigilate.dlt import smarterproctoring_source

pipeline = dlt.pipeline("proctoring", destination="duckdb", dataset_name="proctoring")
pipeline.run(smarterproctoring_source(installs=["AI..."], since="2026-01-01T00:00:00Z"))
```
"""

from __future__ import annotations

try:
    from .ispring import ispring_source
    from .smarterproctoring import smarterproctoring_source
except ModuleNotFoundError as error:
    raise ImportError("invigilate.dlt needs an extra: pip install 'invigilate[dlt]'") from error

__all__ = ["ispring_source", "smarterproctoring_source"]
