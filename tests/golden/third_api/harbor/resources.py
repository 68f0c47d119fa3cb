"""The resources of Harbor: one line for each operation."""

from __future__ import annotations

from harbor_client.api import berths

from invigilate._binding import AsyncRaw, M, RawView, Resource, SyncRaw, operation


class Berths(Resource[M]):
    """Places for ships."""

    with_raw_response: RawView[Berths[SyncRaw], Berths[AsyncRaw]] = RawView()
    list = operation(lambda: berths.list_berths.describe)
    get = operation(lambda: berths.get_berth.describe)
    reserve = operation(lambda: berths.reserve_berth.describe)
