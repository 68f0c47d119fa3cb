"""What starts, stops and resets the APIs of a sandbox; nothing here knows any of them."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from .api import Api, Control, Operations, State
from .control import PREFIX, ControlService
from .documents import Document, OperationEntry, load
from .exchange import Interceptor
from .explorer import Explorer
from .faults import Faults
from .generic import ExampleState, respond
from .handler import Service
from .listener import LOOPBACK, Listener
from .options import Options
from .records import Defect, Journal, RecordedRequest
from .registry import ApiEntry, with_file
from .validation import Call, Specification

_RECORDED_REQUESTS = 10_000
# Exchanges that are under way when the sandbox closes get this many seconds.
_CLOSING_GRACE = 0.2
_CONTROL = "control"
_DOCS = "docs"

StateT = TypeVar("StateT")


class Server:
    """Serves the APIs of the registry, and the control endpoint."""

    def __init__(
        self,
        options: Options,
        *,
        apis: Path | str | None,
        ports: Mapping[str, int] | None,
        control_port: int,
        docs: bool,
        docs_port: int,
        idle_timeout: float,
    ) -> None:
        entries = with_file(apis)
        documents = {entry.key: load(entry) for entry in entries}
        unknown = (ports or {}).keys() - documents.keys()
        if unknown:
            raise ValueError(f"ports: unknown API {', '.join(sorted(unknown))}; expected {', '.join(documents)}")
        self.requests: Journal[RecordedRequest] = Journal(_RECORDED_REQUESTS)
        self.defects: Journal[Defect] = Journal(_RECORDED_REQUESTS)
        self.faults = Faults(options.seed, documents)
        self.behaviour = options.behaviour
        self.interceptors: list[Interceptor] = [self.faults]
        self._entries = entries
        self._idle_timeout = idle_timeout
        self._apis = {entry.key: self._api(entry, documents[entry.key], options) for entry in entries}
        self._control = ControlService(self, self._controls)
        if docs_port and not docs:
            raise ValueError("docs_port: expected docs=True (--docs), too")
        # First: the APIs have to know its origin.
        self._docs = Explorer(entries, self._apis) if docs else None
        self._services: dict[str, tuple[Service, int]] = {_DOCS: (self._docs, docs_port)} if self._docs else {}
        self._services |= {key: (api, (ports or {}).get(key, 0)) for key, api in self._apis.items()}
        self._services[_CONTROL] = (self._control, control_port)
        self._listeners: dict[str, Listener] = {}
        self._lock = threading.Lock()

    def _api(self, entry: ApiEntry, document: Document, options: Options) -> Api[Any]:
        def create_example() -> State:
            return ExampleState(entry, document, options)

        operations: Operations[Any] = Operations()
        create_state = create_example
        module = _behavior_of(entry.key)
        if module is not None:
            operations = module.OPERATIONS

            def create_own() -> State:
                state: State = module.create(document, options)
                return state

            create_state = create_own

        def fallback(operation: OperationEntry, call: Call) -> object:
            return respond(document, self._apis[entry.key].state, operation, call)

        return Api(
            _specification(document),
            operations,
            fallback,
            create_state,
            behaviour=options.behaviour,
            defects=self.defects,
            interceptors=self.interceptors,
            strict=options.strict,
        )

    def start(self) -> Self:
        """Begin to serve.

        Raises:
            RuntimeError: it was started before.
            OSError: a port is taken.
        """
        with self._lock:
            if self._listeners:
                raise RuntimeError("a sandbox can be started once; create another one")
            try:
                for key, (service, port) in self._services.items():
                    is_api = key in self._apis
                    requests = self.requests if is_api else Journal[RecordedRequest](0)
                    page = self._docs.base_url if self._docs and is_api else None
                    listener = Listener(service, port, requests, self._idle_timeout, page)
                    self._listeners[key] = listener
                    service.base_url = f"http://{LOOPBACK}:{listener.port}"
            except OSError:
                self.close()
                raise
        self.faults.attach({key: listener for key, listener in self._listeners.items() if key in self._apis})
        return self

    def close(self) -> None:
        """Stop serving, within half a second. Closing twice is allowed."""
        self.faults.close()
        for api in self._apis.values():
            api.close()
        listeners = list(self._listeners.values())
        for listener in listeners:
            listener.stop()
        deadline = time.monotonic() + _CLOSING_GRACE
        for listener in listeners:
            listener.join(deadline)

    def reset(self) -> None:
        """Return to the initial state: data, ledger, tokens, recorded requests and faults. Defects stay."""
        self.faults.reset()
        for api in self._apis.values():
            api.reset()
        self.requests.clear()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """The URLs, and no credentials."""
        urls = " ".join(api.base_url for api in self._apis.values())
        return f"<{type(self).__name__} {urls.strip() or 'not started'}>"

    def base_url_of(self, api: str) -> str:
        """The base URL of an API, by its key.

        Raises:
            ValueError: there is no such API.
            RuntimeError: the sandbox has not been started.
        """
        if api not in self._apis:
            raise ValueError(f"unknown API {api!r}; expected one of {', '.join(self._apis)}")
        if not self._listeners:
            raise RuntimeError("the sandbox has not been started")
        return self._apis[api].base_url

    @property
    def base_urls(self) -> dict[str, str]:
        """The base URLs of all APIs, by key."""
        return {key: self.base_url_of(key) for key in self._apis}

    @property
    def control_url(self) -> str:
        """The URL of the control endpoint."""
        if not self._listeners:
            raise RuntimeError("the sandbox has not been started")
        return self._control.base_url + PREFIX

    @property
    def docs_url(self) -> str | None:
        """The URL of the API explorer; None without `docs=True`.

        Raises:
            RuntimeError: the sandbox has not been started.
        """
        if not self._listeners:
            raise RuntimeError("the sandbox has not been started")
        return None if self._docs is None else f"{self._docs.base_url}/"

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that point the clients of all APIs at the sandbox."""
        found: dict[str, str] = {}
        for entry in self._entries:
            values = {**self._apis[entry.key].state.environment, "base_url": self.base_url_of(entry.key)}
            found |= {variable: values[option] for option, variable in entry.variables if option in values}
        return found

    @property
    def identifiers(self) -> dict[str, str]:
        """Identifiers to try things out with, by name."""
        return {name: value for api in self._apis.values() for name, value in api.state.identifiers.items()}

    def _controls(self) -> dict[str, Control]:
        """What the control endpoint offers beside what is the same for all APIs."""
        return {name: control for api in self._apis.values() for name, control in api.state.controls.items()}

    def _state_of(self, api: str, type_: type[StateT]) -> StateT:
        """The state of an API, for the properties of a subclass."""
        state = self._apis[api].state
        if not isinstance(state, type_):
            raise TypeError(f"{api} is not a {type_.__name__}")
        return state


def _behavior_of(key: str) -> Any:
    """The package with the behavior of an API; None when it has none."""
    if not key.isidentifier() or find_spec(f"{__package__}.{key}") is None:
        return None
    module = importlib.import_module(f".{key}", __package__)
    return module if hasattr(module, "OPERATIONS") and hasattr(module, "create") else None


@cache
def _specification(document: Document) -> Specification:
    # Shared by all sandboxes of the process: compiling it is the larger part of starting.
    return Specification(document)
