"""Work in several threads, while the caller's own thread tells how far it has come."""

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


def work_on(
    tasks: Sequence[T],
    work: Callable[[T, Callable[[], bool]], None],
    *,
    threads: int,
    meanwhile: Callable[[], None],
) -> None:
    """Work on tasks in order, some at a time.

    Args:
        tasks: what there is to do.
        work: does one task; it also gets a function that says whether to stop.
        threads: how many tasks at a time.
        meanwhile: called now and then in the thread of the caller; what it raises ends the work.

    Raises:
        BaseException: the first error of a task. The other tasks are told to stop, and are not waited for long: one
            may hang on a server that does not answer.
    """
    waiting, changed = deque(tasks), threading.Condition()
    stop = threading.Event()
    errors: list[BaseException] = []
    running = min(threads, len(waiting))

    def run() -> None:
        nonlocal running
        try:
            while not stop.is_set():
                with changed:
                    if not waiting:
                        return
                    task = waiting.popleft()
                work(task, stop.is_set)
        except BaseException as error:
            errors.append(error)
            stop.set()
        finally:
            with changed:
                running -= 1
                changed.notify()

    # Daemons: a server that hangs keeps no program from ending. A token callable may look at its context.
    workers = [
        threading.Thread(target=copy_context().run, args=(run,), name="invigilate-export", daemon=True)
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
            meanwhile()
    finally:
        stop.set()
        until = time.monotonic() + _GRACE
        for worker in workers:
            if worker.ident is not None:
                worker.join(max(0.0, until - time.monotonic()))
    if errors:
        raise errors[0]
