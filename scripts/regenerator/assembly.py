"""Builds all views of a specification, and attributes what they refuse to operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.parser.properties.model_property import ModelProperty

from .facts import Document, OperationFacts
from .operations import ModelView, model_view, models_below, operation_view
from .parsing import Parsed, module_name
from .reach import reachable
from .refusals import Refusal
from .schemas import SpecError
from .views import OperationView, is_free, models_within

# Names that generated modules import.
_IMPORTED = frozenset(
    {"Any", "AuthenticatedClient", "Call", "ClassVar", "Client", "Date", "Decimal", "Field", "FileInput"}
    | {"OPERATION", "Operation", "PagedCall", "Pagination", "Response", "Sequence", "SharedFields", "T"}
    | {"Literal", "Mapping", "TYPE_CHECKING", "TypeVar", "UNSET", "UUID", "Unset"}
)


@dataclass
class Views:
    """What the templates render.

    Attributes:
        models: the models.
        operations: the view of each operation, by the name of its module.
        of_models: the view of each model, by the name of its class.
        refusals: the operations that have no view.
    """

    models: list[ModelProperty]
    operations: dict[str, OperationView] = field(default_factory=dict)
    of_models: dict[str, ModelView] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)


def build_views(document: Document, operations: Sequence[OperationFacts], parsed: Parsed) -> Views:
    """Build the views of all operations that were parsed, and of all models."""
    models = [model for model in parsed.data.models if not is_free(model)]
    models.sort(key=lambda model: str(model.class_info.name))
    views = Views(models)
    by_name = {str(model.class_info.name): model for model in models}
    graph = {name: {str(inner.class_info.name) for inner in models_below(model)} for name, model in by_name.items()}
    passed: set[str] = set()
    returned: set[str] = set()
    roots: dict[str, set[str]] = {}
    for endpoint in parsed.endpoints.values():
        sent, received = _roots(endpoint)
        passed |= sent
        returned |= received
        roots[str(endpoint.name)] = sent | received
    passed, returned = _reachable(passed, graph), _reachable(returned, graph)
    failed = _clashing(models, passed | returned)
    for name in sorted((passed | returned) - by_name.keys()):
        failed[name] = f"the schema {name}: {parsed.failed.get(name, 'the generator lost it')}"
    for model in models:
        name = str(model.class_info.name)
        try:
            in_response = name in returned or name not in passed
            views.of_models[name] = model_view(
                model, document, parsed.marked, in_request=name in passed, in_response=in_response
            )
        except SpecError as error:
            failed.setdefault(name, str(error))
    for one in operations:
        module = module_name(one)
        if module in parsed.endpoints:
            reason = _wrong(one, parsed, roots[module], graph, failed, views)
            if reason:
                views.refusals.append(Refusal(one.method, one.path, one.id, reason))
    # What is left reaches none of them.
    gone = (
        {name for name in by_name if name in failed or _reachable({name}, graph) & failed.keys()} if failed else set()
    )
    views.models = [model for model in models if str(model.class_info.name) not in gone]
    return views


def _wrong(
    facts: OperationFacts,
    parsed: Parsed,
    roots: set[str],
    graph: dict[str, set[str]],
    failed: dict[str, str],
    views: Views,
) -> str:
    """Build the view of an operation. Returns why it cannot be built, or an empty string."""
    module = module_name(facts)
    if failed and (reached := sorted(_reachable(roots, graph) & failed.keys())):
        return failed[reached[0]]
    try:
        views.operations[module] = operation_view(facts, parsed.endpoints[module])
    except SpecError as error:
        return parsed.notes.get(module) or str(error)
    return ""


def _roots(endpoint: Endpoint) -> tuple[set[str], set[str]]:
    """Return the models that the request and the response of an endpoint contain directly, by name."""
    parameters = (prop for _, prop in endpoint.iter_all_parameters())
    sent = [model for prop in [*parameters, *(body.prop for body in endpoint.bodies)] for model in models_within(prop)]
    received = [model for response in endpoint.responses for model in models_within(response.prop)]
    return {str(model.class_info.name) for model in sent}, {str(model.class_info.name) for model in received}


def _reachable(names: Iterable[str], graph: dict[str, set[str]]) -> set[str]:
    return reachable(names, lambda name: graph.get(name, ()))


def _clashing(models: list[ModelProperty], wanted: set[str]) -> dict[str, str]:
    """Return the models that hide a name that generated modules import, or share a file with another model."""
    found: dict[str, str] = {}
    modules: dict[str, str] = {}
    # Those that operations reach come first, so that the others give way.
    for model in sorted(models, key=lambda model: str(model.class_info.name) not in wanted):
        name, module = str(model.class_info.name), str(model.class_info.module_name)
        if name in _IMPORTED:
            found[name] = f"{name}: generated code uses this name; rename the schema"
        if modules.setdefault(module, name) != name:
            found[name] = f"{name} and {modules[module]}: both models would be in models/{module}.py"
    return found
