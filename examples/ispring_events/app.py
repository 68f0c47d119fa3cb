"""Receives the events of iSpring Learn and keeps completed courses in SQLite, however often an event arrives.

    export WEBHOOK_SECRET=... ISPRING_CLIENT_ID=... ISPRING_CLIENT_SECRET=...
    uvicorn --factory ispring_events.app:create_app

An event has no ID, so a table has a natural key, and storing a row twice changes nothing.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request

from invigilate import APIError, ISpringLearn
from invigilate.ispring.webhooks import Event, InvalidSignatureError, WebhookError, parse
from ispring_learn_client.models import CourseCompletedSuccessfullyEvent, WebhookConfirmationEvent

SUBSCRIBER = os.environ.get("WEBHOOK_SUBSCRIBER", "completions")
TABLE = "CREATE TABLE IF NOT EXISTS completions (enrollment PRIMARY KEY, course, learner, completed_at)"
# A late copy of an earlier completion must not replace a newer one.
UPSERT = """INSERT INTO completions VALUES (?, ?, ?, ?) ON CONFLICT (enrollment)
    DO UPDATE SET completed_at = excluded.completed_at WHERE excluded.completed_at > completed_at"""


async def read(request: Request) -> bytes:
    """The body as received, which is what the signature is over."""
    return await request.body()


def create_app() -> FastAPI:
    """Build the application from the environment."""
    secret, database = os.environ["WEBHOOK_SECRET"], os.environ.get("WEBHOOK_DATABASE", "completions.sqlite")
    app, client = FastAPI(), ISpringLearn()

    @app.post("/events")
    def receive(request: Request, body: Annotated[bytes, Depends(read)], later: BackgroundTasks) -> None:
        try:
            events = parse(body, request.headers, secret=secret)
        except InvalidSignatureError as error:
            raise HTTPException(401, str(error)) from None
        except WebhookError as error:
            raise HTTPException(400, str(error)) from None
        store(database, events)  # first: with the 200, the vendor forgets the delivery
        for event in events:
            if isinstance(event.payload, WebhookConfirmationEvent):
                later.add_task(confirm, client, event.payload.code)

    return app


def store(database: str, events: list[Event]) -> None:
    """Store the completions among the events, all or none; other events are received and ignored."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(TABLE)
        for event in events:
            done = event.payload
            if isinstance(done, CourseCompletedSuccessfullyEvent):
                when = event.completed_at and event.completed_at.isoformat(timespec="microseconds")
                rows = [(each, done.course_id, done.learner_id, when or "") for each in done.enrollment_ids]
                connection.executemany(UPSERT, rows)


def confirm(client: ISpringLearn, code: str) -> None:
    """Confirm the callback URL; a code that comes twice is refused the second time, which does no harm."""
    try:
        client.webhooks.confirm(subscriber_name=SUBSCRIBER, code=code)
    except APIError as error:
        logging.getLogger(__name__).warning("not confirmed: %s", error)
