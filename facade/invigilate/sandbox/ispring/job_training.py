"""The operations of on-the-job training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invigilate.sandbox.inventions import infer
from invigilate.sandbox.validation import Call

from .state import LearnState, operation
from .training_sessions import GROUPS, HIDDEN, TrainingSession, score


@operation("listSessionResults")
def list_session_results(state: LearnState, call: Call) -> object:
    """Return all sessions that match every filter."""
    status = call.body.get("sessionStatus")
    return [
        session.result(state.behaviour)
        for session in _narrowed(state, call.body)
        if status is None or session.status == status
    ]


@operation("listChecklistSessions")
def list_checklist_sessions(state: LearnState, call: Call) -> object:
    """Return all checklists that match every filter, with the sessions that match."""
    infer("hidden-checklist")
    checklists, ids = _filter(state, call.body, "checklistIds"), _filter(state, call.body, "sessionIds")
    found: dict[str, dict[str, Any]] = {}
    for session in state.training.sessions:
        shown = found.setdefault(session.checklist_id, _checklist(session.checklist_id, session.checklist_title))
        shown["sessionIds"].append(session.session_id)
    hidden = state.training.hidden_checklist_id
    found[hidden] = {**_checklist(hidden, HIDDEN), "checklistStatus": "HIDDEN"}
    rows = [row for row in found.values() if checklists is None or row["checklistId"] in checklists]
    if ids is None:
        return rows
    matching = [row for row in rows if not ids.isdisjoint(row["sessionIds"])]
    if state.behaviour.flips("narrowed-checklists"):
        return matching
    return [{**row, "sessionIds": [each for each in row["sessionIds"] if each in ids]} for row in matching]


def _checklist(checklist_id: str, title: str) -> dict[str, Any]:
    return {"checklistId": checklist_id, "checklistTitle": title, "checklistStatus": "PUBLISHED", "sessionIds": []}


@operation("listCriterionGroupResults")
def list_criterion_group_results(state: LearnState, call: Call) -> object:
    """Return the results of completed sessions by group of criteria."""
    infer("result-sums")
    groups = _filter(state, call.body, "groupIds")
    return [
        {
            "groupId": group_id,
            "groupTitle": GROUPS[group][0],
            "checklistId": session.checklist_id,
            "sessionId": session.session_id,
            **score(grade for grade in session.grades if grade.group == group),
            **session.people(),
        }
        for session in _narrowed(state, call.body)
        for group in sorted({grade.group for grade in session.grades})
        if (group_id := state.training.group_id(session.checklist_id, group)) and (groups is None or group_id in groups)
    ]


@operation("listCriterionResults")
def list_criterion_results(state: LearnState, call: Call) -> object:
    """Return the results of completed sessions by criterion."""
    infer("result-sums")
    groups, criteria = _filter(state, call.body, "groupIds"), _filter(state, call.body, "criterionIds")
    rows: list[dict[str, object]] = []
    for session in _narrowed(state, call.body):
        for grade in session.grades:
            group_id = state.training.group_id(session.checklist_id, grade.group)
            criterion_id = state.training.criterion_id(session.checklist_id, grade.group, grade.criterion)
            if (groups is None or group_id in groups) and (criteria is None or criterion_id in criteria):
                rows.append(
                    {
                        "criterionId": criterion_id,
                        "criterionTitle": grade.title,
                        "checklistId": session.checklist_id,
                        "sessionId": session.session_id,
                        "groupId": group_id,
                        "skipped": grade.points is None,
                        "points": grade.points,
                        "totalPoints": grade.total_points,
                        **session.people(),
                    }
                )
    return rows


def _narrowed(state: LearnState, body: Mapping[str, Any]) -> list[TrainingSession]:
    checklists, ids = _filter(state, body, "checklistId"), _filter(state, body, "sessionIds")
    return [
        session
        for session in state.training.sessions
        if (checklists is None or session.checklist_id in checklists) and (ids is None or session.session_id in ids)
    ]


def _filter(state: LearnState, body: Mapping[str, Any], name: str) -> frozenset[str] | None:
    """The values of a filter; None when there is none."""
    infer("training-filters")
    value = body.get(name)
    if value is None or (value == [] and state.behaviour.flips("empty-filter")):
        return None
    return frozenset([value] if isinstance(value, str) else value)
