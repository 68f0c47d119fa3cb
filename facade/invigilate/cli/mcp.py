"""`invigilate mcp`: operations as tools for agents."""

from __future__ import annotations

import os
import signal
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from invigilate import _apis
from invigilate._apis import API
from invigilate.errors import ConfigurationError

from .exits import ExitCode, Failure, usage
from .guard import interrupted
from .options import add
from .output import note
from .registry import async_client_of

if TYPE_CHECKING:
    from anyio import CancelScope

    from invigilate._clients import AsyncClient

_KNOWN = {api.key: api for api in _apis.APIS}
_APIS = f"APIs to serve: {', '.join(_KNOWN)}. By default, all that the environment has credentials for."
_ALLOW = "Also offer this operation, which changes something: its operationId, or RESOURCE.OPERATION. Repeatable."
_HELP = """Serve the operations that only read as MCP tools, for agents.

The program that runs the agent starts it, and talks to it over stdin and stdout."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["invigilate mcp", "invigilate mcp smarterproctoring --allow exam-sessions.cancel"]
    add(app, "mcp", _mcp, help=_HELP, examples=examples)


def _mcp(
    apis: Annotated[list[str] | None, typer.Argument(metavar="[API]...", help=_APIS)] = None,
    allow: Annotated[list[str] | None, typer.Option(metavar="OPERATION", help=_ALLOW)] = None,
) -> None:
    if find_spec("mcp") is None:
        raise Failure(ExitCode.MISSING_EXTRA, 'tools for agents need an extra: pip install "invigilate[mcp]"')
    for name in apis or []:
        if name not in _KNOWN:
            raise usage(f"API: expected {' or '.join(_KNOWN)}, got {name!r}")
    import anyio  # late, like the protocol: it imports much

    anyio.run(_serve, [_KNOWN[name] for name in dict.fromkeys(apis or _KNOWN)], bool(apis), allow or [])


async def _serve(apis: list[API], named: bool, allow: list[str]) -> None:
    from anyio import create_task_group

    from invigilate.mcp.server import serve
    from invigilate.mcp.tools import offered

    async with AsyncExitStack() as stack:
        clients: dict[str, AsyncClient] = {}
        failures: list[str] = []
        for api in apis:
            try:
                clients[api.key] = await stack.enter_async_context(async_client_of(api))
            except (Failure, ConfigurationError) as error:
                if named:
                    raise
                failures.append(f"{api.title} is not served: {error}")
        for line in failures:
            note(line)
        served = [api for api in apis if api.key in clients]
        if not served:
            raise Failure(ExitCode.SETTINGS, "no API can be served")
        tools = offered(served, allow)
        for api in served:
            own = [tool for tool in tools.values() if tool.api is api]
            changing = ", ".join(tool.name for tool in own if not tool.reads) or "none"
            note(f"{api.title} is served: {len(own)} tools; of these, change something: {changing}")
        async with create_task_group() as group:
            if os.name == "posix":
                group.start_soon(_stop_at_ctrl_c, group.cancel_scope)
            await serve(tools, clients)
            group.cancel_scope.cancel()


async def _stop_at_ctrl_c(serving: CancelScope) -> None:
    from anyio import CancelScope, open_signal_receiver, sleep

    with open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            serving.cancel()
            with CancelScope(shield=True):
                await sleep(0.1)  # requests in flight report that they were interrupted
            interrupted()
            # The thread that waits for stdin cannot be stopped.
            os._exit(ExitCode.INTERRUPTED)
