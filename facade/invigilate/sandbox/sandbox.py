"""The sandbox as its users see it: a server, with the properties of the APIs that have behavior of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from .behaviours import EVERY_INVENTION, Behaviour, behaviour_of
from .ispring.properties import LearnProperties
from .listing import INVENTED
from .options import Options
from .smarterproctoring.properties import ProctoringProperties
from .times import Clock, now


class Sandbox(ProctoringProperties, LearnProperties):
    """An embedded server for the APIs of the registry, on loopback only.

    Same arguments, same data. Start it with `start()` or as a context manager; it can be started once.

    Args:
        seed: decides all identifiers, people and report rows.
        report_rows: number of rows in the report at the beginning.
        open_sessions: number of exam sessions that can be scheduled.
        max_limit: largest page of the report; larger limits are cut to it.
        token_lifetime: seconds for which iSpring tokens are valid.
        expired_token: issue a token that has expired, and refuse it with this status: the guides say 403 in one place
            and 401 in another.
        behaviour: a `Behaviour`, or the name of one in `BEHAVIOURS`; `"late_by_reads+rounded_times"` combines two.
        strict: check the sandbox's own responses, too.
        apis: a TOML file with further APIs, in the form of `apis.toml`.
        ports: ports by key of the API; free ones by default.
        control_port: port of the control endpoint; a free one by default.
        docs: serve the API explorer at `docs_url`, too, and allow its requests; those of other web pages are refused.
        docs_port: port of the explorer; a free one by default.
        idle_timeout: seconds after which an idle connection is closed.
        clock: returns the time of changes, as a `datetime` in UTC.

    Attributes:
        requests: the last 10,000 requests.
        defects: mistakes of the sandbox itself; a test should find none.
        faults: what it is to do wrong, see `invigilate.sandbox.faults`.
        behaviour: how it behaves.
        interceptors: what may step in, see `invigilate.sandbox.exchange`; `faults` is the first.
    """

    def __init__(
        self,
        *,
        seed: int = 7,
        report_rows: int = 240,
        open_sessions: int = 200,
        max_limit: int = 1000,
        token_lifetime: float = 1800,
        expired_token: Literal[401, 403] | None = None,
        behaviour: Behaviour | str = "default",
        strict: bool = True,
        apis: Path | str | None = None,
        ports: Mapping[str, int] | None = None,
        control_port: int = 0,
        docs: bool = False,
        docs_port: int = 0,
        idle_timeout: float = 60,
        clock: Clock = now,
    ) -> None:
        options = Options(
            seed=seed,
            report_rows=report_rows,
            open_sessions=open_sessions,
            max_limit=max_limit,
            token_lifetime=token_lifetime,
            expired_token=expired_token,
            behaviour=behaviour_of(behaviour),
            strict=strict,
            clock=clock,
        )
        contrary = {each.name for group in INVENTED.values() for each in group if each.contrary is not None}
        unknown = options.behaviour.contrary - contrary - EVERY_INVENTION
        if unknown:
            raise ValueError(f"no contrary reading of {', '.join(sorted(unknown))}; see INVENTED")
        super().__init__(
            options,
            apis=apis,
            ports=ports,
            control_port=control_port,
            docs=docs,
            docs_port=docs_port,
            idle_timeout=idle_timeout,
        )
