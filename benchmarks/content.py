"""The responses of the benchmarks' server: report rows that look like real ones, and one small object."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

SPEC = Path(__file__).resolve().parents[1] / "openapi" / "smarterproctoring.yaml"
INSTALL_SID = "AI" + "0123456789abcdef" * 2
TOKEN = "a-token-for-benchmarks"
REPORT = f"/v1/installs/{INSTALL_SID}/reports/serviceDistribution"
SETTINGS = f"/v1/installs/{INSTALL_SID}/settings"


def rows(number: int) -> list[dict[str, Any]]:
    """Rows of the service distribution report, all fields present; the same ones each time."""
    chance = random.Random(2026)

    def sid(kind: str) -> str:
        return f"{kind}{chance.getrandbits(128):032x}"

    courses = [(sid("CU"), f"Course {index}") for index in range(40)]
    offerings = [(sid("CO"), f"Term {index}") for index in range(40)]
    exams = [(sid("EX"), f"Exam {index}") for index in range(120)]
    made: list[dict[str, Any]] = []
    for index in range(number):
        exam, course, offering = (chance.choice(kind) for kind in (exams, courses, offerings))
        day, hour = 1 + index % 28, index % 24
        made.append(
            {
                "sid": sid("ES"),
                "status": chance.choice(("Closed", "Scheduled", "Cancelled")),
                "statusReason": "Completed",
                "billable": chance.random() < 0.8,
                "schedulingModule": "smarter-scheduling",
                "workflowModule": "automated",
                "appointmentDate": f"2026-03-{day:02}T{hour:02}:30:00.000Z",
                "dateClosed": f"2026-03-{day:02}T{hour:02}:59:59.000Z",
                "dateCancelled": None,
                "exam": {"sid": exam[0], "title": exam[1]},
                "course": {"sid": course[0], "title": course[1]},
                "user": {
                    "sid": sid("US"),
                    "firstName": "Ada",
                    "lastName": f"Example {index}",
                    "externalId": str(index),
                },
                "courseOffering": {"sid": offering[0], "title": offering[1]},
                "serviceType": "automated",
            }
        )
    return made


def encoded(value: object) -> bytes:
    """The JSON of a value as servers write it, without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def page(rows_encoded: list[bytes], offset: int, limit: int) -> bytes:
    """One page of the report, with all documented fields, made of rows that are encoded already."""
    total = len(rows_encoded)
    results = rows_encoded[offset : offset + limit]

    def address(start: int) -> str | None:
        return f"{REPORT}?offset={start}&limit={limit}" if 0 <= start < total else None

    head = {
        "total": total,
        "first": address(0),
        "next": address(offset + limit),
        "prev": address(offset - limit),
        "last": address((total - 1) // limit * limit),
        "count": len(results),
        "offset": offset,
    }
    return encoded(head)[:-1] + b',"results":[' + b",".join(results) + b"]}"


def settings() -> bytes:
    """The documented example of an install's settings: a small response."""
    import yaml

    with SPEC.open(encoding="utf-8") as stream:
        document: Any = yaml.load(stream, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    response = document["paths"]["/v1/installs/{installSid}/settings"]["get"]["responses"]["200"]
    return encoded(response["content"]["application/json"]["example"])
