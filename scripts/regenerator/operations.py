"""Views of operations and models, built from facts and the generator's properties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.parser.properties.list_property import ListProperty
from openapi_python_client.parser.properties.model_property import ModelProperty

from .facts import Document, Fact, OperationFacts, SpecError
from .views import (
    Argument,
    OperationView,
    annotate,
    describe_docstring,
    docstring,
    field_source,
    format_note,
    model_within,
    models_within,
    name_arguments,
    plain,
    wrapped,
)


def _class(prop: Any) -> str | None:
    model = model_within(prop)
    return str(model.class_info.name) if model else None


def _module(model: ModelProperty) -> tuple[str, str]:
    return str(model.class_info.name), str(model.class_info.module_name)


def operation_view(facts: OperationFacts, endpoint: Endpoint) -> OperationView:
    """Work out everything that the module of an operation holds."""
    named = name_arguments(facts, endpoint)
    arguments = [Argument(name, fact, annotate(fact, _class(prop), argument=True)) for name, fact, prop in named]
    # What the client supplies comes last, so that the signature begins with what the caller gives.
    arguments.sort(key=lambda argument: (argument.fact.client_default is not None, argument.optional))
    success = _success(facts, endpoint)
    answer_model = model_within(success) if success is not None else None
    returns = {"text": "str", "any": "Any"}.get(facts.answer, "")
    read = "value"
    if facts.answer == "object":
        returns = str(answer_model.class_info.name) if answer_model else "dict[str, Any]"
        read = f"{returns}.from_dict(value)" if answer_model else "value"
    elif facts.answer == "array":
        returns = f"list[{answer_model.class_info.name}]" if answer_model else "list[Any]"
        if answer_model:
            name = answer_model.class_info.name
            read = f"[{name}.from_dict(item) if item.__class__ is dict else item for item in value]"
    row = _row(named, answer_model) if facts.answer == "object" else None
    body = endpoint.bodies[0].prop if endpoint.bodies else None
    used = {_module(model) for _, _, prop in named for model in models_within(prop)}
    used |= {_module(model) for model in (answer_model, body) if isinstance(model, ModelProperty)}
    row_name, row_module = "", ""
    if row is not None:
        model = model_within(row)
        row_name, row_module = _module(model) if model else ("dict[str, Any]", "")
        used |= {_module(model)} if model else set()
    by_name = {argument.name: argument for argument in arguments}
    path = [by_name[name] for name, fact, _ in named if fact.place == "path"]
    others = [argument for argument in arguments if argument.fact.place in {"query", "header"}]
    body_name = ""
    other_sources: list[str] = []
    if isinstance(body, ModelProperty):
        body_name = "body" if all(argument.name != "body" for argument in path + others) else "request_body"
        other_sources = [f"{body_name}: {body.class_info.name}" + ("" if facts.body_required else " | Unset = UNSET")]
    # In the standalone functions nothing stands in for an argument that the client object would supply.
    path_sources = [f"{argument.name}: {argument.annotation}" for argument in path]
    other_sources += [argument.source() for argument in others]
    shadowed = {argument.name for argument in path + others} & {"client"}
    if shadowed:
        raise SpecError(f"{facts.id}: the argument client has no name of its own")
    names = [argument.name for argument in path + others]
    return OperationView(
        facts=facts,
        returns=returns,
        call_type=f"PagedCall[{row_name}]" if row is not None else f"Call[{returns}]",
        read_expression=read,
        models=sorted(used),
        read_models=[_module(answer_model)] if answer_model else [],
        fields=[field_source(fact, name) for name, fact, _ in named],
        arguments=[argument.source() for argument in arguments],
        docstring=describe_docstring(facts, arguments, returns, row_name),
        path_arguments=path_sources,
        other_arguments=other_sources,
        argument_names=[*names, body_name] if body_name else names,
        plain_arguments=[(name, name) for name in names],
        body_name=body_name,
        body_type=str(body.class_info.name) if isinstance(body, ModelProperty) else "",
        body_required=facts.body_required,
        row=row_name,
        row_model=bool(row_module),
        row_module=row_module,
    )


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


def _row(named: list[tuple[str, Fact, Any]], page: ModelProperty | None) -> Any:
    """The property of a row, if the operation is paged by `offset`, `limit` and `results`."""
    queries = {fact.wire for _, fact, _ in named if fact.place == "query"}
    if page is None or not {"offset", "limit"} <= queries:
        return None
    for prop in [*(page.required_properties or []), *(page.optional_properties or [])]:
        if plain(prop.name) == "results" and isinstance(prop, ListProperty):
            return prop.inner_property
    return None


@dataclass(frozen=True)
class PropertyView:
    """A member of a model."""

    name: str
    python_name: str
    annotation: str
    required: bool
    nested: str
    listed: bool

    def decode(self, source: str) -> str:
        """Source that sets the member from `source`, evaluated once."""
        target = f"self.{self.python_name}"
        if not self.nested:
            return f"{target} = {source}"
        one = f"{self.nested}.from_dict({{0}}) if {{0}}.__class__ is dict else {{0}}"
        if not self.listed:
            return f"_value = {source}\n{target} = {one.format('_value')}"
        many = f"[{one.format('_item')} for _item in _value] if _value.__class__ is list else _value"
        return f"_value = {source}\n{target} = {many}"


@dataclass(frozen=True)
class ModelView:
    """What `model.py.jinja` lays out."""

    name: str
    docstring: str
    properties: list[PropertyView]
    sensitive: list[str]
    imports: list[tuple[str, str]]
    decoded_models: list[tuple[str, str]]


def model_view(model: ModelProperty, document: Document, answered: bool) -> ModelView:
    """Work out everything that the module of a model holds."""
    name = str(model.class_info.name)
    facts = {fact.wire: fact for fact in _model_facts(model, document)}
    properties: list[PropertyView] = []
    imports: set[tuple[str, str]] = set()
    lines = [model_summary(model), "", "Attributes:"]
    sensitive: list[str] = []
    members = [*(model.required_properties or []), *(model.optional_properties or [])]
    order = list(facts)
    members.sort(key=lambda prop: order.index(plain(prop.name)))
    for prop in members:
        fact = facts[plain(prop.name)]
        nested = model_within(prop)
        if nested is not None and nested.class_info.name != model.class_info.name:
            imports.add(_module(nested))
        if fact.sensitive:
            sensitive.append(str(prop.python_name))
        properties.append(
            PropertyView(
                name=plain(prop.name),
                python_name=str(prop.python_name),
                annotation=annotate(fact, _class(prop), argument=False, answered=answered),
                required=fact.required,
                nested=str(nested.class_info.name) if nested is not None else "",
                listed=_is_listed(prop),
            )
        )
        note = format_note(fact, given=not answered)
        text = f"{prop.python_name}: {fact.description or fact.wire}" + (f" ({note})" if note else "")
        lines.append(wrapped(text, "    ", " " * 8))
    lines.append("    additional_properties: members that the specification does not know.")
    lost = set(facts) - {prop.name for prop in properties}
    if lost:
        raise SpecError(f"{name}: the generator lost {', '.join(sorted(lost))}")
    return ModelView(
        name=name,
        docstring=docstring("\n".join(lines)),
        properties=properties,
        sensitive=sensitive,
        imports=sorted(imports),
        decoded_models=sorted(imports),
    )


def model_summary(model: ModelProperty) -> str:
    """The first line of a model's docstring."""
    return wrapped(plain(model.description) or f"{model.class_info.name}.")


def _model_facts(model: ModelProperty, document: Document) -> tuple[Fact, ...]:
    marker = (model.data.model_extra or {}).get("x-node")
    if marker not in document.marked:
        raise SpecError(f"{model.class_info.name}: its schema is not found in the specification")
    return document.fact("", document.marked[marker], place="").fields


def _is_listed(prop: Any) -> bool:
    if isinstance(prop, ListProperty):
        return bool(models_within(prop))
    inner = getattr(prop, "inner_properties", [])
    kinds = {isinstance(part, ListProperty) for part in inner if models_within(part)}
    if len(kinds) > 1:
        raise SpecError(f"{plain(prop.name)}: a union of a model and a list of it is not supported")
    return kinds == {True}


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
        for prop in [*(model.required_properties or []), *(model.optional_properties or [])]:
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
