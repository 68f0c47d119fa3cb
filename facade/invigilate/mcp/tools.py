"""Which operations are tools, and the JSON Schema of their arguments. Nothing here knows what an operation takes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from hashlib import sha256
from typing import Any, NamedTuple

from invigilate._apis import API
from invigilate._settings import setting
from invigilate.cli.exits import usage
from invigilate.cli.fields import Describe, help_texts, is_sensitive, operation_of, plain_name
from invigilate.cli.registry import only_reads, operations, variable_of
from invigilate_runtime import Field, Operation

ROWS = 100  # of a result, unless the agent asks for another number
MAX_ROWS = Field("max_rows", "", "", "integer", minimum=1)  # of tools whose operation returns all rows at once
_STRINGS = {"timestamp": "date-time", "date": "date", "uuid": "uuid", "comma": None}
_BOUNDS = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}


class Tool(NamedTuple):
    """An operation as a tool.

    Attributes:
        api: its API.
        words: the words of the command line for it, such as `exam-sessions get`.
        name: at most 64 letters, digits and underscores.
        describe: its generated function.
        operation: its static description.
        reads: whether it changes nothing.
        fields: its arguments, by the name that an agent passes.
        defaults: what is sent unless the agent passes it, by Python name: it keeps results short.
        refusal: why it is never offered, or an empty string.
    """

    api: API
    words: str
    name: str
    describe: Describe
    operation: Operation[Any]
    reads: bool
    fields: dict[str, Field]
    defaults: dict[str, int]
    refusal: str

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of its arguments."""
        texts = {**help_texts(self.describe), MAX_ROWS.name: "The largest number of rows to return."}
        properties = {key: schema_of(field) for key, field in self.fields.items()}
        for key, field in self.fields.items():
            default = f" {self.defaults[field.name]} unless set." if field.name in self.defaults else ""
            properties[key]["description"] = texts.get(field.name, "") + default
        required = [key for key, field in self.fields.items() if field.required]
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def tool_of(api: API, words: str, describe: Describe) -> Tool:
    """Describe an operation as a tool. Its arguments are not sensitive, not files, and not set in the environment."""
    operation = operation_of(describe)
    name = f"{api.key}_{words}".replace(" ", "_").replace("-", "_")
    name = name if len(name) <= 64 else f"{name[:55]}_{sha256(name.encode()).hexdigest()[:8]}"
    hidden = [f for f in operation.fields if is_sensitive(f) or "file" in {f.type, f.items.type if f.items else ""}]
    preset = [f for f in operation.fields if setting(None, variable_of(describe, f.client_default or "") or "")]
    fields = {plain_name(f.name): f for f in operation.fields if f not in hidden and f not in preset}
    size = fields.get(plain_name(operation.pagination.limit or "")) if operation.pagination else None
    defaults = {} if size is None else {size.name: min(ROWS, int(size.maximum or ROWS))}
    if operation.pagination is None and "array" in operation.returns.split(" | "):
        fields[MAX_ROWS.name], defaults = MAX_ROWS, {MAX_ROWS.name: ROWS}
    needed = ", ".join(field.name for field in hidden if field.required)
    charges = any("card" in f"{f.wire_name} {schema_of(f)}".casefold() for f in hidden)
    refusal = "it can charge a card" if charges else needed and f"it requires what no agent may see: {needed}"
    return Tool(api, words, name, describe, operation, only_reads(words, operation), fields, defaults, refusal)


def schema_of(field: Field, around: tuple[Field, ...] = ()) -> dict[str, Any]:
    """Return the JSON Schema of a field; anything is allowed where it contains itself."""
    if any(field is outer for outer in around):
        return {}
    inner = [schema_of(each, (*around, field)) for each in field.fields]
    kind = "string" if field.type in _STRINGS else field.type
    low, high = _BOUNDS.get(kind, ("minimum", "maximum"))
    null = [None] * field.nullable
    found: dict[str, Any] = {
        "type": None if kind in {"any", "union"} else [kind, "null"] if null else kind,
        "anyOf": [*inner, *({"type": "null"} for _ in null)] if kind == "union" else None,
        "format": _STRINGS.get(field.type),
        "enum": [*field.enum, *null] if field.enum else None,
        "pattern": field.pattern,
        low: field.minimum,
        high: field.maximum,
        "exclusiveMinimum": field.above,
        "exclusiveMaximum": field.below,
        "multipleOf": field.multiple,
        "items": schema_of(field.items, (*around, field)) if field.items else None,
    }
    if kind == "object" and inner:
        found["properties"] = dict(zip((each.wire_name for each in field.fields), inner, strict=True))
        found["required"] = [each.wire_name for each in field.fields if each.required]
    return {key: value for key, value in found.items() if value is not None}


def offered(apis: Iterable[API], allowed: Collection[str]) -> dict[str, Tool]:
    """Return the tools to offer, by name: those that only read, and those that are allowed.

    Raises:
        Failure: if an allowed operation is unknown or ambiguous, or is never offered.
    """
    every = [tool_of(api, words, describe) for api in apis for words, describe in operations(api).items()]
    chosen: list[Tool] = []
    for name in allowed:
        found = [tool for tool in every if name.replace("_", "-") in (each.replace("_", "-") for each in _names(tool))]
        if not found:
            hint = similar(name, [each for tool in every for each in _names(tool)])
            raise usage(f"--allow: not an operation of the APIs that are served: {name}{hint}")
        if len(found) > 1:
            raise usage(f"--allow: {name} is in several APIs; pass {' or '.join(_names(tool)[1] for tool in found)}")
        if found[0].refusal:
            raise usage(f"--allow: {name} is never offered to agents: {found[0].refusal}")
        chosen += found
    return {tool.name: tool for tool in every if tool in chosen or (tool.reads and not tool.refusal)}


def _names(tool: Tool) -> tuple[str, ...]:
    dotted = tool.words.replace(" ", ".")
    return dotted, f"{tool.api.key}.{dotted}", tool.operation.id, tool.name


def similar(name: str, known: Collection[str]) -> str:
    """Return a hint with names that are similar to an unknown one, or an empty string."""
    return f"; did you mean {' or '.join(close)}?" if (close := get_close_matches(name, known)) else ""
