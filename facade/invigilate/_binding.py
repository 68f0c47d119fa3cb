"""Binds generated operations to clients: one line each, with the types of the generated function.

A resource is generic in a phantom mode. The mode decides what a caller sees: the answer itself, a coroutine of it, a
pager, or the raw answer. The parameters are always those of the generated function.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from ._tracebacks import forget_frames, sealed

if TYPE_CHECKING:
    from ._engine import Reply
    from ._paging import AsyncPager, Page, Pager
    from .errors import Attempt, InvigilateError

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
M = TypeVar("M")
S = TypeVar("S")
A = TypeVar("A")


class Sync:
    """Mode: calls block and give their answer."""


class Async:
    """Mode: calls give a coroutine."""


class SyncRaw:
    """Mode: calls block and give the raw answer."""


class AsyncRaw:
    """Mode: calls give a coroutine of the raw answer."""


class DescribedCall(Protocol):
    """What all described calls have; see `calls.py` in the generated packages."""

    @property
    def operation(self) -> Any: ...
    @property
    def arguments(self) -> Mapping[str, Any]: ...


class Decode(Protocol[T_co]):
    """Decodes a 2xx response: its body, its status and its `Content-Type`."""

    def __call__(self, content: bytes, /, *, status: int, media: str) -> T_co: ...


class CallLike(DescribedCall, Protocol[T_co]):
    """A described call; see `Call` in the generated packages."""

    def decode(self, content: bytes, /, *, status: int, media: str) -> T_co: ...


class PagedCallLike(DescribedCall, Protocol[R_co]):
    """A described call that answers page by page; see `PagedCall` in the generated packages."""

    def decode_rows(self, results: list[Any], /) -> Sequence[R_co]: ...


class RawResponse(Generic[T]):
    """An answer with everything that came with it.

    Attributes:
        status_code: the HTTP status, always a 2xx; others raise.
        headers: by lower-case name.
        content: the body as it came.
        attempts: what was tried.
        request_id: the server's name for the request, if it gave one.
        elapsed: seconds from the first attempt to the end of the answer, waits included.
        sent_at: when the last attempt was sent, on the monotonic clock.
    """

    def __init__(self, reply: Reply, parse: Callable[[], T]) -> None:
        self.status_code: int = reply.answer.status_code
        self.headers: Mapping[str, str] = reply.answer.headers
        self.content: bytes = reply.answer.body
        self.attempts: tuple[Attempt, ...] = reply.attempts
        self.request_id: str | None = reply.request_id
        self.elapsed: float = reply.elapsed
        self.sent_at: float = reply.sent_at
        self._parse = parse

    def __repr__(self) -> str:
        return f"<RawResponse {self.status_code}, {len(self.content)} bytes>"

    @functools.cached_property
    @sealed
    def parsed(self) -> T:
        """The documented answer, read when it is first asked for.

        Raises:
            ResponseDecodeError: if the body is not what is documented (`OutcomeUnknownError` for a call that must
                not be repeated). Status, headers and content stay readable.
        """
        return self._parse()


class Runner(Protocol):
    """What a resource needs of its client."""

    def invoke(self, call: Any, *, raw: bool) -> Any:
        """Carry out a call in the way of the client."""
        ...

    def read_back(self, call: Any, judge: Callable[[Any], Any], failed: Callable[[InvigilateError], Any]) -> Any:
        """Carry out a call raw, and give what `judge` makes of its answer, or `failed` of its error."""
        ...


class Resource(Generic[M]):
    """The operations of one kind of thing."""

    def __init__(self, runner: Runner, *, raw: bool = False) -> None:
        self._runner = runner
        self._raw = raw

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._runner!r}>"


class Operation(Generic[P, S, A, T]):
    """An operation of a resource, made by `operation`.

    It is generic in the parameters, in what the sync and the async client give, and in what a raw answer holds.
    """

    def __init__(self, describe: Callable[P, Any]) -> None:
        self.describe: Any = describe
        self.__doc__ = describe.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        # For Python to report a wrong keyword under the name that was called. A copy: others may bind it, too.
        given = self.describe
        copy: Any = FunctionType(given.__code__, given.__globals__, name, given.__defaults__, given.__closure__)
        copy.__kwdefaults__ = given.__kwdefaults__
        self.describe = functools.update_wrapper(copy, given)
        copy.__name__, copy.__qualname__ = name, f"{owner.__name__}.{name}"

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
        describe, runner, raw = self.describe, resource._runner, resource._raw

        @functools.wraps(describe)
        def call(*args: Any, **kwargs: Any) -> Any:
            handled = sys.exception()  # as `sealed` does, without one more frame for each call
            try:
                return runner.invoke(describe(*args, **kwargs), raw=raw)
            except BaseException as error:
                forget_frames(error, handled)
                raise

        # Found there first from now on, since this is no data descriptor.
        resource.__dict__[self._name] = call
        return call


@overload
def operation(describe: Callable[P, PagedCallLike[R]]) -> Operation[P, Pager[R], AsyncPager[R], Page[R]]: ...
@overload
def operation(describe: Callable[P, CallLike[T]]) -> Operation[P, T, Coroutine[Any, Any, T], T]: ...
def operation(describe: Callable[..., Any]) -> Any:
    """Bind a generated operation to a resource.

    Args:
        describe: the generated function that describes the call. The method has its parameters, and gives what the
            call gives: as it is, as a coroutine, as a pager, or raw, depending on the client.
    """
    bound: Any = Operation
    return bound(describe)


class RawView(Generic[S, A]):
    """`with_raw_response`: the same resource, whose calls give the raw answer."""

    @overload
    def __get__(self, resource: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, resource: Resource[Sync], owner: Any = None) -> S: ...
    @overload
    def __get__(self, resource: Resource[Async], owner: Any = None) -> A: ...
    def __get__(self, resource: Any, owner: Any = None) -> Any:
        return self if resource is None else type(resource)(resource._runner, raw=True)
