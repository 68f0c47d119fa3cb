"""The resources of iSpring Learn: one line for each operation."""

from __future__ import annotations

from invigilate._binding import AsyncRaw, M, RawView, Resource, SyncRaw, operation
from ispring_learn_client.api import access_tokens, job_training


class JobTraining(Resource[M]):
    """On-the-job training sessions and their results."""

    with_raw_response: RawView[JobTraining[SyncRaw], JobTraining[AsyncRaw]] = RawView()
    list_session_results = operation(job_training.list_session_results.describe)
    list_checklist_sessions = operation(job_training.list_checklist_sessions.describe)
    list_criterion_group_results = operation(job_training.list_criterion_group_results.describe)
    list_criterion_results = operation(job_training.list_criterion_results.describe)


class AccessTokens(Resource[M]):
    """Access tokens; clients fetch and renew them by themselves."""

    with_raw_response: RawView[AccessTokens[SyncRaw], AccessTokens[AsyncRaw]] = RawView()
    create = operation(access_tokens.create_access_token.describe)
