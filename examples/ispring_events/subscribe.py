"""Subscribes a callback URL to completed courses; the receiver behind it confirms the code that is sent to it.

    python -m ispring_events.subscribe https://example.com/events

It can be run again: after a failure, and when a code was lost.
"""

from __future__ import annotations

import os
import sys

from invigilate import APIError, ISpringLearn, NotFoundError

from .app import SUBSCRIBER

EVENT = "COURSE_COMPLETED_SUCCESSFULLY"


def subscribe(client: ISpringLearn, callback_url: str, secret: str) -> None:
    """Register the URL unless it is registered, have a code sent to it, and subscribe."""
    webhooks = client.webhooks
    try:
        webhooks.get_subscriber(subscriber_name=SUBSCRIBER)
    except NotFoundError:
        webhooks.register(subscriber_name=SUBSCRIBER, callback_url=callback_url, secret=secret)
    else:
        webhooks.update_settings(subscriber_name=SUBSCRIBER, callback_url=callback_url, secret=secret)
    if EVENT not in [each.subscription_type for each in webhooks.list_subscriptions(subscriber_name=SUBSCRIBER)]:
        webhooks.subscribe(subscriber_name=SUBSCRIBER, subscription={"subscriptionType": EVENT})
    webhooks.send_code(subscriber_name=SUBSCRIBER)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        with ISpringLearn() as client:
            subscribe(client, sys.argv[1], os.environ["WEBHOOK_SECRET"])
    except APIError as error:
        sys.exit(f"Failed; run it again. {error}")
