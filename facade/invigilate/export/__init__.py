"""Export the service distribution report to CSV, JSON Lines, Parquet and pyarrow tables.

```python
from invigilate import SmarterProctoring
from invigilate.export import export_report

with SmarterProctoring() as client:
    result = export_report(client, "report.csv", filters={"statuses": ["Closed"]})
    print(result.rows)
```

CSV and JSON Lines need no other library; Parquet and tables need the extra `export`:
`pip install "invigilate[export]"`.
"""

from __future__ import annotations

from .errors import ExportArgumentError, ExportError
from .report import export_report
from .results import ExportProgress, ExportResult
from .tables import to_table

__all__ = ["ExportArgumentError", "ExportError", "ExportProgress", "ExportResult", "export_report", "to_table"]
