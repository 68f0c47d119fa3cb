"""What the Spark data sources share: options, credentials, and a schema that does not change."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import zip_longest
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from invigilate._checks import check_arguments
from invigilate.cli.fields import values_of
from invigilate.errors import ConfigurationError, InvalidArgumentError
from invigilate.export import arrow_schema
from invigilate_runtime import Field

if TYPE_CHECKING:
    # Spark is too large for the environment in which types are checked.
    class DataSource:
        """See `pyspark.sql.datasource.DataSource`."""

        def __init__(self, options: Mapping[str, str]) -> None: ...

    class DataSourceReader:
        """See `pyspark.sql.datasource.DataSourceReader`."""

    class InputPartition:
        """See `pyspark.sql.datasource.InputPartition`."""

        def __init__(self, value: Any) -> None:
            self.value = value
else:
    from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

__all__ = ["InputPartition", "Reader", "Source", "snake", "text"]

_SECRET = re.compile("token|secret|password|credential|authorization|api.?key", re.IGNORECASE)


def text(name: str) -> Field:
    """Describe an option that is a string."""
    return Field(name, "", "", "string")


class Source(DataSource):
    """A data source that reads one paged operation.

    Options are the arguments of the operation in camel case, except those that hold people's data, and its own; lists
    are separated by commas. They are checked at once. Each process reads its own credentials, so that none is pickled.

    Raises:
        InvalidArgumentError: naming the option; nothing was sent.
    """

    format: ClassVar[str]
    """The name of the format."""
    client: ClassVar[Any]
    """The class of the client."""
    path: str
    """Where the client has the operation, as in `reports.service_distribution`."""
    secrets: ClassVar[Mapping[str, str]]
    """The credentials that `<name>File` and `<name>Variable` may name, and the arguments of the client for them."""
    connection: ClassVar[tuple[Field, ...]] = (
        Field("baseUrl", "", "", "string"),
        Field("maxRetries", "", "", "integer", minimum=0),
    )
    """Options for the client."""
    own: ClassVar[tuple[Field, ...]]
    """The other options that are not arguments of the operation."""
    renamed: ClassVar[Mapping[str, str]] = {}
    """Arguments of the operation with options of other names; without an option if the name is empty."""
    label: ClassVar[str | None] = None
    """The first column, if it is not one of the operation's."""
    reads: ClassVar[type[Reader]]
    """The class of the reader."""

    def __init__(self, options: Mapping[str, str]) -> None:
        super().__init__(options)
        pagination, fields = self.described.pagination, self.described.fields
        names = {**self.renamed, pagination.limit: "pageSize", pagination.parameter: ""}
        names = {each.name: names.get(each.name, _camel(each.name)) for each in fields if not each.sensitive}
        filters = [each._replace(name=names[each.name]) for each in fields if names.get(each.name)]
        filters = [each._replace(minimum=1) if each.name == "pageSize" else each for each in filters]
        files = [text(f"{name}{place}") for name in self.secrets for place in ("File", "Variable")]
        self.values = self._read(options, [*self.own, *filters, *self.connection, *files])
        self.arguments = {name: self.values[option] for name, option in names.items() if option in self.values}

    @property
    def describe(self) -> Any:
        """The generated function that describes the operation."""
        return attrgetter(self.path)(self.client).describe

    @property
    def described(self) -> Any:
        """The operation as the specification has it."""
        return self.describe.__globals__["OPERATION"]

    def _read(self, options: Mapping[str, str], known: Sequence[Field]) -> dict[str, Any]:
        fields = {each.name.lower(): each for each in known}
        values: dict[str, Any] = {}
        for name, value in options.items():
            field = fields.get(name.lower())
            if field is None and _SECRET.search(name):
                places = " or ".join(f"{each}File or {each}Variable" for each in self.secrets)
                hint = f"Set it in the environment of driver and executors, or pass {places}"
                raise InvalidArgumentError(name, "no credential in an option, which Spark shows", "one", hint)
            if field is None:
                listed = ", ".join(sorted(each.name for each in known))
                raise InvalidArgumentError(name, f"one of the options {listed}", "an unknown option")
            several = [part.strip() for part in value.split(",")] if field.type == "array" else [value]
            values[field.name] = value if field.type == "timestamp" else values_of(field, several, None)
        check_arguments(known, values, {}, check_sids=True, reading=True)
        return values

    def connect(self) -> Any:
        """Create a client with the options and the credentials of this process.

        Raises:
            ConfigurationError: if there are none.
        """
        arguments = {snake(each.name): self.values.get(each.name) for each in self.connection}
        for name, argument in self.secrets.items():
            arguments[argument] = self._secret(f"{name}File", f"{name}Variable")
        return self.client(**{name: value for name, value in arguments.items() if value is not None})

    def _secret(self, file: str, variable: str) -> str | None:
        path, key = self.values.get(file), self.values.get(variable)
        if key is not None and not os.environ.get(key):
            raise ConfigurationError(f"{variable}: the environment variable {key} is not set on this machine")
        try:
            return os.environ.get(key or "") if path is None else Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise ConfigurationError(f"{file}: cannot read {path} on this machine: {reason}") from None

    @classmethod
    def name(cls) -> str:
        """See `DataSource.name`."""
        return cls.format

    def reader(self, schema: Any) -> Reader:
        """See `DataSource.reader`."""
        return self.reads(self, schema)

    def schema(self) -> Any:
        """See `DataSource.schema`: the columns of the specification, the same every day."""
        types: Any = import_module("pyspark.sql.pandas.types")
        return types.from_arrow_schema(arrow_schema(self.describe, label=self.label))


class Reader(DataSourceReader):
    """Reads a source.

    Raises:
        InvalidArgumentError: if the schema is not that of the source.
    """

    def __init__(self, source: Any, schema: Any) -> None:
        self.source = source
        columns = [[f"{each.name} {each.dataType.simpleString()}" for each in one] for one in (source.schema(), schema)]
        for expected, passed in zip_longest(*columns, fillvalue="no further column"):
            if expected != passed:
                hint = "The schema is fixed: omit schema(), and select or cast columns of the result"
                raise InvalidArgumentError("schema", expected, passed, hint)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def snake(name: str) -> str:
    """Convert camel case to snake case."""
    return re.sub("[A-Z]", lambda match: f"_{match[0].lower()}", name)
