"""Runs tasks in several threads, while the caller's own thread reports progress."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")

_TICK = 0.1
_GRACE = 1.0


def run_tasks(
    tasks: Sequence[T],
    run: Callable[[T, Callable[[], bool]], None],
    *,
    threads: int,
    on_tick: Callable[[], None],
) -> None:
    """Run tasks in order, several at a time.

    Args:
        tasks: the tasks.
        run: runs one task; it also receives a function that returns whether to stop.
        threads: how many tasks run at a time.
        on_tick: called regularly in the caller's thread; an exception ends the run.

    Raises:
        BaseException: the first error of a task. The other tasks are stopped, and waited for only briefly: one may
            hang on a server that does not respond.
    """
    waiting, changed = deque(tasks), threading.Condition()
    stop = threading.Event()
    errors: list[BaseException] = []
    running = min(threads, len(waiting))

    def work() -> None:
        nonlocal running
        try:
            while not stop.is_set():
                with changed:
                    if not waiting:
                        return
                    task = waiting.popleft()
                run(task, stop.is_set)
        except BaseException as error:
            errors.append(error)
            stop.set()
        finally:
            with changed:
                running -= 1
                changed.notify()

    # Daemon threads: a hanging server must not keep the program from ending. A token callable may use its context.
    workers = [
        threading.Thread(target=copy_context().run, args=(work,), name="invigilate-export", daemon=True)
        for _ in range(running)
    ]
    try:
        for worker in workers:
            worker.start()
        while True:
            with changed:
                changed.wait_for(lambda: running == 0, _TICK)
                done = running == 0
            if done or errors:
                break
            on_tick()
    finally:
        stop.set()
        until = time.monotonic() + _GRACE
        for worker in workers:
            if worker.ident is not None:
                worker.join(max(0.0, until - time.monotonic()))
    if errors:
        raise errors[0]
