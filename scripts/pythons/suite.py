"""What is installed and tested on each Python."""

from __future__ import annotations

SMALL = ("cli", "drift", "export", "httpx2", "otel", "sandbox", "speed")
"""The extras that are tested by default."""

LARGE = ("chart", "dlt", "mcp")
"""Further extras, of about 400 MB. Only `spark` is missing, which `./scripts/test-spark` tests."""

FOR_TESTS = {
    "": ("hypothesis", "jsonschema", "pytest", "trio", "trustme"),
    "export": ("pandas", "polars"),
    "otel": ("opentelemetry-sdk",),
}
"""The packages that the tests need, by extra; those of the empty name are needed by all."""

NOTED = ("httpx", "httpx2", "attrs", "python-dateutil", "typer", "openapi-core", "pyarrow", "duckdb", "msgspec")
"""The dependencies whose versions are shown."""

FOLDERS = ("docs", "examples", "openapi", "scripts", "tests")
"""What the tests read."""

_UNIT = (
    "arguments",
    "auth",
    "clients",
    "cursor",
    "engine",
    "errors",
    "operating",
    "paging",
    "policy",
    "prefetch",
    "runtime",
    "timestamps",
    "waiting",
    "webhooks",
)

SUITE: dict[frozenset[str], tuple[str, ...]] = {
    frozenset(): tuple(f"tests/unit/test_{name}.py" for name in _UNIT),
    frozenset({"sandbox"}): ("tests/integration/test_whole_flow.py", "tests/contract/test_spec_examples.py"),
    frozenset({"sandbox", "httpx2"}): ("tests/integration/test_http_backends.py",),
    frozenset({"speed"}): ("tests/unit/test_speed.py",),
    frozenset({"cli", "sandbox"}): (
        "tests/unit/test_cli_options.py",
        "tests/unit/test_cli_results.py",
    ),
    frozenset({"cli", "drift"}): ("tests/unit/test_drift.py",),
    frozenset({"export", "sandbox"}): (
        "tests/unit/test_export_options.py",
        # The others of this file take long.
        "tests/unit/test_export_columns.py::test_odd_rows_are_kept_in_every_format",
        "tests/unit/test_export_columns.py::test_parquet_is_reproducible_and_has_row_groups",
    ),
    frozenset({"otel", "sandbox"}): ("tests/integration/test_otel.py",),
    frozenset({"cli", "mcp", "sandbox"}): ("tests/unit/test_mcp_tools.py",),
    frozenset({"chart", "cli", "sandbox"}): ("tests/unit/test_cli_charts.py", "tests/unit/test_cli_output.py"),
}
"""The tests, by the extras that they need. They read no file of the packages: only the wheel is there."""
