"""Builds the views of operations and models from facts and the properties of the generator."""

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
    classes_within,
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


def _module(model: ModelProperty) -> tuple[str, str]:
    return str(model.class_info.name), str(model.class_info.module_name)


def operation_view(facts: OperationFacts, endpoint: Endpoint) -> OperationView:
    """Build the view of the module of an operation."""
    named = name_arguments(facts, endpoint)
    arguments = [
        Argument(name, fact, annotate(fact, classes_within(prop), argument=True)) for name, fact, prop in named
    ]
    by_name = {argument.name: argument for argument in arguments}
    path = [by_name[name] for name, fact, _ in named if fact.location == "path"]
    others = [argument for argument in arguments if argument.fact.location in {"query", "header", "content"}]
    # Arguments that the client supplies come last, so that the signature begins with those that callers pass.
    arguments.sort(key=lambda argument: (argument.fact.client_default is not None, argument.optional))
    response = facts.returned
    response_model = _success(facts, endpoint) if response else None
    pagination, row = _pagination(facts, named, response)
    whole = any(fact.location == "content" for fact in facts.arguments)
    body = endpoint.bodies[0].prop if facts.media and endpoint.bodies and not whole else None
    used = {_module(model) for _, _, prop in named for model in models_within(prop)}
    used |= {_module(model) for model in (response_model, body) if isinstance(model, ModelProperty)}
    row_type, read_row, row_models = "", "", []
    if row is not None and response_model is not None and facts.pagination is not None:
        rows = facts.pagination["fields"]["rows"]
        model = model_within(next(prop for prop in _properties(response_model) if plain(prop.name) == rows))
        row_type = annotate(row, _name(model), argument=False, in_response=True)
        read_row = decode_source(row, _name(model), "row")
        row_models = [_module(model)] if model and read_row != "row" else []
        used |= set(row_models)
    returns = {"none": "None", "text": "str", "bytes": "bytes"}.get(facts.returns, "Any")
    read = "None" if facts.returns == "none" else "value"
    if response is not None:
        returns = annotate(response, _name(response_model), argument=False, in_response=True)
        returns = "str" if facts.returns == "string" else returns
        read = decode_source(response, _name(response_model), "value")
        # Of one type, `read` receives that type; the values inside may have any.
        if read != "value" and response.type in {"object", "array"} and not response.nullable:
            one = decode_source(response.items, _name(response_model), "item", 1) if response.items else ""
            read = f"[{one} for item in value]" if one else f"{returns}.from_dict(value)"
    body_name, body_sources = "", []
    names = [argument.name for argument in path + others]
    if "client" in names:
        raise SpecError(f"{facts.id}: an argument cannot be named client")
    if isinstance(body, ModelProperty):
        body_name = "body" if "body" not in names else "request_body"
        if body_name in names:
            raise SpecError(f"{facts.id}: an argument cannot be named {body_name}")
        body_sources = [f"{body_name}: {body.class_info.name}" + ("" if facts.body_required else " | Unset = UNSET")]
    return OperationView(
        facts=facts,
        title=sentence(facts.summary),
        returns=returns,
        call_type=f"PagedCall[{row_type}]" if row_type else f"Call[{returns}]",
        read=read,
        read_models=[_module(response_model)] if response_model and read != "value" else [],
        row=row_type,
        pagination=pagination,
        read_row=read_row,
        row_models=row_models,
        models=sorted(used),
        fields=[field_source(fact, name) for name, fact, _ in named],
        arguments=[argument.source() for argument in arguments],
        docstring=describe_docstring(facts, arguments, returns, row_type),
        # In the standalone functions no client object supplies arguments.
        path_arguments=[f"{argument.name}: {argument.annotation}" for argument in path],
        other_arguments=body_sources + [argument.source() for argument in others],
        passed=names,
        body_name=body_name,
        body_type=_name(body) or "",
    )


def _name(model: Any) -> str | None:
    return str(model.class_info.name) if isinstance(model, ModelProperty) else None


def _properties(model: ModelProperty) -> list[Any]:
    return [*(model.required_properties or []), *(model.optional_properties or [])]


def _success(facts: OperationFacts, endpoint: Endpoint) -> ModelProperty | None:
    """Return the model in the success responses."""
    ranges = ((response, response.status_code.range) for response in endpoint.responses.patterns)
    responses = [response for response, codes in ranges if codes and 200 <= codes[0] < 300]
    if not responses and endpoint.responses.default is None:
        raise SpecError(f"{facts.id}: the generator lost the success response")
    models = [model_within(response.prop) for response in responses or endpoint.responses]
    return next((model for model in models if model), None)


def _pagination(
    facts: OperationFacts, named: list[tuple[str, Fact, Any]], response: Fact | None
) -> tuple[str, Fact | None]:
    """Return the source of the declared `Pagination`, and the type of a row; empty if the operation does not page."""
    declared = facts.pagination
    if declared is None:
        return "", None
    where = f"{facts.id}: x-pagination"
    form = {"offset": ("offset", "total", "next"), "cursor": ("cursor", "total", "cursor")}.get(
        declared.get("type", "")
    )
    if form is None:
        raise SpecError(f"{where}: type must be offset or cursor")
    parameters, fields = dict(declared.get("parameters", {})), dict(declared.get("fields", {}))
    page, total, following = form
    unknown = {*declared} - {"type", "parameters", "fields"} | {*parameters} - {page, "limit"}
    unknown |= {*fields} - {"rows", total, following}
    if unknown:
        raise SpecError(f"{where}: {', '.join(sorted(unknown))} not supported")
    arguments = {fact.wire_name: name for name, fact, _ in named if fact.location in {"query", "body"}}
    documented = {fact.wire_name: fact for fact in (response.fields if response else ())}
    rows = documented.get(fields.get("rows", ""))
    if rows is None or rows.type != "array":
        raise SpecError(f"{where}: fields.rows must be an array of the response")
    if page not in parameters or not set(parameters.values()) <= set(arguments):
        raise SpecError(f"{where}: parameters.{page} and parameters.limit must be parameters")
    # A cursor may be documented under several names.
    if isinstance(fields.get(following), list):
        fields[following] = " | ".join(fields[following])
    named_fields = {name for value in fields.values() for name in value.split(" | ")}
    if not named_fields <= set(documented) or (page == "cursor" and "cursor" not in fields):
        raise SpecError(f"{where}: fields must be fields of the response")
    options: dict[str, Any] = {
        "type": declared["type"],
        "rows": rows.wire_name,
        "parameter": arguments[parameters[page]],
        "limit": arguments.get(parameters.get("limit", "")),
        "total": fields.get(total),
        "next": fields.get(following),
    }
    columns = tuple((fact.wire_name, _column(fact)) for fact in (rows.items.fields if rows.items else ()))
    options["columns"] = columns or None
    source = ", ".join(f"{name}={value!r}" for name, value in options.items() if value is not None)
    return f"Pagination({source})", rows.items


def _column(fact: Fact) -> str:
    """Return the type of the column that exports have for a field of a row."""
    if fact.enum and not all(isinstance(value, str) for value in fact.enum):
        return "json"
    known = {"date": "string", "uuid": "string", "comma": "string"}
    type_ = known.get(fact.type, fact.type)
    return type_ if type_ in {"string", "integer", "number", "boolean", "timestamp"} else "json"


@dataclass(frozen=True)
class PropertyView:
    """A field of a model."""

    name: str
    python_name: str
    annotation: str
    required: bool
    decoded: str

    def decode(self, source: str) -> str:
        """Return the source that sets the field from `source`, evaluated once."""
        target = f"self.{self.python_name}"
        return f"{target} = {source}" if self.decoded == "_value" else f"_value = {source}\n{target} = {self.decoded}"


@dataclass(frozen=True)
class ModelView:
    """The values that `model.py.jinja` renders.

    Attributes:
        imports: the other models in annotations, each with its module.
        decoded: those that `from_dict` builds.
    """

    name: str
    docstring: str
    properties: list[PropertyView]
    sensitive: list[str]
    imports: list[tuple[str, str]]
    decoded: list[tuple[str, str]]


def model_view(
    model: ModelProperty, document: Document, marked: dict[str, Node], *, in_request: bool, in_response: bool
) -> ModelView:
    """Build the view of the module of a model.

    Args:
        model: the model.
        document: the specification.
        marked: the schemas of models, by their mark.
        in_request: whether callers pass it; they need not pass what is read-only.
        in_response: whether responses contain it; they need not contain what is write-only.
    """
    name = str(model.class_info.name)
    marker = (model.data.model_extra or {}).get("x-node")
    if marker not in marked:
        raise SpecError(f"{name}: its schema is not found in the specification")
    facts = {fact.wire_name: fact for fact in document.fact("", marked[marker], location="").fields}
    properties_by_name = {plain(prop.name): prop for prop in _properties(model)}
    if set(facts) != set(properties_by_name):
        raise SpecError(
            f"{name}: the generator lost or added {', '.join(sorted(set(facts) ^ set(properties_by_name)))}"
        )
    properties: list[PropertyView] = []
    imports: set[tuple[str, str]] = set()
    decoded: set[tuple[str, str]] = set()
    lines = [wrapped(sentence(plain(model.description) or name)), "", "Attributes:"]
    for fact in facts.values():
        prop = properties_by_name[fact.wire_name]
        nested = model_within(prop)
        classes = _name(nested) if in_response else classes_within(prop)
        view = PropertyView(
            name=fact.wire_name,
            python_name=python_name(prop),
            annotation=annotate(fact, classes, argument=False, in_response=in_response),
            required=fact.required and not (fact.read_only and in_request) and not (fact.write_only and in_response),
            decoded=decode_source(fact, _name(nested), "_value"),
        )
        imports |= {_module(model) for model in models_within(prop) if classes}
        if nested is not None and view.decoded != "_value":
            decoded.add(_module(nested))
        properties.append(view)
        lines.append(entry(view.python_name, fact, argument=not in_response))
    lines.append("    additional_properties: Fields that the specification does not document.")
    return ModelView(
        name=name,
        docstring=docstring("\n".join(lines)),
        properties=properties,
        sensitive=[python_name(properties_by_name[fact.wire_name]) for fact in facts.values() if fact.sensitive],
        imports=sorted(imports - {_module(model)}),
        decoded=sorted(decoded - {_module(model)}),
    )


def models_below(model: ModelProperty) -> list[ModelProperty]:
    """Return the models that the fields of a model contain."""
    return [inner for prop in _properties(model) for inner in models_within(prop)]
