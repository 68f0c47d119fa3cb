"""The Spark data source for the paged lists of iSpring Learn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Any, ClassVar

from invigilate import ISpringLearn
from invigilate._binding import bound_operations
from invigilate.errors import InvalidArgumentError, InvigilateError
from invigilate.export import ExportError, record_batches

from .source import InputPartition, Reader, Source, snake, text


class ISpringReader(Reader):
    """Reads all pages of a list."""

    def read(self, partition: InputPartition) -> Iterator[Any]:
        """See `DataSourceReader.read`."""
        with self.source.connect() as client:
            try:
                yield from record_batches(attrgetter(self.source.path)(client)(**self.source.arguments).prefetch(1))
            except InvigilateError as error:
                raise ExportError(f"{self.source.path}: {error}") from None


class ISpringSource(Source):
    """Format `ispring`: the rows of one list, in one partition, since only a page shows where the next one begins.

    Options: `resource` (required), as `users`, `results` or `results.list_modules`; arguments of that operation;
    `pageSize`; `accountUrl`, `clientId`, `region`, `baseUrl`, `maxRetries`; `secretFile` or `secretVariable` for the
    client secret, or `tokenFile` or `tokenVariable` for an access token.
    """

    format = "ispring"
    client = ISpringLearn
    secrets: ClassVar = {"token": "access_token", "secret": "client_secret"}
    connection = (*Source.connection, text("accountUrl"), text("clientId"), text("region"))
    own = (text("resource"),)
    reads = ISpringReader

    def __init__(self, options: Mapping[str, str]) -> None:
        found = [operation.describe for operation in bound_operations(self.client).values()]
        paged = [describe for describe in found if describe.__globals__["OPERATION"].pagination]
        known = sorted(snake(describe.__qualname__).lstrip("_").removesuffix(".list") for describe in paged)
        resource = next((value for name, value in options.items() if name.lower() == "resource"), "nothing")
        if resource not in known:
            raise InvalidArgumentError("resource", f"one of {', '.join(known)}", resource)
        self.path = resource if "." in resource else f"{resource}.list"
        super().__init__(options)
