"""Stream columns of the service distribution report into a CSV file, one page in memory at a time.

`report.export(path)` writes all columns in one line, and continues if it is killed; it needs the extra `export`.

Set SMARTERPROCTORING_TOKEN and SMARTERPROCTORING_INSTALL_SID, or paste what `python -m invigilate.sandbox` prints:

    python examples/report_to_csv.py report.csv 2026-01-01T00:00:00Z 2026-07-01T00:00:00Z
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

from invigilate import APIError, InvalidArgumentError, SmarterProctoring

COLUMNS = ("sid", "status", "service_type", "billable", "appointment_date", "date_closed", "date_cancelled")


def main(path: Path, after: str, before: str) -> int:
    part = path.with_name(path.name + ".part")
    with SmarterProctoring() as client, part.open("w", newline="", encoding="utf-8") as file:
        # Ten minutes for the whole report, including all pages and retries.
        report = client.with_options(deadline=600).reports.service_distribution(
            appointment_date_after=after,
            appointment_date_before=before,
            sort_keys=["appointmentDate"],
            limit=500,
        )
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        rows = 0
        for page in report.pages():
            writer.writerows([getattr(row, column) for column in COLUMNS] for row in page)
            rows += len(page)
            print(f"{rows} of {report.total}", file=sys.stderr)
    # Rename last: an incomplete report never has the final name.
    os.replace(part, path)
    return rows


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        print(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]), "rows")
    except (InvalidArgumentError, APIError, OSError) as error:
        sys.exit(f"No report: {error}")
