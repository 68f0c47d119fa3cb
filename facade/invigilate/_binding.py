"""Binds generated operations to clients: one line each, with the types of the generated function.

A resource is generic in a class that only type checkers see: `Sync`, `Async`, `SyncRaw` or `AsyncRaw`. It decides what
calls return: the result, a coroutine of it, a pager, or the raw response. The parameters are always those of the
generated function.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Coroutine, Mapping
from types import FunctionType
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, cast, overload

from invigilate_runtime import Call, PagedCall

from ._pagination import Page
from ._paging import AsyncPager, Pager
from ._tracebacks import forget_frames
from ._values import RawResponse, Steps

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
M = TypeVar("M")
S = TypeVar("S")
A = TypeVar("A")


class Sync:
    """Marks sync clients, and as in `Resource[Sync]` their resources, for type checkers: calls return the result."""


class Async:
    """Marks async clients and their resources, for type checkers: calls return a coroutine."""


class SyncRaw:
    """Marks `with_raw_response` of a sync client, for type checkers: calls return the raw response."""


class AsyncRaw:
    """Marks `with_raw_response` of an async client, for type checkers: calls return a coroutine of the raw response."""


class Runner(Protocol):
    """What a resource needs of its client for operations of its own."""

    def steps(
        self,
        call: Any,
        page: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        *,
        fresh: bool = False,
    ) -> Steps[RawResponse[Any]]:
        """Send the request of a call: its steps."""
        ...

    def run(self, steps: Steps[T]) -> Any:
        """Perform the effects of steps, and return their result, or a coroutine of it."""


class Resource(Generic[M]):
    """The operations of one resource."""

    def __init__(self, client: Runner, *, raw: bool = False) -> None:
        self._client = client
        self._raw = raw

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.startswith("_") or name.startswith("__")]


class _Documentation(str):
    """The docstring of a class, and for its instances that of the operation."""

    def __get__(self, instance: Any, owner: Any = None) -> str | None:
        return str(self) if instance is None else instance.describe.__doc__


class Operation(Generic[P, S, A, T]):
    """An operation of a resource, created by `operation`.

    It is generic in the parameters, in what the sync and the async client return, and in what a raw response holds.
    """

    __doc__ = _Documentation(__doc__)

    def __init__(self, load: Callable[[], Callable[P, Any]]) -> None:
        self._load = load

    def __set_name__(self, owner: type, name: str) -> None:
        self._name, self._qualname = name, f"{owner.__name__}.{name}"

    @functools.cached_property
    def describe(self) -> Any:
        """The function that describes the call."""
        # For Python to report a wrong keyword under the name that was called. A copy: others may bind it, too.
        return renamed(self._load(), self._name, self._qualname)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the operation of a resource, the first argument, as an unbound method does."""
        return cast(Any, self).__get__(args[0])(*args[1:], **kwargs)

    @overload
    def __get__(self, resource: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, resource: Resource[Sync], owner: Any = None) -> Callable[P, S]: ...
    @overload
    def __get__(self, resource: Resource[Async], owner: Any = None) -> Callable[P, A]: ...
    @overload
    def __get__(self, resource: Resource[SyncRaw], owner: Any = None) -> Callable[P, RawResponse[T]]: ...
    @overload
    def __get__(
        self, resource: Resource[AsyncRaw], owner: Any = None
    ) -> Callable[P, Coroutine[Any, Any, RawResponse[T]]]: ...
    def __get__(self, resource: Any, owner: Any = None) -> Any:
        if resource is None:
            return self
        describe, client, raw = self.describe, resource._client, resource._raw

        def bound(*args: Any, **kwargs: Any) -> Any:
            handled = sys.exception()  # as `sealed` does, without one more frame per call
            try:
                call = describe(*args, **kwargs)
                if raw:
                    return client.run(client.steps(call))
                return client.pages(call) if isinstance(call, PagedCall) else client.execute(call)
            except BaseException as error:
                forget_frames(error, handled)
                raise

        method: Any = functools.update_wrapper(bound, describe)
        # `inspect.signature` and `help` follow this one.
        shown: Any = renamed(describe, describe.__name__, describe.__qualname__)
        shown.__annotations__["return"] = _returns(shown.__annotations__["return"], isinstance(client, Async), raw)
        method.__wrapped__ = shown
        # Found there first from now on, since this is not a data descriptor.
        resource.__dict__[self._name] = method
        return method


def renamed(function: Any, name: str, qualname: str) -> Any:
    """Copy a function under another name."""
    copy: Any = FunctionType(function.__code__, function.__globals__, name, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(copy, function)
    del copy.__wrapped__
    copy.__annotations__ = dict(function.__annotations__)
    copy.__name__, copy.__qualname__ = name, qualname
    return copy


def _returns(annotation: Any, is_async: bool, raw: bool) -> str:
    """Return the annotation of what a bound call returns, made from that of the generated function."""
    name, _, inner = str(annotation).removesuffix("]").partition("[")
    paged = name == "PagedCall"
    if paged and not raw:
        return f"{'AsyncPager' if is_async else 'Pager'}[{inner}]"
    if raw:
        inner = f"RawResponse[{f'Page[{inner}]' if paged else inner}]"
    return f"Coroutine[Any, Any, {inner}]" if is_async else inner


@overload
def operation(load: Callable[[], Callable[P, PagedCall[R]]]) -> Operation[P, Pager[R], AsyncPager[R], Page[R]]: ...
@overload
def operation(load: Callable[[], Callable[P, Call[T]]]) -> Operation[P, T, Coroutine[Any, Any, T], T]: ...
def operation(load: Callable[[], Callable[..., Any]]) -> Any:
    """Bind a generated operation to a resource, as in `list = operation(lambda: rooms.list_rooms.describe)`.

    Args:
        load: returns the generated function that describes the call; it is called when the operation is first used, so
            that a client imports no more than what is used. The method has the parameters of that function, and
            returns the documented type, a coroutine of it, a pager, or the raw response, depending on the client.
    """
    return cast(Any, Operation)(load)


class Lazy(Generic[S, A]):
    """A resource of a client, created on first use: an `S` for a sync client, an `A` for an async one."""

    def __init__(self, resource: Callable[..., Any]) -> None:
        self.resource = resource

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, holder: None, owner: Any = None) -> Any: ...
    @overload
    def __get__(self, holder: Sync | Resource[Sync], owner: Any = None) -> S: ...
    @overload
    def __get__(self, holder: Async | Resource[Async], owner: Any = None) -> A: ...
    def __get__(self, holder: Any, owner: Any = None) -> Any:
        if holder is None:
            return self.resource  # `create_autospec` of a client class finds its operations this way
        created = holder.__dict__[self._name] = self.resource(holder)
        return created


class RawView(Lazy[S, A]):
    """`with_raw_response`: the same resource, whose calls return the raw response."""

    def __init__(self) -> None:
        super().__init__(_raw_view)


def _raw_view(resource: Any) -> Any:
    return type(resource)(resource._client, raw=True)


def bound_operations(client: type[Any]) -> dict[tuple[str, str], Any]:
    """Return the operations that can be reached from a client class, by generated package and operationId."""
    resources = [
        member.resource for cls in client.__mro__ for member in cls.__dict__.values() if isinstance(member, Lazy)
    ]
    members: list[Any] = [member for resource in resources for member in vars(resource).values()]
    return {
        (member.describe.__module__.split(".")[0], member.describe.__globals__["OPERATION"].id): member
        for member in members
        if isinstance(member, Operation)
    }
