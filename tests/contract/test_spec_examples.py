"""Every example of the specs goes through the generated code and comes out again, byte for byte.

The specs are walked blindly for `example` and `examples`; where one stands decides what is done with it. One that
stands where nothing is known to be done fails, so that an example cannot be added without being tested.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from invigilate.ispring import webhooks
from invigilate_runtime import Response, dump
from tests.support.bound import PACKAGES, arguments_of
from tests.support.documented import ALL, METHODS, SPECS, Documented, load_document, operations

# Below these keys stand names: a member called `example` is none.
_NAMES = frozenset(
    {"properties", "schemas", "parameters", "responses", "headers", "content", "paths", "securitySchemes"}
)
_DOCUMENTS = {name: load_document(name) for name in SPECS}
_CALLS = {operation.key: operation for operation in ALL}


@dataclass(frozen=True)
class Example:
    """An example, and the way to it from the root of its spec."""

    spec: str
    place: tuple[str | int, ...]
    value: Any

    def __str__(self) -> str:
        return f"{self.spec}: {' '.join(map(str, self.place))}"


def walk(spec: str, node: Any, place: tuple[str | int, ...] = (), *, names: bool = False) -> Iterator[Example]:
    """All examples below a node."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from walk(spec, item, (*place, index))
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if names or key not in {"example", "examples"}:
            yield from walk(spec, value, (*place, key), names=not names and key in _NAMES)
        elif key == "example":
            yield Example(spec, (*place, key), value)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield Example(spec, (*place, key, index), item)
        else:
            for name, item in value.items():
                yield Example(spec, (*place, key, name, "value"), item["value"])


EXAMPLES = [example for spec, document in _DOCUMENTS.items() for example in walk(spec, document)]


def canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def at(spec: str, place: tuple[str | int, ...]) -> Any:
    node = _DOCUMENTS[spec]
    for step in place:
        node = node[step]
    return node


def resolved(spec: str, node: Any) -> Any:
    while "$ref" in node:
        target = at(spec, tuple(node["$ref"].removeprefix("#/").split("/")))
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def modules(spec: str) -> dict[str, ModuleType]:
    """The generated modules of a spec by operationId."""
    api = importlib.import_module(f"{PACKAGES[spec].__name__}.api")
    names = [found.name for found in pkgutil.walk_packages(api.__path__, f"{api.__name__}.") if not found.ispkg]
    found = {module.OPERATION.id: module for module in map(importlib.import_module, names)}
    assert set(found) == {operation.id for operation in ALL if operation.spec == spec}
    return found


MODULES = {spec: modules(spec) for spec in SPECS}


def model(spec: str, name: str) -> Any:
    return getattr(importlib.import_module(f"{PACKAGES[spec].__name__}.models"), name)


def sent(operation: Documented, arguments: dict[str, Any]) -> Any:
    call = MODULES[operation.spec][operation.id].describe(**arguments)
    return call.operation.request(call.arguments)


def operation_at(spec: str, place: tuple[str | int, ...]) -> Documented:
    return _CALLS[spec, at(spec, place[:3])["operationId"]]


def through_model(spec: str, reference: str, value: Any) -> Any:
    return dump(model(spec, reference.rsplit("/", 1)[-1]).from_dict(json.loads(canonical(value))))


def check_request(example: Example) -> None:
    """The body's model gives it back, and arguments of its members make it."""
    operation = operation_at(example.spec, example.place)
    media = str(example.place[example.place.index("content") + 1])
    schema = at(example.spec, example.place[: example.place.index(media) + 1])["schema"]
    assert canonical(through_model(example.spec, schema["$ref"], example.value)) == canonical(example.value)
    table = {
        field.wire_name: field.name
        for field in MODULES[example.spec][operation.id].OPERATION.fields
        if field.location == "body"
    }
    others = {name: value for name, value in arguments_of(operation).items() if name not in table.values()}
    request = sent(operation, {**others, **{table[name]: value for name, value in example.value.items()}})
    assert request.headers["Content-Type"] == media
    if media == "application/x-www-form-urlencoded":
        assert parse_qsl(request.content.decode(), strict_parsing=True) == list(example.value.items())
    else:
        assert request.content == canonical(example.value)


def check_success(example: Example) -> None:
    """The operation decodes it, and what it decodes to gives it back."""
    schema = at(example.spec, example.place[:-1])["schema"]
    item = schema.get("items", schema)
    name = item.get("$ref", "").rsplit("/", 1)[-1] if "properties" in resolved(example.spec, item) else ""
    found = [operation_at(example.spec, example.place)] if example.place[0] == "paths" else answering(example)
    assert found, "no operation has this response"
    for operation in found:
        decoded = MODULES[example.spec][operation.id].OPERATION.decode(canonical(example.value))
        # Were it the decoded JSON itself, coming out as it went in would prove nothing.
        for value, given in zip(items(decoded), items(example.value), strict=True):
            assert type(value).__name__ == (name or type(given).__name__)
        assert canonical(dump(decoded)) == canonical(example.value)


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def answering(example: Example) -> list[Documented]:
    """The operations that refer to a response of the components."""
    reference = {"$ref": "#/" + "/".join(map(str, example.place[:3]))}
    return [
        _CALLS[example.spec, item[method]["operationId"]]
        for item in _DOCUMENTS[example.spec]["paths"].values()
        for method in METHODS
        if method in item and reference in item[method]["responses"].values()
    ]


def check_error(example: Example) -> None:
    """The model of the error gives it back."""
    assert answering(example), "no operation has this error"
    schema = at(example.spec, example.place[: example.place.index("content") + 2])["schema"]
    assert canonical(through_model(example.spec, schema["$ref"], example.value)) == canonical(example.value)


def check_parameter(example: Example) -> None:
    """Each operation with this parameter sends it, and it reads the same on the wire."""
    parameter = at(example.spec, example.place[:-1])
    operations = [operation_at(example.spec, example.place)] if example.place[0] == "paths" else users(example)
    assert operations, "no operation has this parameter"
    for operation in operations:
        fields = MODULES[example.spec][operation.id].OPERATION.fields
        (name,) = [f.name for f in fields if (f.location, f.wire_name) == (parameter["in"], parameter["name"])]
        request = sent(operation, {**arguments_of(operation), name: example.value})
        texts = [written(item) for item in (example.value if isinstance(example.value, list) else [example.value])]
        if parameter["in"] == "header":
            assert [request.headers[parameter["name"]]] == texts
        elif parameter["in"] == "query":
            pairs = parse_qsl(urlsplit(request.target).query, keep_blank_values=True, strict_parsing=True)
            assert [value for key, value in pairs if key == parameter["name"]] == texts
        else:
            place = operation.template.split("/").index("{" + parameter["name"] + "}")
            segment = urlsplit(request.target).path.split("/")[place]
            assert [unquote(segment)] == texts
            assert segment == quote(texts[0], safe="")


def written(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def users(example: Example) -> list[Documented]:
    """The operations that refer to a parameter of the components."""
    reference = {"$ref": "#/" + "/".join(map(str, example.place[:3]))}
    found: list[Documented] = []
    for item in _DOCUMENTS[example.spec]["paths"].values():
        for method in METHODS:
            if method in item and reference in [*item.get("parameters", ()), *item[method].get("parameters", ())]:
                found.append(_CALLS[example.spec, item[method]["operationId"]])
    return found


def check_member(example: Example) -> None:
    """The model with this one member gives it back."""
    _, _, name, _, member, *_ = example.place
    whole = {str(member): example.value}
    assert canonical(through_model(example.spec, str(name), whole)) == canonical(whole)


def check_named_schema(example: Example) -> None:
    """Each model that has a member of this schema gives it back; so does each parameter of it."""
    reference = {"$ref": "#/" + "/".join(map(str, example.place[:3]))}
    checked = 0
    for name, schema in _DOCUMENTS[example.spec]["components"]["schemas"].items():
        for member, described in schema.get("properties", {}).items():
            forms = [described, *described.get("anyOf", ())]
            items = described.get("items", {})
            if any(form.get("$ref") == reference["$ref"] for form in forms) or items.get("$ref") == reference["$ref"]:
                whole = {member: [example.value] if items else example.value}
                assert canonical(through_model(example.spec, name, whole)) == canonical(whole)
                checked += 1
    for operation in ALL:
        if operation.spec != example.spec:
            continue
        for field in MODULES[example.spec][operation.id].OPERATION.fields:
            if field.location in {"path", "query"} and field.sid == example.place[2]:
                request = sent(operation, {**arguments_of(operation), field.name: example.value})
                assert quote(example.value, safe="") in request.target
                checked += 1
    assert checked, "no model and no parameter has this schema"


def check_header(example: Example) -> None:
    """It is what a header of an answer can be."""
    response: Response[None] = Response(
        status_code=401, content=b"", headers={str(example.place[-2]): example.value}, parsed=None
    )
    assert response.headers[str(example.place[-2])] == example.value
    assert example.value.isascii()
    assert example.value.isprintable()


def check_event(example: Example) -> None:
    """The receiver reads each payload as the model of its type, whether it comes as an object or as a string."""
    described = at(example.spec, example.place[:-1])["schema"]["properties"]["payloads"]["items"]
    name = described.get("contentSchema", described)["$ref"].rsplit("/", 1)[-1]
    given = [json.loads(each) if isinstance(each, str) else each for each in example.value["payloads"]]
    for payloads in (example.value["payloads"], [json.dumps(each) for each in given]):
        events = webhooks.parse(canonical({**example.value, "payloads": payloads}), {})
        assert {(event.type, type(event.payload).__name__) for event in events} == {(example.place[1], name)}
        assert canonical([dump(event.payload) for event in events]) == canonical(given)


def kind(example: Example) -> str:
    """What is to be done with an example, from where it stands."""
    match example.place:
        case ("paths", _, _, "requestBody", "content", _, "example"):
            return "request"
        case ("paths", _, _, "responses", status, "content", _, "example"):
            return "success" if status == "default" or str(status).startswith("2") else "error"
        case ("components", "responses", "Successful" | "InferredSuccessful", "content", _, "example"):
            return "success"
        case ("components", "responses", _, "content", _, "examples", _, "value"):
            return "error"
        case ("webhooks", _, "post", "requestBody", "content", "application/json", "example"):
            return "event"
        case ("components", "responses", _, "headers", _, "example"):
            return "header"
        case ("paths", _, _, "parameters", _, "example") | ("components", "parameters", _, "example"):
            return "parameter"
        case ("components", "schemas", _, "properties", _, "examples", _):
            return "member"
        case ("components", "schemas", _, "examples", _):
            return "named schema"
    return "unknown"


CHECKS = {
    "request": check_request,
    "success": check_success,
    "error": check_error,
    "event": check_event,
    "header": check_header,
    "parameter": check_parameter,
    "member": check_member,
    "named schema": check_named_schema,
}


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_it_comes_out_as_it_went_in(example: Example) -> None:
    assert kind(example) in CHECKS, "an example stands where nothing is known to be done with it"
    CHECKS[kind(example)](example)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_its_schema_allows_it(example: Example) -> None:
    """Spectral checks examples of bodies and parameters, but not those of schemas."""
    way = example.place[: -2 if example.place[-2] == "examples" else -3 if example.place[-1] == "value" else -1]
    if kind(example) not in {"member", "named schema"}:
        way = (*way, "schema")
    pointer = "/".join(quote(str(step).replace("~", "~0").replace("/", "~1"), safe="~$") for step in way)
    Draft202012Validator({**_DOCUMENTS[example.spec], "$ref": f"#/{pointer}"}).validate(example.value)


@pytest.mark.parametrize("spec", SPECS)
def test_there_are_examples_of_every_operation(spec: str) -> None:
    found = [example for example in EXAMPLES if example.spec == spec]
    text = SPECS[spec].read_text(encoding="utf-8")
    # Counted once more in the text: `example:` as a key has one, `examples:` at least one.
    lines = [line.strip() for line in text.splitlines()]
    assert len(found) >= sum(1 for line in lines if line.startswith(("example:", "examples:"))) > 0
    places = {(kind(example), example.place[1], example.place[2]) for example in found if example.place[0] == "paths"}
    shared = {
        operation.id
        for each in found
        if kind(each) == "success" and each.place[0] != "paths"
        for operation in answering(each)
    }
    for operation in operations(spec):
        template, method = operation.template, operation.method.lower()
        assert ("success", template, method) in places or operation.id in shared or operation.answer is None
        assert ("request", template, method) in places or operation.media is None


def test_an_example_of_another_order_would_not_pass() -> None:
    """Bytes are compared, so that members in another order than documented are seen."""
    example = next(
        item for item in EXAMPLES if kind(item) == "success" and isinstance(item.value, dict) and len(item.value) > 1
    )
    turned = dict(reversed(example.value.items()))
    with pytest.raises(AssertionError):
        check_success(Example(example.spec, example.place, turned))
