"""Views of operations and models, built from facts and the generator's properties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.parser.properties.model_property import ModelProperty

from .facts import Document, OperationFacts
from .schemas import Fact, Node, SpecError
from .views import (
    Argument,
    OperationView,
    annotate,
    decode_source,
    describe_docstring,
    docstring,
    entry,
    field_source,
    model_within,
    models_within,
    name_arguments,
    plain,
    python_name,
    sentence,
    wrapped,
)


def _class(prop: Any) -> str | None:
    return _name(model_within(prop))


def _module(model: ModelProperty) -> tuple[str, str]:
    return str(model.class_info.name), str(model.class_info.module_name)


def operation_view(facts: OperationFacts, endpoint: Endpoint) -> OperationView:
    """Work out everything that the module of an operation holds."""
    named = name_arguments(facts, endpoint)
    arguments = [Argument(name, fact, annotate(fact, _class(prop), argument=True)) for name, fact, prop in named]
    by_name = {argument.name: argument for argument in arguments}
    path = [by_name[name] for name, fact, _ in named if fact.place == "path"]
    others = [argument for argument in arguments if argument.fact.place in {"query", "header"}]
    # What the client supplies comes last, so that the signature begins with what the caller gives.
    arguments.sort(key=lambda argument: (argument.fact.client_default is not None, argument.optional))
    answer_model = model_within(_success(facts, endpoint))
    answer = facts.answered
    row = _row(named, answer)
    body = endpoint.bodies[0].prop if endpoint.bodies else None
    used = {_module(model) for _, _, prop in named for model in models_within(prop)}
    used |= {_module(model) for model in (answer_model, body) if isinstance(model, ModelProperty)}
    row_type, read_row, row_models = "", "", []
    if row is not None and answer_model is not None:
        model = model_within(next(prop for prop in _members(answer_model) if plain(prop.name) == "results"))
        row_type = annotate(row, _name(model), argument=False, answered=True)
        read_row = decode_source(row, _name(model), "row")
        row_models = [_module(model)] if model and read_row != "row" else []
        used |= set(row_models)
    returns = "Any" if facts.answer == "any" else "None"
    if answer is not None and facts.answer != "any":
        returned = annotate(answer, _name(answer_model), argument=False, answered=True)
        returns = "str" if facts.answer == "text" else returned
    read = decode_source(answer, _name(answer_model), "value") if answer else "None"
    # Nothing but what is documented gets to `read`; inside of it, anything may come.
    if answer is not None and read != "value":
        one = decode_source(answer.items, _name(answer_model), "item", 1) if answer.items else ""
        read = f"[{one} for item in value]" if one else f"{returns}.from_dict(value)"
    body_name, body_sources = "", []
    names = [argument.name for argument in path + others]
    if "client" in names:
        raise SpecError(f"{facts.id}: client is no name for an argument")
    if isinstance(body, ModelProperty):
        body_name = "body" if "body" not in names else "request_body"
        if body_name in names:
            raise SpecError(f"{facts.id}: {body_name} is no name for an argument")
        body_sources = [f"{body_name}: {body.class_info.name}" + ("" if facts.body_required else " | Unset = UNSET")]
    return OperationView(
        facts=facts,
        title=sentence(facts.summary),
        returns=returns,
        call_type=f"PagedCall[{row_type}]" if row_type else f"Call[{returns}]",
        read=read,
        read_models=[_module(answer_model)] if answer_model and read != "value" else [],
        row=row_type,
        read_row=read_row,
        row_models=row_models,
        models=sorted(used),
        fields=[field_source(fact, name) for name, fact, _ in named],
        arguments=[argument.source() for argument in arguments],
        docstring=describe_docstring(facts, arguments, returns, row_type),
        # In the standalone functions nothing stands in for an argument that the client object would supply.
        path_arguments=[f"{argument.name}: {argument.annotation}" for argument in path],
        other_arguments=body_sources + [argument.source() for argument in others],
        passed=names,
        body_name=body_name,
        body_type=_name(body) or "",
    )


def _name(model: Any) -> str | None:
    return str(model.class_info.name) if isinstance(model, ModelProperty) else None


def _members(model: ModelProperty) -> list[Any]:
    return [*(model.required_properties or []), *(model.optional_properties or [])]


def _success(facts: OperationFacts, endpoint: Endpoint) -> Any:
    responses = [
        response
        for response in endpoint.responses.patterns
        if response.status_code.range and 200 <= response.status_code.range[0] < 300
    ]
    response = responses[0] if responses else endpoint.responses.default
    if response is None:
        raise SpecError(f"{facts.id}: the generator lost the successful answer")
    return response.prop


def _row(named: list[tuple[str, Fact, Any]], answer: Fact | None) -> Fact | None:
    """What a row is, if the operation is paged by `offset`, `limit` and `results`."""
    queries = {fact.wire for _, fact, _ in named if fact.place == "query"}
    if answer is None or not {"offset", "limit"} <= queries:
        return None
    return next((fact.items for fact in answer.fields if fact.wire == "results" and fact.kind == "array"), None)


@dataclass(frozen=True)
class PropertyView:
    """A member of a model."""

    name: str
    python_name: str
    annotation: str
    required: bool
    decoded: str

    def decode(self, source: str) -> str:
        """Source that sets the member from `source`, evaluated once."""
        target = f"self.{self.python_name}"
        return f"{target} = {source}" if self.decoded == "_value" else f"_value = {source}\n{target} = {self.decoded}"


@dataclass(frozen=True)
class ModelView:
    """What `model.py.jinja` lays out.

    Attributes:
        imports: the other models that annotations name, each with its module.
        decoded: those that `from_dict` builds.
    """

    name: str
    docstring: str
    properties: list[PropertyView]
    sensitive: list[str]
    imports: list[tuple[str, str]]
    decoded: list[tuple[str, str]]


def model_view(model: ModelProperty, document: Document, marked: dict[str, Node], answered: bool) -> ModelView:
    """Work out everything that the module of a model holds."""
    name = str(model.class_info.name)
    marker = (model.data.model_extra or {}).get("x-node")
    if marker not in marked:
        raise SpecError(f"{name}: its schema is not found in the specification")
    facts = {fact.wire: fact for fact in document.fact("", marked[marker], place="").fields}
    members = {plain(prop.name): prop for prop in _members(model)}
    if set(facts) != set(members):
        raise SpecError(f"{name}: the generator lost or added {', '.join(sorted(set(facts) ^ set(members)))}")
    properties: list[PropertyView] = []
    imports: set[tuple[str, str]] = set()
    decoded: set[tuple[str, str]] = set()
    lines = [wrapped(sentence(plain(model.description) or name)), "", "Attributes:"]
    for fact in facts.values():
        prop = members[fact.wire]
        nested = model_within(prop)
        view = PropertyView(
            name=fact.wire,
            python_name=python_name(prop),
            annotation=annotate(fact, _name(nested), argument=False, answered=answered),
            required=fact.required,
            decoded=decode_source(fact, _name(nested), "_value"),
        )
        if nested is not None and _name(nested) != name:
            imports.add(_module(nested))
            if view.decoded != "_value":
                decoded.add(_module(nested))
        properties.append(view)
        lines.append(entry(view.python_name, fact, given=not answered))
    lines.append("    additional_properties: Members that the specification does not know.")
    return ModelView(
        name=name,
        docstring=docstring("\n".join(lines)),
        properties=properties,
        sensitive=[python_name(members[fact.wire]) for fact in facts.values() if fact.sensitive],
        imports=sorted(imports),
        decoded=sorted(decoded),
    )


def reachable(names: set[str], models: list[ModelProperty]) -> set[str]:
    """The models that can be met from the given ones."""
    by_name = {str(model.class_info.name): model for model in models}
    found: set[str] = set()
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name in found or name not in by_name:
            continue
        found.add(name)
        model = by_name[name]
        for prop in _members(model):
            waiting += [str(inner.class_info.name) for inner in models_within(prop)]
    return found


def answer_models(endpoints: list[Endpoint]) -> set[str]:
    """The models that stand directly in answers."""
    return {
        str(model.class_info.name)
        for endpoint in endpoints
        for response in endpoint.responses
        for model in models_within(response.prop)
    }
