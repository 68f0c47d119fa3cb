"""Export the rows of any paged operation to files, Arrow and DuckDB.

```python
from invigilate import SmarterProctoring

with SmarterProctoring() as client:
    result = client.reports.service_distribution(statuses=["Closed"]).export("report.csv")
    print(result.rows)
```

JSON Lines need no other library; the rest needs the extra `export`: `pip install "invigilate[export]"`.
"""

from __future__ import annotations

from .errors import ExportArgumentError, ExportError
from .files import export
from .planning import Window, windows
from .results import ExportProgress, ExportResult
from .tables import arrow_schema, record_batches

__all__ = [
    "ExportArgumentError",
    "ExportError",
    "ExportProgress",
    "ExportResult",
    "Window",
    "arrow_schema",
    "export",
    "record_batches",
    "windows",
]
