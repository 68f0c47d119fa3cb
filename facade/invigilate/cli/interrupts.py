"""What ends a command from outside: Ctrl-C, and signals that are handled like it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from .plans import Plan


@contextmanager
def signals_as_ctrl_c() -> Generator[None]:
    """Handle SIGTERM and SIGHUP, as sent by `timeout`, like Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}
    for name in ("SIGTERM", "SIGHUP"):
        number: int | None = getattr(signal, name, None)
        # Ignored signals, as under nohup, stay ignored.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def maybe_sent(item: Plan, look: str = "") -> KeyboardInterrupt:
    """Return what Ctrl-C leaves behind if it comes after a request was started.

    Args:
        item: the request.
        look: how to check what it did, for a request that is not idempotent.
    """
    where = "" if item.line is None else f"line {item.line}: "
    if item.prepared.idempotent:
        return KeyboardInterrupt(f"{where}it may have been sent; it is idempotent, so it can be retried")
    return KeyboardInterrupt(f"{where}it may have been sent; do not retry it until you have checked{look}")
