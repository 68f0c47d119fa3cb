"""What the servers of the vendors really return, compared with the specs, without any value of it.

`record` keeps the shapes of a client's responses in a file: names of fields, types and statuses. `check` compares such
a file with the specs. It needs the extra `drift`: `pip install "invigilate[drift]"`.
"""

from __future__ import annotations

import os
from typing import Any, TypeVar

from invigilate import _apis
from invigilate._clients import BaseClient
from invigilate._values import PreparedRequest, RawResponse, Response, Send, Steps
from invigilate.errors import ConfigurationError

from .checking import Drift, Finding, check
from .documented import documented
from .recorder import Recorder

__all__ = ["Drift", "Finding", "Recorder", "check", "record"]

C = TypeVar("C", bound=BaseClient)


def record(client: C, to: str | os.PathLike[str] | Recorder) -> C:
    """Keep the shapes of the responses to a client: `with record(SmarterProctoring(), "shapes.json") as client`.

    No value is kept, and no error of the recording reaches a call. The file is written when the process ends and at
    most once a minute before that.

    Args:
        client: a sync or async client. Views created from it later are recorded, too; earlier ones are not.
        to: the file, which may exist from earlier runs, or a `Recorder`.

    Returns:
        The same client.

    Raises:
        ConfigurationError: if the extra is not installed, an argument has another type, the client is already
            recorded, or the file has other content.
    """
    passed: Any = client
    if not isinstance(passed, BaseClient):
        raise ConfigurationError(
            f"client: expected a client of invigilate, got a value of type {type(passed).__name__}"
        )
    names = {cls.__name__ for cls in type(client).__mro__}
    api = next((api.key for api in _apis.APIS if names & {*api.clients}), None)
    if api is None:
        raise ConfigurationError(f"client: expected one of {' or '.join(api.title for api in _apis.APIS)}")
    if isinstance(client.around, Recording):
        raise ConfigurationError("client: already recorded")
    documented(api)  # now, and not within the first call
    client.around = Recording(to if isinstance(to, Recorder) else Recorder(to), api, client.around)
    return client


class Recording:
    """Shows the responses to a client to a recorder; see `record`."""

    def __init__(self, recorder: Recorder, api: str, around: Any = None) -> None:
        self.recorder, self.api = recorder, api
        self.around = around
        """What runs the steps besides, such as a trace."""

    def within(self, around: Any) -> Recording:
        """Return the same recording, with something else that runs the steps."""
        return Recording(self.recorder, self.api, around)

    def __call__(self, prepared: PreparedRequest, steps: Steps[RawResponse[Any]]) -> Steps[RawResponse[Any]]:
        """Run the steps of a call."""
        steps = self._observed(steps)
        if self.around is not None:
            steps = self.around(prepared, steps)
        return (yield from steps)

    def _observed(self, steps: Steps[RawResponse[Any]]) -> Steps[RawResponse[Any]]:
        try:
            effect = next(steps)
            while True:
                try:
                    result = yield effect
                except BaseException as error:
                    effect = steps.throw(error)
                else:
                    if isinstance(effect, Send) and isinstance(result, Response) and not result.problem:
                        request, media = effect.request, result.headers.get("content-type", "")
                        path = effect.template or request.target
                        self.recorder.observe(self.api, request.method, path, result.status_code, media, result.body)
                    effect = steps.send(result)
        except StopIteration as done:
            raw: RawResponse[Any] = done.value
            return raw
