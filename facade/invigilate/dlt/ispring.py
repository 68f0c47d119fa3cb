"""The dlt source for iSpring Learn."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from uuid import UUID

import dlt
from dlt.common.typing import TSecretStrValue

from invigilate._binding import bound_operations
from invigilate._identifiers import describe_value
from invigilate._shapes import is_object
from invigilate.errors import InvalidArgumentError
from invigilate.ispring.client import ISpringLearn, Region

from .resources import create_pager, read_batches

KEYS = {
    "assignments": "assignmentId",
    "content": "contentItemId",
    "departments": "departmentId",
    "enrollments": "enrollmentId",
    "groups": "groupId",
    "quizzes": "quizId",
    "users": "userId",
}
"""The documented IDs. Resources without one are replaced by each load."""


def paged_operations() -> dict[str, tuple[Any, bool]]:
    """Return the paged operations by the name of their resource, and whether they are of one quiz."""
    found: dict[str, tuple[Any, bool]] = {}
    for (_, identifier), operation in bound_operations(ISpringLearn).items():
        described = operation.describe.__globals__["OPERATION"]
        required = {field.name for field in described.fields if field.required}
        # First versions and searches by POST have the same rows as others.
        listed = described.pagination and described.method == "GET" and not identifier.endswith("V1")
        if listed and required <= {"quiz_id"}:
            name = re.sub("([A-Z])", r"_\1", identifier.removeprefix("list")).lower()[1:]
            found[name] = operation.describe, bool(required)
    return found


@dlt.source(name="ispring", section="ispring")
def ispring_source(
    client_id: str | None = None,
    client_secret: TSecretStrValue | None = None,
    access_token: TSecretStrValue | None = None,
    region: Region | None = None,
    base_url: str | None = None,
    filters: Mapping[str, Mapping[str, Any]] | None = None,
    page_size: int = 1000,
) -> Any:
    """Load the lists of an iSpring Learn account: a resource for each, such as `users`, `content` and `results`.

    Each load reads them completely, `answer_breakdown` with one request or more per quiz; select some of them with
    `with_resources`. Rows with a documented ID are merged on it, and stay when the vendor deletes them; the others are
    replaced. Personal data: `users` (`fields` above all), what learners typed (`answer_text`, `custom_answer_text`),
    and results by user ID.

    Args:
        client_id: as in `ISpringLearn`, with the same environment variables, like the next ones.
        client_secret: see there.
        access_token: see there.
        region: see there.
        base_url: see there.
        filters: arguments by resource, as in `{"results": {"completion_statuses": ["passed"]}}`.
        page_size: rows per request.

    Raises:
        InvalidArgumentError: if an argument is wrong; nothing was sent.
        ConfigurationError: if there are no credentials.
    """
    operations = paged_operations()
    chosen: Mapping[str, Any] = {} if filters is None else filters
    if not is_object(chosen):
        raise InvalidArgumentError("filters", "a mapping", describe_value(chosen))
    for name in chosen:
        if name not in operations:
            raise InvalidArgumentError("filters", f"the keys {', '.join(operations)}", repr(name))
    identity = partial(ISpringLearn, access_token, client_id=client_id, client_secret=client_secret)
    connect = partial(identity, region=region, base_url=base_url)

    def create(client: ISpringLearn, name: str, quiz: Any = None) -> Any:
        describe, of_quiz = operations[name]
        own = {"page_size": page_size, **({"quiz_id": quiz} if of_quiz else {})}
        return create_pager(client, describe, own, chosen.get(name, {}), f"filters.{name}")

    def read(name: str) -> Iterator[Any]:
        key = KEYS.get(name, "")
        with connect() as client:
            if not operations[name][1]:
                yield from read_batches(create(client, name), [key])
            elif quizzes := [row["quizId"] for row in create(client, "quizzes")]:
                yield from read_batches({quiz: create(client, name, quiz) for quiz in quizzes}, [key], "quizId")

    with connect() as checking:
        for name in operations:
            create(checking, name, UUID(int=0))
    for name in operations:
        hints: Any = {"write_disposition": "replace"}
        if name in KEYS:
            hints = {"write_disposition": "merge", "primary_key": KEYS[name]}
        yield dlt.resource(read, name=name, **hints)(name)
