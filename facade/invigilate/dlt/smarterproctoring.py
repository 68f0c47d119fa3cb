"""The dlt source for SmarterProctoring."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import dlt
from dlt.common.typing import TSecretStrValue

from invigilate._identifiers import describe_value
from invigilate._shapes import is_list, is_number
from invigilate._timestamps import parse_timestamp, wire_timestamp
from invigilate.errors import InvalidArgumentError
from invigilate.smarterproctoring.client import SmarterProctoring
from smarterproctoring_client.api.reports import get_service_distribution

from .resources import create_pager, read_batches

KEY = ("installSid", "sid")


def _now() -> datetime:
    return datetime.now(UTC)


@dlt.source(name="smarterproctoring", section="smarterproctoring")
def smarterproctoring_source(
    installs: list[str] = dlt.config.value,
    since: datetime | str | None = None,
    lookback: float = 30.0,
    filters: Mapping[str, Any] | None = None,
    page_size: int = 1000,
    token: TSecretStrValue | None = None,
    base_url: str | None = None,
) -> Any:
    """Load the service distribution report of installs, as the resource `service_distribution`.

    The first load of an install reads all sessions from `since` on. Later ones read again, and merge on `install_sid`
    and `sid`, what may have changed: appointments from `lookback` days before the last load on, future ones included,
    and sessions closed since then. Sessions that the vendor deletes stay. The column `user` holds personal data, and
    `additional` may.

    Args:
        installs: the installs (`AI...`).
        since: only appointments at this time or later: an aware datetime, or an RFC 3339 string with a UTC offset.
            `None` for all sessions, those without an appointment included.
        lookback: days.
        filters: other arguments of `client.reports.service_distribution`. After a change of them, or with an earlier
            `since`, an install is read from `since` again.
        page_size: rows per request.
        token: the API token; defaults to the environment variable `SMARTERPROCTORING_TOKEN`.
        base_url: defaults to the environment variable `SMARTERPROCTORING_BASE_URL`, or else to production.

    Raises:
        InvalidArgumentError: if an argument is wrong; nothing was sent.
        ConfigurationError: if there is no token.
    """
    if not is_list(installs) or not installs:
        raise InvalidArgumentError(
            "installs", "a list of install SIDs", describe_value(installs) if installs else "none"
        )
    if not is_number(lookback) or not 0 <= lookback <= 36_500:
        raise InvalidArgumentError("lookback", "days from 0 to 36500", describe_value(lookback))
    start = None if since is None else wire_timestamp(since, "since")
    chosen: Mapping[str, Any] = {} if filters is None else filters
    connect = partial(SmarterProctoring, token, base_url=base_url)

    def create(client: SmarterProctoring, sid: str, after: str | None, closed: str | None = None) -> Any:
        own = {"limit": page_size, "appointment_date_after": after, "close_date_after": closed}
        return create_pager(client.for_install(sid), get_service_distribution.describe, own, chosen, "filters")

    with connect() as checking:
        for sid in installs:
            create(checking, sid, start)
    digest = hashlib.sha256(json.dumps(chosen, sort_keys=True, default=str).encode()).hexdigest()

    @dlt.resource(primary_key=KEY, write_disposition="merge")
    def service_distribution() -> Iterator[Any]:
        # No cursor of dlt: the largest appointment date lies ahead, and each install begins at another time.
        loads = dlt.current.resource_state().setdefault("installs", {})
        began = _now()
        dated: dict[str, Any] = {}
        closed: dict[str, Any] = {}
        with connect() as client:
            for sid in installs:
                last = loads.get(sid)
                # Times in UTC compare as strings; a load without a bound had everything.
                if last and last["filters"] == digest and (last["since"] or "") <= (start or ""):
                    bound = wire_timestamp(parse_timestamp(last["began"]) - timedelta(days=lookback), "lookback")
                    dated[sid] = create(client, sid, max(bound, start or ""))
                    closed[sid] = create(client, sid, start, bound)
                else:
                    dated[sid] = create(client, sid, start)
            for pagers in filter(None, (dated, closed)):
                yield from read_batches(pagers, KEY, KEY[0])
        # Stored only if the whole load is read.
        for sid in installs:
            loads[sid] = {"began": wire_timestamp(began, "began"), "since": start, "filters": digest}

    return service_distribution
