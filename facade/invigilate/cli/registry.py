"""The registered APIs, their operations, and clients with the credentials of the environment."""

from __future__ import annotations

import inspect
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from invigilate import _apis
from invigilate._apis import API
from invigilate._binding import Lazy
from invigilate._binding import Operation as Bound
from invigilate._settings import setting
from invigilate_runtime import Operation

from .exits import ExitCode, Failure
from .fields import Describe, plain_name

if TYPE_CHECKING:
    from invigilate._clients import AsyncClient, BaseClient, SyncClient
    from invigilate.drift import Recorder

C = TypeVar("C", bound="BaseClient")
recorded: ContextVar[Recorder | None] = ContextVar("invigilate_recorded", default=None)
"""What keeps the shapes of responses, under `invigilate drift record`."""

_READING = ("count", "export", "find", "get", "list", "search")
"""First words of operations that only read, although they are sent with POST."""


class Resource(NamedTuple):
    """A resource of a client, as words of the command line.

    Attributes:
        help: what it is.
        operations: its operations, by the words for them. Only their use imports them.
    """

    help: str
    operations: dict[str, Bound[..., Any, Any, Any]]


def word(name: str) -> str:
    """Return the word for a name of the clients: `exam_sessions` is `exam-sessions`, and `class_` is `class`."""
    return plain_name(name).replace("_", "-")


def resources(api: API) -> dict[str, Resource]:
    """Return the resources of an API, by the words for them."""
    found: dict[str, Resource] = {}
    for cls in inspect.getmro(_client_class(api)):
        for name, lazy in _members(cls).items():
            if isinstance(lazy, Lazy):
                members: dict[str, Bound[..., Any, Any, Any] | None] = _members(lazy.resource)
                bound = {word(key): each for key, each in members.items() if isinstance(each, Bound)}
                found[word(name)] = Resource((inspect.getdoc(lazy.resource) or "").partition("\n")[0], bound)
    return found


def _members(owner: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", vars(owner))


def operations(api: API) -> dict[str, Describe]:
    """Import all operations of an API, by the words for them, such as `exam-sessions get`."""
    return {
        f"{name} {key}": bound.describe
        for name, resource in resources(api).items()
        for key, bound in resource.operations.items()
    }


def only_reads(name: str, operation: Operation[Any]) -> bool:
    """Whether an operation changes nothing: it is idempotent, and a GET or a list by POST.

    Args:
        name: the words for it, such as `exam-sessions get`.
        operation: its static description.
    """
    first = name.split()[-1].partition("-")[0]
    return operation.idempotent and (operation.method == "GET" or first in _READING)


def api_of(describe: Describe) -> API:
    """Return the API that an operation belongs to."""
    package = describe.__module__.partition(".")[0]
    return next(api for api in _apis.APIS if api.package == package)


def variable_of(describe: Describe, option: str) -> str | None:
    """Return the environment variable that stands in for an option of the client, if there is one."""
    return api_of(describe).variables.get(option)


def _credentials(api: API) -> dict[str, str]:
    return {name: text for name, text in api.variables.items() if name not in {*api.defaults, "base_url"}}


def client_of(describe: Describe) -> SyncClient:
    """Create a client for an operation, with the credentials of the environment and of nowhere else."""
    api = api_of(describe)
    _check_credentials(api)
    client: SyncClient = _client_class(api)()
    return _recording(client)


def async_client_of(api: API) -> AsyncClient:
    """Create an async client of an API; see `client_of`."""
    _check_credentials(api)
    client: AsyncClient = getattr(import_module(f"invigilate.{api.key}"), api.clients[1])()
    return _recording(client)


def _recording(client: C) -> C:
    recorder = recorded.get()
    if recorder is None:
        return client
    from invigilate.drift import record

    return record(client, recorder)


def _check_credentials(api: API) -> None:
    variables = _credentials(api).values()
    if variables and all(setting(None, variable) is None for variable in variables):
        raise Failure(
            ExitCode.SETTINGS, f"no credentials for {api.title}: set {' or '.join(variables)} in the environment"
        )


def base_url(describe: Describe) -> str:
    """Return the URL that requests of an operation are sent to, without a trailing slash. It needs no credentials."""
    api = api_of(describe)
    # Nothing is sent, so any credential does.
    with _client_class(api)(**dict.fromkeys(list(_credentials(api))[:1], "none")) as client:
        url: str = client.base_url
    return url


def _client_class(api: API) -> Any:
    return getattr(import_module(f"invigilate.{api.key}"), api.clients[0])
