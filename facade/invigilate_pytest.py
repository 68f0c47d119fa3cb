"""A pytest plugin: the sandbox, and clients of it, as fixtures.

pytest finds it once `invigilate[sandbox]` is installed. It imports nothing before a fixture is used.

```python
def test_booking(invigilate_client, invigilate_sandbox):
    invigilate_client.exam_sessions.schedule(
        exam_sid=invigilate_sandbox.exam_sid, session_sid=invigilate_sandbox.session_sid
    )
```
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from invigilate import AsyncISpringLearn, AsyncSmarterProctoring, ISpringLearn, SmarterProctoring
    from invigilate.sandbox import Sandbox

_ASYNC_CLIENTS = ("invigilate_async_client", "ispring_async_client")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the size of the report."""
    parser.getgroup("invigilate").addoption(
        "--invigilate-report-rows",
        type=int,
        default=240,
        metavar="N",
        help="number of rows in the report of the fixture invigilate_sandbox (240)",
    )


@pytest.fixture
def invigilate_sandbox(pytestconfig: pytest.Config) -> Generator[Sandbox]:
    """A sandbox on loopback, with fresh state for each test."""
    try:
        from invigilate.sandbox import Sandbox
    except ImportError as error:
        pytest.fail(
            f"invigilate_sandbox cannot be created: {error}. It needs: pip install 'invigilate[sandbox]'",
            pytrace=False,
        )
    rows: Any = pytestconfig.getoption("invigilate_report_rows")
    with Sandbox(report_rows=rows) as sandbox:
        yield sandbox


@pytest.fixture
def invigilate_client(invigilate_sandbox: Sandbox) -> Generator[SmarterProctoring]:
    """A client of SmarterProctoring in the sandbox, for the sandbox's install."""
    from invigilate import SmarterProctoring

    with SmarterProctoring(**_proctoring(invigilate_sandbox)) as client:
        yield client


@pytest.fixture
def ispring_client(invigilate_sandbox: Sandbox) -> Generator[ISpringLearn]:
    """A client of iSpring Learn in the sandbox."""
    from invigilate import ISpringLearn

    with ISpringLearn(**_training(invigilate_sandbox)) as client:
        yield client


@pytest.fixture
def invigilate_async_client(invigilate_sandbox: Sandbox) -> AsyncSmarterProctoring:
    """An async client of SmarterProctoring in the sandbox. It is closed when the test's coroutine ends."""
    from invigilate import AsyncSmarterProctoring

    return AsyncSmarterProctoring(**_proctoring(invigilate_sandbox))


@pytest.fixture
def ispring_async_client(invigilate_sandbox: Sandbox) -> AsyncISpringLearn:
    """An async client of iSpring Learn in the sandbox. It is closed when the test's coroutine ends."""
    from invigilate import AsyncISpringLearn

    return AsyncISpringLearn(**_training(invigilate_sandbox))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Have a test that is a coroutine close its async clients.

    Connections can only be closed in the event loop that opened them. Which plugin runs that loop, and whether it still
    runs when fixtures are torn down, differs; the test itself always runs in it.
    """
    names = [name for name in _ASYNC_CLIENTS if name in getattr(item, "fixturenames", ())]
    if not (names and isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj)):
        return (yield)
    test: Any = item.obj
    clients: list[Any] = [item.funcargs[name] for name in names if name in item.funcargs]

    @functools.wraps(test)
    async def closing(*args: Any, **kwargs: Any) -> Any:
        try:
            return await test(*args, **kwargs)
        finally:
            for client in clients:
                await client.close()

    item.obj = closing
    try:
        return (yield)
    finally:
        item.obj = test


def _proctoring(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "token": sandbox.token,
        "install_sid": sandbox.install_sid,
        "base_url": sandbox.smarterproctoring_url,
    }


def _training(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "account_url": sandbox.account_url,
        "base_url": sandbox.ispring_url,
    }
