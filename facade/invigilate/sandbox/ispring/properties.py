"""The properties of a sandbox that are about iSpring Learn."""

from __future__ import annotations

from invigilate.sandbox.server import Server

from .operations import TrainingState


class TrainingProperties(Server):
    """See `Sandbox`."""

    @property
    def _training(self) -> TrainingState:
        return self._state_of("ispring", TrainingState)

    @property
    def ispring_url(self) -> str:
        """Base URL of iSpring Learn."""
        return self.base_url_of("ispring")

    @property
    def client_id(self) -> str:
        """Client ID for iSpring Learn."""
        return self._training.client_id

    @property
    def client_secret(self) -> str:
        """Client secret for iSpring Learn."""
        return self._training.client_secret

    @property
    def account_url(self) -> str:
        """The account of iSpring Learn."""
        return self._training.account_url

    @property
    def checklist_id(self) -> str:
        """A checklist with eight training sessions."""
        return self._training.sessions[0].checklist_id

    @property
    def checklist_ids(self) -> list[str]:
        """All checklists."""
        return list(dict.fromkeys(session.checklist_id for session in self._training.sessions))

    @property
    def training_session_ids(self) -> list[str]:
        """All training sessions."""
        return [session.session_id for session in self._training.sessions]

    @property
    def criterion_group_ids(self) -> list[str]:
        """The groups of criteria of `checklist_id`."""
        return self._training.group_ids(self.checklist_id)

    @property
    def criterion_ids(self) -> list[str]:
        """The criteria of `checklist_id`."""
        return self._training.criterion_ids(self.checklist_id)

    @property
    def tokens_issued(self) -> int:
        """Number of iSpring tokens issued so far."""
        return self._training.tokens_issued

    def revoke_tokens(self) -> None:
        """Invalidate all iSpring tokens issued so far."""
        self._training.revoke_tokens()
