"""The registered APIs, their operations, and clients with the credentials of the environment."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from invigilate import _apis
from invigilate._apis import API
from invigilate._binding import Lazy
from invigilate._binding import Operation as Bound
from invigilate._clients import setting

from .exits import ExitCode, Failure
from .fields import Describe

if TYPE_CHECKING:
    from invigilate._clients import SyncClient


def api_of(describe: Describe) -> API:
    """Return the API that an operation belongs to."""
    package = describe.__module__.partition(".")[0]
    return next(api for api in _apis.APIS if api.package == package)


def operations(api: API) -> dict[str, Describe]:
    """Return the operations of an API by the names that its clients have for them, such as `exam_sessions.get`."""
    return {
        f"{name}.{method}": bound.describe
        for cls in inspect.getmro(_client_class(api))
        for name, lazy in _members(cls).items()
        if isinstance(lazy, Lazy)
        for method, bound in _members(lazy.resource).items()
        if isinstance(bound, Bound)
    }


def _members(owner: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", vars(owner))


def variable_of(describe: Describe, option: str) -> str | None:
    """Return the environment variable that stands in for an option of the client, if there is one."""
    return api_of(describe).variables.get(option)


def client_of(describe: Describe) -> SyncClient:
    """Create a client for an operation, with the credentials of the environment and of nowhere else.

    Raises:
        Failure: if the environment has no credentials.
        ConfigurationError: if a setting is wrong.
    """
    api = api_of(describe)
    credentials = [api.variables[name] for name in api.variables if name not in {*api.defaults, "base_url"}]
    if credentials and all(setting(None, variable) is None for variable in credentials):
        raise Failure(
            ExitCode.SETTINGS, f"no credentials for {api.title}: set {' or '.join(credentials)} in the environment"
        )
    client: SyncClient = _client_class(api)()
    return client


def _client_class(api: API) -> Any:
    return getattr(import_module(f"invigilate.{api.key}"), api.clients[0])
