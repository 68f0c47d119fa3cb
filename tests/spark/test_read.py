"""Reading reports and lists on a local Spark."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F  # noqa: N812  # as everyone names it

from invigilate import ISpringLearn, SmarterProctoring, parse_timestamp
from invigilate.export import arrow_schema
from invigilate.sandbox import Sandbox
from invigilate.spark import ISpringSource, SmarterProctoringSource
from tests.spark.conftest import TOKEN
from tests.spark.reports import YEAR, Reports, sid_of


@pytest.fixture(scope="module")
def spark(start: Callable[..., Any]) -> Iterator[Any]:
    session = start("local[2]")
    yield session
    session.stop()


def load(spark: Any, reports: Reports | None = None, **options: Any) -> Any:
    """Load a data frame, from the server of the environment or another."""
    reader = spark.read.format(options.pop("format", "smarterproctoring"))
    if reports is not None:
        usual = {"baseUrl": reports.url, "installs": ",".join(reports.installs), "tokenVariable": "TOKEN_OF_TESTS"}
        options = {**usual, "maxRetries": 0, **options}
    for name, value in options.items():
        reader = reader.option(name, value)
    return reader.load()


def sids(frame: Any) -> list[str]:
    return sorted(f"{row.installSid} {row.sid}" for row in frame.select("installSid", "sid").collect())


def test_the_rows_of_several_installs_are_those_of_the_pagers(spark: Any, sandbox: Sandbox) -> None:
    """With the credentials of the environment, against the sandbox."""
    installs = [sandbox.install_sid, sandbox.other_install_sid]
    frame = load(spark, installs=", ".join(installs), rowsPerWindow=100, pageSize=50, **YEAR)
    with SmarterProctoring(sandbox.token, base_url=sandbox.smarterproctoring_url) as client:
        bounds: dict[str, Any] = {"appointment_date_after": YEAR["after"], "appointment_date_before": YEAR["before"]}
        expected = {
            (install, row.sid): row.to_dict()
            for install in installs
            for row in client.for_install(install).reports.service_distribution(limit=1000, **bounds)
        }
    rows = frame.select("*", F.unix_millis("appointmentDate").alias("millis")).collect()
    assert len(rows) == len(expected) > 150
    for row in rows:
        one = expected[row.installSid, row.sid]
        assert (row.status, row.billable, row.serviceType) == (one["status"], one["billable"], one["serviceType"])
        assert row.millis == parse_timestamp(one["appointmentDate"]).timestamp() * 1000
        assert row.additional is None
    exams = frame.select("installSid", "sid", F.get_json_object("exam", "$.title").alias("title")).collect()
    assert all(row.title == expected[row.installSid, row.sid]["exam"]["title"] for row in exams)
    assert frame.rdd.getNumPartitions() == 4


def test_without_bounds_each_install_is_one_window(spark: Any) -> None:
    with Reports([30, 0, 10]).serve() as reports:
        frame = load(spark, reports)
        assert sids(frame) == reports.sids
        assert len(reports.reads) == 3


def test_the_schema_is_that_of_the_specification(spark: Any) -> None:
    frame = load(spark, installs=sid_of(1))
    expected = arrow_schema(SmarterProctoring.reports.service_distribution.describe, label="installSid")
    assert frame.columns == expected.names
    assert dict(frame.dtypes)["appointmentDate"] == "timestamp"
    assert {kind for name, kind in frame.dtypes if name not in {"appointmentDate", "dateClosed", "dateCancelled"}} == {
        "string",
        "boolean",
    }


def test_a_skewed_report_is_dealt_out_evenly(spark: Any) -> None:
    """One install has nine tenths of the rows, half of them in one day."""
    with Reports([36_000, 1_500, 0, 2_500], crowded=True).serve() as reports:
        frame = load(spark, reports, maxConcurrent=4, **YEAR)
        counts = [row["count"] for row in frame.groupBy(F.spark_partition_id()).count().collect()]
        assert sum(counts) == 40_000
        assert len(counts) == 4
        assert max(counts) < 1.3 * min(counts), counts
        # A few small requests for totals, and pages of 1,000 rows: 36 windows cannot need more than 36 half pages.
        assert len(reports.requests) - len(reports.reads) < 120
        assert len(reports.reads) < 100


@pytest.mark.parametrize("readers", [1, 2])
def test_no_more_readers_than_allowed_send_requests(spark: Any, readers: int) -> None:
    with Reports([2_000] * 3, pause=0.02).serve() as reports:
        frame = load(spark, reports, maxConcurrent=readers, rowsPerWindow=500, pageSize=250, **YEAR)
        assert frame.rdd.getNumPartitions() == readers
        # To plan, before anything is read.
        assert reports.most == readers
        assert reports.reads == []
        assert frame.count() == 6_000
        assert reports.most == readers


AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
C = F.col


@pytest.mark.parametrize(
    ("condition", "sent"),
    [
        (lambda: C("appointmentDate") >= AT, {"appointmentDateAfter": "2026-05-04T12:00:00.000Z"}),
        (lambda: C("appointmentDate") > AT, {"appointmentDateAfter": "2026-05-04T12:00:00.000Z"}),
        (lambda: C("appointmentDate") < AT, {"appointmentDateBefore": "2026-05-04T12:00:00.000Z"}),
        (lambda: C("appointmentDate") <= AT, {"appointmentDateBefore": "2026-05-04T12:00:00.001Z"}),
        (
            lambda: C("appointmentDate") == F.lit("2026-05-04T12:00:00.000250Z").cast("timestamp"),
            {"appointmentDateAfter": "2026-05-04T12:00:00.000Z", "appointmentDateBefore": "2026-05-04T12:00:00.001Z"},
        ),
        (lambda: C("dateClosed") >= AT, {"closeDateAfter": "2026-05-04T12:00:00.000Z"}),
        (lambda: C("dateClosed") < AT, {"closeDateBefore": "2026-05-04T12:00:00.000Z"}),
        (lambda: C("status") == "Closed", {"statuses": ["Closed"]}),
        (lambda: C("status").isin("Closed", "Cancelled"), {"statuses": ["Closed", "Cancelled"]}),
        (lambda: C("serviceType").isin("live", "proctoru"), {"serviceTypes": ["live", "proctoru"]}),
        # Not documented as a status, so only Spark can check it.
        (lambda: C("status").isin("Closed", "Lost"), {}),
        (lambda: C("status") != "Closed", {}),
        (lambda: C("billable"), {}),
        (lambda: (C("status") == "Closed") | (C("serviceType") == "live"), {}),
        (lambda: C("installSid") == sid_of(1), {}),
    ],
)
def test_filters_are_pushed_down(spark: Any, condition: Any, sent: dict[str, Any]) -> None:
    """What the server saw has the filter, and the rows are those that Spark finds by itself."""
    with Reports([200, 100]).serve() as reports:
        whole = load(spark, reports).toArrow()
        expected = sids(spark.createDataFrame(whole).where(condition()))
        reports.requests.clear()
        assert sids(load(spark, reports).where(condition())) == expected
        assert expected or "2026-05-04T12:00:00.001Z" in sent.values()
        queries = [
            {name: value for name, value in query.items() if name not in {"limit", "offset"}}
            for _, query in reports.requests
        ]
        wanted = {name: value if isinstance(value, list) else [value] for name, value in sent.items()}
        assert queries
        assert all(query == wanted for query in queries)
        if "installSid" in str(condition()):
            assert {install for install, _ in reports.requests} == {sid_of(1)}


def test_filters_narrow_the_bounds_and_choices_of_the_options(spark: Any) -> None:
    with Reports([2_000]).serve() as reports:
        frame = load(spark, reports, statuses="Closed,Cancelled", rowsPerWindow=100, pageSize=100, **YEAR)
        found = frame.where((C("appointmentDate") >= AT) & C("status").isin("Closed", "Scheduled"))
        assert found.count() > 100
        assert {tuple(query["statuses"]) for _, query in reports.requests} == {("Closed",)}
        lowest = min(query["appointmentDateAfter"][0] for _, query in reports.requests)
        highest = max(query["appointmentDateBefore"][0] for _, query in reports.requests)
        assert (lowest, highest) == ("2026-05-04T12:00:00.000Z", "2027-01-01T00:00:00.000Z")
        reports.requests.clear()
        assert frame.where(C("status") == "Scheduled").count() == 0
        assert frame.where(C("appointmentDate") < datetime(2020, 1, 1, tzinfo=UTC)).count() == 0
        assert reports.requests == []


def failure(action: Callable[[], Any]) -> str:
    """The error of an action, with everything that Spark says about it."""
    with pytest.raises(Exception) as caught:  # Spark has several, and the text is what counts
        action()
    assert TOKEN not in str(caught.value)
    return str(caught.value)


def test_missing_rows_fail_the_task(spark: Any) -> None:
    with Reports([500]).serve() as reports:

        def lost(install: str, query: dict[str, Any], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            if query["limit"] != ["1"]:
                body = {**body, "results": body["results"][3:], "total": body["total"] - 3}
            return 200, body

        reports.answer = lost
        said = failure(load(spark, reports, **YEAR).count)
        assert f"install {sid_of(0)}, 2026-01-01T00:00:00.000+00:00 to 2027-01-01T00:00:00.000+00:00" in said
        assert "received 497 rows, but 500 were planned" in said
        assert load(spark, reports, allowChanges="true", **YEAR).count() == 497

        reports.answer = lambda install, query, body: (200, {**body, "total": 510})
        assert "the total is 510" in failure(load(spark, reports, allowChanges="true", **YEAR).count)


def test_a_failing_install_is_named(spark: Any) -> None:
    with Reports([50, 50]).serve() as reports:
        reports.answer = lambda install, query, body: (
            (503, {"message": "maintenance"}) if install == sid_of(1) and query["limit"] != ["1"] else (200, body)
        )
        said = failure(load(spark, reports, **YEAR).count)
        assert f"install {sid_of(1)}, " in said
        assert "503" in said


@pytest.mark.parametrize("status", [403, 404])
def test_an_install_without_access_is_named_before_anything_is_read(spark: Any, status: int) -> None:
    with Reports([50, 50]).serve() as reports:
        reports.answer = lambda install, query, body: (
            (status, {"message": "no"}) if install == sid_of(1) else (200, body)
        )
        said = failure(load(spark, reports, **YEAR).count)
        assert f"install {sid_of(1)}: " in said
        assert str(status) in said
        assert reports.reads == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"token": TOKEN}, "token: expected no credential in an option"),
        ({"apiKey": TOKEN}, "apikey: expected no credential in an option"),
        ({"windows": "3"}, "windows: expected one of the options after, "),
        ({"installs": "AI12"}, "installs[0]: expected an install SID"),
        ({"installs": f"{sid_of(1)},{sid_of(1)}"}, "installs: expected each install once"),
        ({"after": "2026-01-01T00:00:00"}, "after: expected an aware datetime"),
        ({"before": "soon"}, "before: expected an aware datetime"),
        ({"after": YEAR["before"], "before": YEAR["after"]}, "before: expected a time after the lower bound"),
        ({"pageSize": "many"}, "pageSize: expected an integer, got 'many'"),
        ({"maxConcurrent": "0"}, "maxConcurrent: expected an integer of at least 1, got 0"),
        ({"statuses": "Closed,Lost"}, "statuses[1]: expected one of 'Scheduled', 'Closed', 'Cancelled'"),
    ],
)
def test_bad_options_are_named_before_anything_is_sent(spark: Any, options: dict[str, str], message: str) -> None:
    with Reports([5]).serve() as reports:
        said = failure(lambda: load(spark, reports, **options))
        assert message in said
        assert reports.requests == []


def test_installs_and_resource_are_required(spark: Any) -> None:
    assert "installs: expected a list" in failure(lambda: load(spark))
    assert "resource: expected one of assignments, " in failure(lambda: load(spark, format="ispring"))
    assert "got grades" in failure(lambda: load(spark, format="ispring", resource="grades"))
    # People's data would stand in plans.
    assert "emails: expected one of" in failure(lambda: load(spark, format="ispring", resource="users", emails="a@b.c"))


def test_another_schema_is_refused(spark: Any) -> None:
    with Reports([5]).serve() as reports:
        fixed = ", ".join(f"{name} {kind}" for name, kind in load(spark, reports).dtypes)
        for ddl, message in (
            ("sid STRING", "schema: expected installSid string, got sid string"),
            (fixed.replace("billable boolean", "billable int"), "schema: expected billable boolean, got billable int"),
            (f"{fixed}, room int", "schema: expected no further column, got room int"),
        ):
            reader = spark.read.format("smarterproctoring").schema(ddl).option("baseUrl", reports.url)
            frame = reader.option("installs", sid_of(0)).load()
            assert message in failure(frame.count)
        assert reports.requests == []


def test_a_credential_that_is_not_there_is_named(spark: Any, tmp_path: Path) -> None:
    with Reports([5]).serve() as reports:
        missing = {"tokenVariable": "NO_SUCH_TOKEN"}
        assert "tokenVariable: the environment variable NO_SUCH_TOKEN is not set" in failure(
            load(spark, reports, **missing).count
        )
        reader = spark.read.format("smarterproctoring").option("installs", sid_of(0)).option("baseUrl", reports.url)
        said = failure(reader.option("tokenFile", str(tmp_path / "nothing")).load().count)
        assert "tokenFile: cannot read" in said
        assert reports.requests == []


def test_no_token_is_in_a_plan_an_event_log_or_a_pickle(
    spark: Any, sandbox: Sandbox, token_file: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    secrets = [TOKEN, sandbox.token, sandbox.client_secret]
    with Reports([50]).serve() as reports:
        reader = spark.read.format("smarterproctoring").option("installs", sid_of(0)).option("baseUrl", reports.url)
        frame = reader.option("tokenFile", token_file).load().where(C("status") == "Closed")
        frame.explain("extended")
        assert frame.count() == 17
        assert reports.tokens == {TOKEN}
    seen = "".join(capfd.readouterr()) + "".join(map(str, spark.sparkContext.getConf().getAll()))
    assert "smarterproctoring" in seen
    logs = [path.read_text() for path in (folder / "events").rglob("*") if path.is_file()]
    assert sum("SparkListenerSQLExecutionStart" in text for text in logs)
    source = SmarterProctoringSource({"installs": sid_of(0), "tokenFile": token_file})
    pickled = pickle.dumps([source, source.reader(source.schema())])
    for secret in secrets:
        assert secret not in seen
        assert not any(secret in text for text in logs)
        assert secret.encode() not in pickled


@pytest.mark.parametrize("resource", ["users", "enrollments", "results", "results.list_modules"])
def test_a_list_of_the_learning_platform(spark: Any, sandbox: Sandbox, resource: str) -> None:
    frame = load(spark, format="ispring", resource=resource, pageSize=7)
    source = ISpringSource({"resource": resource})
    assert frame.columns == arrow_schema(source.describe).names
    with ISpringLearn(
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
        account_url=sandbox.account_url,
        base_url=sandbox.ispring_url,
    ) as client:
        place, _, name = source.path.partition(".")
        expected = getattr(getattr(client, place), name)().collect()
    assert frame.count() == len(expected) > 7
    assert frame.rdd.getNumPartitions() == 1


def test_the_arguments_of_a_list_are_options(spark: Any, sandbox: Sandbox) -> None:
    users = [row.userId for row in load(spark, format="ispring", resource="users").limit(2).collect()]
    found = load(spark, format="ispring", resource="results", userIds=",".join(users))
    assert {row.userId for row in found.select("userId").collect()} <= set(users)
    assert any("userIds" in str(request) for request in sandbox.requests)
