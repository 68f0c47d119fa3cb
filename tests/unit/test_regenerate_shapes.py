"""Shapes of real specifications: what is supported, and what is no reason to refuse an operation."""

from __future__ import annotations

import copy
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from regenerator.__main__ import main

from invigilate._masking import sensitive_values
from invigilate._requests import prepare
from invigilate.errors import InvalidArgumentError
from invigilate_runtime import Call, Field
from tests.unit.test_regenerate_refusals import GOOD, Node, member, operation

STRING: Node = {"type": "string"}
SECRET: Node = {"type": "string", "x-sensitive": True}


@pytest.fixture
def generated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., str]]:
    """Generates a document as `small_client`, which can be imported afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path / "made"))

    def generate(*changes: Callable[[Node], Any], code: int = 0, more: tuple[str, ...] = ()) -> str:
        document = copy.deepcopy(GOOD)
        for change in changes:
            change(document)
        spec = tmp_path / "small.yaml"
        spec.write_text(yaml.safe_dump(document, sort_keys=False))
        found = main(["--spec", str(spec), "--package", "small_client", "--output", str(tmp_path / "made"), *more])
        said = capsys.readouterr().err
        assert found == code, said
        assert "Traceback" not in said
        return said

    yield generate
    for name in [name for name in sys.modules if name.partition(".")[0] == "small_client"]:
        del sys.modules[name]


def module(name: str = "api.things.put_thing") -> ModuleType:
    importlib.invalidate_caches()
    return importlib.import_module(f"small_client.{name}")


def body(schema: Node) -> Callable[[Node], None]:
    return lambda document: document["components"]["schemas"].update(Body=schema)


def fields(**properties: Node) -> Callable[[Node], None]:
    """The body has these fields."""
    return body({"type": "object", "properties": properties})


def schemas(**named: Node) -> Callable[[Node], None]:
    return lambda document: document["components"]["schemas"].update(named)


def ref(name: str, part: str = "schemas") -> Node:
    return {"$ref": f"#/components/{part}/{name}"}


def by_name(found: Any) -> dict[str, Field]:
    return {field.wire_name: field for field in found}


def secrets(**arguments: Any) -> list[str]:
    """What is masked of a call."""
    call: Call[Any] = module().describe(id="1", **arguments)
    return sorted(set(prepare(call, {}, check_sids=True).secrets))


TREE: Node = {
    "type": "object",
    "properties": {"pin": SECRET, "label": STRING, "children": {"type": "array", "items": ref("Tree")}},
}


def test_a_recursive_schema_keeps_its_facts_at_every_depth(generated: Callable[..., str]) -> None:
    generated(schemas(Tree=TREE), fields(root=ref("Tree")))
    field = by_name(module().OPERATION.fields)["root"]
    for _ in range(50):
        assert by_name(field.fields)["pin"].sensitive
        items = by_name(field.fields)["children"].items
        assert items is not None
        field = items
    deep: Node = {"pin": "p1n-4"}
    for depth in (3, 2, 1):
        deep = {"pin": f"p1n-{depth}", "children": [deep]}
    assert secrets(root=deep) == ["p1n-1", "p1n-2", "p1n-3", "p1n-4"]
    with pytest.raises(InvalidArgumentError, match=r"root.children\[0\].children\[0\].label"):
        secrets(root={"children": [{"children": [{"label": 5}]}]})


def test_typed_additional_properties_are_masked_and_checked(generated: Callable[..., str]) -> None:
    more = {"type": "object", "properties": {"known": STRING}, "additionalProperties": ref("Card")}
    generated(
        schemas(Card={"type": "object", "properties": {"number": SECRET, "brand": STRING}}),
        fields(
            cards={"type": "object", "additionalProperties": ref("Card")},
            more=more,
            pins={"additionalProperties": SECRET, "type": "object"},
        ),
    )
    arguments: Node = {
        "cards": {"one": {"number": "4242", "brand": "visa"}},
        "more": {"known": "k", "other": {"number": "4343"}},
        "pins": {"a": "1234"},
    }
    assert secrets(**arguments) == ["1234", "4242", "4343"]


def test_values_that_nothing_describes_are_masked_by_name(generated: Callable[..., str]) -> None:
    generated(
        schemas(Thing={"type": "object", "properties": {"accessToken": SECRET}}),
        fields(free={"type": "object"}, anything={}, secret=SECRET, either={"anyOf": [STRING, {"type": "object"}]}),
    )
    # One is sensitive in the response alone.
    free = {"a": [{"accesstoken": "t0ken-1", "other": "shown"}], "secret": {"deep": ["t0ken-2"]}}
    assert secrets(free=free) == ["t0ken-1", "t0ken-2"]
    assert secrets(anything=[free]) == ["t0ken-1", "t0ken-2"]
    assert secrets(either=free) == ["t0ken-1", "t0ken-2"]
    assert secrets(either="text") == []


def test_a_described_field_is_shown_whatever_others_of_its_name_are(generated: Callable[..., str]) -> None:
    inner = {"type": "object", "properties": {"name": STRING}}
    generated(fields(name=SECRET, inner=inner))
    assert secrets(inner={"name": "shown"}) == []
    assert sensitive_values([Field("inner", "inner", "body", "object")], {"inner": {"NAME": "x"}}, {"name"}) == ["x"]


@pytest.mark.parametrize("key", ["anyOf", "oneOf"])
def test_properties_beside_alternatives_become_one_object(generated: Callable[..., str], key: str) -> None:
    card = {"type": "object", "required": ["number"], "properties": {"number": SECRET, "brand": STRING}}
    payment = {
        "type": "object",
        "required": ["amount"],
        "properties": {"amount": {"type": "integer"}, "memo": STRING},
        key: [ref("Card"), {"properties": {"iban": SECRET, "memo": SECRET}}, {"required": ["memo"]}],
    }
    generated(schemas(Card=card, Thing=payment), fields(payment=payment))
    field = by_name(module().OPERATION.fields)["payment"]
    assert {name: (one.required, one.sensitive) for name, one in by_name(field.fields).items()} == {
        "amount": (True, False),
        # Sensitive wherever an alternative says so.
        "memo": (False, True),
        "number": (False, True),
        "brand": (False, False),
        "iban": (False, True),
    }
    arguments = {"payment": {"amount": 1, "number": "4242", "memo": "m3mo", "iban": "DE00"}}
    assert secrets(**arguments) == ["4242", "DE00", "m3mo"]
    thing = module("models.thing").Thing.from_dict({"amount": 1, "iban": "DE00"})
    assert (thing.amount, thing.iban, "DE00" in repr(thing)) == (1, "DE00", False)


def test_parts_with_alternatives_become_one_object(generated: Callable[..., str]) -> None:
    base = {"type": "object", "properties": {"kind": STRING}, "oneOf": [ref("Dog"), ref("Cat")]}
    dog = {"allOf": [ref("Pet"), {"type": "object", "properties": {"barks": {"type": "boolean"}}}]}
    cat = {"allOf": [ref("Pet"), {"type": "object", "properties": {"purrs": {"type": "boolean"}}}]}
    generated(schemas(Pet=base, Dog=dog, Cat=cat, Thing={"type": "object", "properties": {"pet": ref("Dog")}}))
    # The alternatives of a base class are its subtypes, and no part of each other.
    assert set(module("models.dog").Dog._NAMES) == {"kind", "barks"}


def test_path_items_by_reference(generated: Callable[..., str]) -> None:
    def move(document: Node) -> None:
        item = document["paths"].pop("/things/{id}")
        item["parameters"] = [item["put"]["parameters"].pop(0)]
        document["components"]["pathItems"] = {"Things": item}
        document["paths"]["/things/{id}"] = ref("Things", "pathItems")
        document["paths"]["/others/{id}"] = {"$ref": "#/paths/~1third~1{id}"}
        third = copy.deepcopy(item)
        third["put"]["operationId"] = "putOther"
        document["paths"]["/third/{id}"] = third
        document["paths"]["/third/{id}"]["put"]["operationId"] = "putThird"
        document["paths"]["/others/{id}"] = {"$ref": "#/components/pathItems/Others"}
        document["components"]["pathItems"]["Others"] = copy.deepcopy(third)
        document["components"]["pathItems"]["Others"]["put"]["operationId"] = "putOther"

    generated(move)
    paths = {name: module(f"api.things.{name}").OPERATION.path for name in ("put_thing", "put_other", "put_third")}
    assert paths == {"put_thing": "/things/{id}", "put_other": "/others/{id}", "put_third": "/third/{id}"}


def apart(document: Node) -> None:
    """The schemas are no longer one and the same object."""
    document["components"] = json.loads(json.dumps(document["components"]))


def test_components_by_reference(generated: Callable[..., str]) -> None:
    def refer(document: Node) -> None:
        parts = document["components"]
        node = operation(document)
        parts["parameters"] = {"Query": node["parameters"][1], "Alias": ref("Query", "parameters")}
        parts["requestBodies"] = {"Sent": node["requestBody"], "Alias": ref("Sent", "requestBodies")}
        parts["responses"] = {"Done": node["responses"]["200"], "Alias": ref("Done", "responses")}
        parts["schemas"] |= {"Alias": ref("Other"), "Again": ref("Alias")}
        parts["schemas"]["Thing"]["properties"]["again"] = ref("Again")
        node["parameters"][1] = ref("Alias", "parameters")
        node["requestBody"] = ref("Alias", "requestBodies")
        node["responses"]["200"] = ref("Alias", "responses")

    generated(apart, refer)
    assert set(by_name(module().OPERATION.fields)) == {"id", "q", "a"}
    thing = module("models.thing").Thing.from_dict({"again": {"a": "x"}})
    assert thing.again == module("models.other").Other("x")


def test_read_only_fields_are_no_arguments(generated: Callable[..., str]) -> None:
    item: Node = {
        "type": "object",
        "required": ["id", "name", "password", "inner"],
        "properties": {
            "id": {"type": "string", "readOnly": True},
            "name": STRING,
            "password": {"type": "string", "writeOnly": True},
            "inner": {"type": "object", "required": ["at"], "properties": {"at": {"type": "string", "readOnly": True}}},
        },
    }
    read = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "readOnly": True}}}
    thing = {**item, "properties": {**item["properties"], "other": ref("Other")}}
    generated(schemas(Thing=thing, Body=item, Other=read))
    assert set(by_name(module().OPERATION.fields)) == {"id", "q", "name", "password", "inner"}
    prepare(module().describe(id="1", name="n", password="p", inner={}), {}, check_sids=True)
    # What came in a response may go out again.
    prepare(module().describe(id="1", name="n", password="p", inner={"at": "now"}), {}, check_sids=True)
    assert module("models.body").Body(name="n", password="p", inner={}).to_dict() == {
        "name": "n",
        "password": "p",
        "inner": {},
    }
    # In a response the identifier is always there, and the password never.
    annotations = module("models.thing").Thing.__annotations__
    assert (annotations["id"], annotations["password"]) == ("str", "str | Unset")


def test_several_models_in_one_place_are_plain_dicts(generated: Callable[..., str]) -> None:
    either = {"oneOf": [ref("Card"), ref("Bank")]}
    named = {
        name: {"type": "object", "properties": {key: SECRET}} for name, key in (("Card", "number"), ("Bank", "iban"))
    }
    generated(
        schemas(**named, Thing={"type": "object", "properties": {"source": either}}),
        fields(source=either, sources={"type": "array", "items": either}),
    )
    thing = module("models.thing").Thing.from_dict({"source": {"iban": "DE00"}})
    assert thing.source == {"iban": "DE00"}
    assert module("models.thing").Thing.__annotations__["source"] == "dict[str, Any] | Unset"
    # Callers may pass either model, and both are checked and masked.
    assert module("models.body").Body.__annotations__["source"] == "Card | Bank | Unset"
    assert module().describe.__annotations__["source"] == "Card | Bank | Mapping[str, Any] | Unset"
    card = module("models.card").Card("4242")
    assert secrets(source=card, sources=[card, {"iban": "DE00"}]) == ["4242", "DE00"]
    with pytest.raises(InvalidArgumentError, match="number"):
        secrets(source={"number": 4242})


def test_nullable_objects_are_named_like_others(generated: Callable[..., str]) -> None:
    maybe = {"type": ["object", "null"], "properties": {"a": STRING}}
    generated(schemas(Maybe=maybe, Body=maybe, Thing={"type": "object", "properties": {"maybe": ref("Maybe")}}))
    assert set(module("models").__all__) == {"Body", "Maybe", "Other", "Thing"}
    assert set(by_name(module().OPERATION.fields)) == {"id", "q", "a"}
    assert module("models.thing").Thing.__annotations__["maybe"] == "Maybe | None | Unset"


def test_lists_of_anything_and_forms_of_nothing(generated: Callable[..., str]) -> None:
    def empty(document: Node) -> None:
        form = {"type": "object", "properties": {}}
        operation(document)["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": form}}}

    generated(schemas(Thing={"type": "object", "properties": {"any": {"type": "array"}}}), empty)
    assert module("models.thing").Thing.from_dict({"any": [1, {}]}).any_ == [1, {}]
    assert module().OPERATION.media is None


def test_a_model_that_the_generator_cannot_name(generated: Callable[..., str]) -> None:
    inline: Node = {"type": "object", "properties": {"inner": {"type": "object", "properties": {"a": STRING}}}}
    thing = {"type": "object", "properties": {"has": ref("Has"), "inner": ref("HasInner")}}
    named = schemas(Has=inline, HasInner={"type": "object", "properties": {"b": STRING}}, Thing=thing)
    said = generated(named, code=2)
    assert "PUT /things/{id} (putThing): the schema Has: Attempted to generate duplicate models" in said


def test_alternatives_of_security_and_other_scopes(generated: Callable[..., str]) -> None:
    def secure(document: Node) -> None:
        document["components"]["securitySchemes"] |= {
            "basic": {"type": "http", "scheme": "basic"},
            "oauth": {"type": "oauth2", "flows": {}},
        }
        document["security"] = [{"basic": []}, {"token": []}]
        operation(document)["security"] = [{"oauth": ["write"]}, {}]

    generated(secure)
    assert module().OPERATION.secured
    assert 'default="Bearer"' in Path(str(module("client").__file__)).read_text()


def test_what_no_operation_needs_is_no_reason_to_refuse_it(generated: Callable[..., str]) -> None:
    def spoil(document: Node) -> None:
        wrong = {"oneOf": [ref("Thing"), ref("Other")]}
        document["components"]["schemas"] |= {
            "Wrong": {"type": "object", "properties": {"either": wrong, "type": {"type": "file"}}},
            "Around": {"type": "object", "properties": {"wrong": ref("Wrong")}},
            "Response": {"type": "object", "properties": {"a": STRING}},
            "thing": {"type": "object", "properties": {"a": STRING}},
            "Dangling": ref("Gone"),
            "Invalid": {"type": "object", "properties": {"a": {"minLength": "long"}}},
        }
        operation(document)["responses"] |= {
            "400": {"description": "no", "content": {"application/json": {"schema": ref("Around")}}},
            "404": {"description": "gone", "content": {"text/html": {"schema": STRING}}},
            "5XX": {"$ref": "#/components/responses/Gone"},
            "default": {
                "description": "no",
                "content": {"application/json": {"schema": {"oneOf": [ref("Thing"), ref("Other")]}}},
            },
        }

    assert generated(spoil) == ""
    assert module().OPERATION.id == "putThing"
    assert "Around" not in module("models").__all__


def test_a_document_without_a_model(generated: Callable[..., str]) -> None:
    def bare(document: Node) -> None:
        document.pop("components")
        document["security"] = []
        operation(document).pop("requestBody")
        operation(document)["responses"] = {"204": {"description": "done"}}

    generated(bare)
    assert module("models").__all__ == []
    assert module().OPERATION.returns == "none"


def copies(document: Node) -> None:
    """There are three operations."""
    for name in ("Second", "Third"):
        item = copy.deepcopy(document["paths"]["/things/{id}"])
        item["put"]["operationId"] = f"put{name}"
        document["paths"][f"/{name.lower()}/{{id}}"] = item


def two_wrong(document: Node) -> None:
    copies(document)
    schemas_ = document["components"]["schemas"]
    schemas_["Wrong"] = {"type": "object", "properties": {"either": {"type": "file"}}}
    wrong = document["paths"]["/second/{id}"]["put"]
    wrong["responses"]["200"]["content"]["application/json"]["schema"] = ref("Wrong")
    document["paths"]["/third/{id}"]["put"]["parameters"][1]["in"] = "cookie"


def test_all_refusals_come_at_once_each_on_a_line(generated: Callable[..., str], tmp_path: Path) -> None:
    said = generated(two_wrong, code=2)
    assert said.splitlines() == [
        "regenerate: 2 operations are refused:",
        "  PUT /second/{id} (putSecond): either: the type 'file' is not supported",
        "  PUT /third/{id} (putThird): parameters in cookie are not supported (q)",
        "--skip-refused generates the rest.",
        "Nothing was changed.",
    ]
    assert not (tmp_path / "made").exists()


def test_refused_operations_can_be_skipped(generated: Callable[..., str]) -> None:
    said = generated(two_wrong, code=4, more=("--skip-refused",))
    assert said.splitlines()[0] == "regenerate: 2 operations are left out:"
    assert len(said.splitlines()) == 3
    assert module().OPERATION.id == "putThing"
    folder = Path(str(module("api.things").__file__)).parent
    assert {path.stem for path in folder.glob("*.py")} == {"__init__", "put_thing"}
    # The package says what is missing in it.
    provenance = json.loads((folder.parents[1] / "provenance.json").read_text())
    assert [line.partition(":")[0] for line in provenance["refused"]] == [
        "PUT /second/{id} (putSecond)",
        "PUT /third/{id} (putThird)",
    ]
    assert generated(two_wrong, code=4, more=("--skip-refused", "--check")).startswith("regenerate: 2 operations")


def test_nothing_is_generated_if_everything_is_refused(generated: Callable[..., str], tmp_path: Path) -> None:
    said = generated(member({"type": "file"}), code=2, more=("--skip-refused",))
    assert said.splitlines()[1:] == [
        "  PUT /things/{id} (putThing): b: the type 'file' is not supported",
        "Nothing was changed.",
    ]
    assert not (tmp_path / "made").exists()


def test_refusals_are_not_skipped_in_specifications_of_our_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--skip-refused"])
    assert ended.value.code == 2
    assert "--skip-refused goes with --spec" in capsys.readouterr().err
