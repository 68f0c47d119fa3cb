"""The pytest plugin in test suites of its users."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

SYNC = """
    def test_clients(invigilate_sandbox, invigilate_client, ispring_client):
        sandbox = invigilate_sandbox
        assert sandbox.ledger == []
        session = invigilate_client.exam_sessions.schedule(
            exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid, amount=5, card_token="tok"
        )
        assert session.status == "Scheduled"
        assert len(sandbox.ledger) == 1
        assert len(ispring_client.job_training.list_session_results(checklist_id=sandbox.checklist_id)) == 8

    def test_state_is_fresh(invigilate_sandbox, invigilate_client):
        assert invigilate_sandbox.ledger == []
        assert len(invigilate_client.reports.service_distribution().collect()) == ROWS
"""
ASYNC = """
    import pytest

    @pytest.fixture
    def seen():
        return []

    MARK
    async def test_clients(invigilate_sandbox, invigilate_async_client, ispring_async_client, seen):
        seen.append(invigilate_async_client)
        rows = [row async for row in invigilate_async_client.reports.service_distribution()]
        assert len(rows) == 240
        assert len(await ispring_async_client.job_training.list_session_results()) == 40

    MARK
    async def test_failing(invigilate_async_client):
        assert await invigilate_async_client.reports.service_distribution().first() is None
"""


@pytest.fixture(autouse=True)
def only_these_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    # The same whether or not the plugin is installed where these tests run.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "invigilate_pytest", "-W", "error", *arguments)


@pytest.mark.parametrize("rows", [240, 3])
def test_sync(pytester: pytest.Pytester, rows: int) -> None:
    pytester.makepyfile(SYNC.replace("ROWS", str(rows)))
    options = [] if rows == 240 else [f"--invigilate-report-rows={rows}"]
    run(pytester, *options).assert_outcomes(passed=2)


def test_async_with_anyio(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(ASYNC.replace("MARK", "@pytest.mark.anyio"))
    # Each under asyncio and under trio; a connection that is left open would be one more failure.
    result = run(pytester, "-p", "anyio")
    result.assert_outcomes(passed=2, failed=2)
    assert "ResourceWarning" not in result.stdout.str()
    result.stdout.fnmatch_lines(["*ServiceDistributionRow(*"])


def test_without_the_extra(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import sys; sys.modules['yaml'] = None")
    pytester.makepyfile("def test_it(invigilate_client): pass")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*pip install 'invigilate[[]sandbox[]]'*"])
    assert "Traceback" not in result.stdout.str()


def test_it_imports_nothing_before_its_use(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_modules():
            heavy = {"invigilate", "httpx", "anyio", "yaml", "openapi_core", "http.server", "smarterproctoring_client"}
            assert not heavy & set(sys.modules)
        """
    )
    run(pytester).assert_outcomes(passed=1)
    code = "import sys; before = set(sys.modules); import invigilate_pytest; print(set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", "import pytest, " + code.removeprefix("import ")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "{'invigilate_pytest'}"
