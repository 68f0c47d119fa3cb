"""What both sources share: pagers with checked arguments, and their rows as Arrow batches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from invigilate._clients import SyncClient
from invigilate._identifiers import describe_value
from invigilate._shapes import is_object
from invigilate.errors import InvalidArgumentError
from invigilate.export import record_batches


def create_pager(client: SyncClient, describe: Any, own: Mapping[str, Any], filters: object, name: str) -> Any:
    """Create a pager from the arguments of a source and the `filters` of its caller, which errors call `name`.

    Raises:
        InvalidArgumentError: if an argument is unknown, or its value is not allowed; nothing was sent.
    """
    known = {field.name for field in describe.__globals__["OPERATION"].fields}
    allowed = sorted(known - {*own, "install_sid", "offset", "page_token"})
    if not is_object(filters):
        raise InvalidArgumentError(name, "a mapping", describe_value(filters))
    for key in filters:
        if key not in allowed:
            raise InvalidArgumentError(name, f"the keys {', '.join(allowed)}", repr(key))
    return client.pages(describe(**{key: value for key, value in own.items() if value is not None}, **filters))


def read_batches(source: Any, key: Collection[str], label: str = "label") -> Iterator[Any]:
    """Read pagers as `record_batches` does, after an empty table, so that dlt creates the table in any case.

    The columns of the primary key are declared as not null, since a row without a key cannot be merged.
    """
    reader: Any = record_batches(source, label=label)
    schema = reader.schema
    for index, field in enumerate(schema):
        schema = schema.set(index, field.with_nullable(field.name not in key))
    yield schema.empty_table()
    for batch in reader:
        yield batch.cast(schema)
