"""How calls are cut off: by the ways of asyncio and trio, and by Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import anyio
import trio

from benchmarks.soak.load import TIMEOUT, Load, Planned, open_files
from benchmarks.soak.server import Server
from invigilate import AsyncSmarterProctoring, SmarterProctoring

TASKS, THREADS = 64, 8
TOKEN = "a-token-for-the-soak"

Run = Callable[[], Coroutine[Any, Any, None]]

COMMON = {"plain": 35.0, "deadline": 5.0, "short timeout": 5.0, "prefetch, interrupted": 0.5}
WAYS: dict[str, dict[str, float]] = {
    "asyncio": {**COMMON, "asyncio.timeout": 30, "task.cancel": 15, "anyio scope": 10},
    "trio": {**COMMON, "trio scope": 30, "nursery canceled": 15, "anyio scope": 10},
    "sync": {**COMMON, "Ctrl-C": 120},
}


async def _asyncio_timeout(run: Run, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await run()


async def _task_cancel(run: Run, seconds: float) -> None:
    task = asyncio.create_task(run())
    await asyncio.wait({task}, timeout=seconds)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _anyio_scope(run: Run, seconds: float) -> None:
    with anyio.move_on_after(seconds):
        await run()


async def _trio_scope(run: Run, seconds: float) -> None:
    with trio.move_on_after(seconds):
        await run()


async def _nursery_canceled(run: Run, seconds: float) -> None:
    async with trio.open_nursery() as nursery:

        async def first() -> None:
            await run()
            nursery.cancel_scope.cancel()

        nursery.start_soon(first)
        await trio.sleep(seconds)
        nursery.cancel_scope.cancel()


CUTTING: dict[str, Callable[[Run, float], Awaitable[None]]] = {
    "asyncio.timeout": _asyncio_timeout,
    "task.cancel": _task_cancel,
    "anyio scope": _anyio_scope,
    "trio scope": _trio_scope,
    "nursery canceled": _nursery_canceled,
}


async def _worker(load: Load) -> None:
    for planned in load.planned():
        cut = CUTTING.get(planned.way)
        if cut is None:
            await load.call(planned)
            continue
        ended = False

        async def run(planned: Planned = planned) -> None:
            nonlocal ended
            await load.call(planned)
            ended = True

        await cut(run, planned.seconds)
        if not ended:
            load.count(f"cut off: {planned.way}")


def _pending(mode: str) -> int:
    if mode == "asyncio":
        return len(asyncio.all_tasks()) - 1
    return trio.lowlevel.current_statistics().tasks_living


async def _async(load: Load, server: Server) -> None:
    if load.mode == "asyncio":
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: load.violated("uncaught errors", str(context.get("message")))
        )
    pending = _pending(load.mode)
    async with AsyncSmarterProctoring(TOKEN, base_url=server.url, timeout=TIMEOUT) as client:
        load.use(client)
        load.state("before", 0)
        with load.watched():
            async with anyio.create_task_group() as group:
                for _ in range(TASKS):
                    group.start_soon(_worker, load)
        server.calm()
        # What stalls ends within this time, and garbage is collected.
        await anyio.sleep(0.8)
        gc.collect()
        await anyio.sleep(0.2)
        left = _pending(load.mode) - pending
        if left:
            load.violated("pending tasks without a call", str(left))
        load.state("after", left)
        with load.watched():
            await load.calls_afterwards()
            async with anyio.create_task_group() as group:
                view = client.with_options(timeout=1.0, max_retries=2)
                for number in range(TASKS):
                    group.start_soon(load.plain, view, f"call {number + 1} of {TASKS} at once")
        load.state("after plain calls", _pending(load.mode) - pending)


class _CtrlC:
    """Raises KeyboardInterrupt in the main thread after a while, once, as Ctrl-C does."""

    def __init__(self) -> None:
        signal.signal(signal.SIGALRM, signal.default_int_handler)

    def cuts(self, run: Callable[[], object], seconds: float) -> bool:
        """Run something; whether it was cut off."""
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
                run()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            # It comes once, be it between the lines above.
            return True
        return False


def _without_loop(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run what waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    finally:
        coroutine.close()
    raise AssertionError("the sync client waited for an event loop")


def _sync(load: Load, server: Server) -> None:
    without_signals = {way: weight for way, weight in load.ways.items() if way != "Ctrl-C"}

    def made(planned: Planned) -> None:
        _without_loop(load.call(planned))

    def work() -> None:
        for planned in load.planned(ways=without_signals):
            made(planned)

    def in_threads(number: int, target: Callable[[], None]) -> list[threading.Thread]:
        threads = [threading.Thread(target=target) for _ in range(number)]
        for thread in threads:
            thread.start()
        return threads

    # Ctrl-C may come before the first line of a call.
    warnings.filterwarnings("ignore", "coroutine .* was never awaited")
    ctrl_c = _CtrlC()
    with SmarterProctoring(TOKEN, base_url=server.url, timeout=TIMEOUT) as client:
        load.use(client)
        load.state("before", 0)
        with load.watched():
            threads = in_threads(THREADS - 1, work)
            for planned in load.planned():
                if planned.way != "Ctrl-C":
                    made(planned)
                elif ctrl_c.cuts(partial(made, planned), planned.seconds):
                    load.count("cut off: Ctrl-C")
            for thread in threads:
                thread.join()
        server.calm()
        time.sleep(1.0)
        gc.collect()
        load.state("after", 0)
        with load.watched():
            _without_loop(load.calls_afterwards())
            view = client.with_options(timeout=1.0, max_retries=2)
            for thread in in_threads(TASKS, lambda: _without_loop(load.plain(view, f"one of {TASKS} at once"))):
                thread.join()
        load.state("after plain calls", 0)


def soak(mode: str, calls: int, seed: int, seconds: float | None) -> bool:
    """Run one mode and print what came of it; whether all is well."""
    print(f"{mode}: {calls:,} calls, seed {seed}", flush=True)
    load = Load(mode, calls, seed, seconds, WAYS[mode])

    def unraisable(ignored: Any) -> None:
        if ignored.exc_type is KeyboardInterrupt:
            load.count("KeyboardInterrupt in a finalizer")
        else:
            load.violated("errors in finalizers", f"{ignored.exc_type.__name__}: {ignored.exc_value}")

    sys.unraisablehook = unraisable
    with Server(seed) as server:
        gc.collect()
        before = open_files()
        if mode == "sync":
            _sync(load, server)
        else:
            anyio.run(_async, load, server, backend=mode)
        gc.collect()
        after = open_files()
        print(f"  {'after close':<18}{after} open files ({before} at start)")
        if after > before:
            load.violated("files that stay open", str(after - before))
        return load.report(server.report())
