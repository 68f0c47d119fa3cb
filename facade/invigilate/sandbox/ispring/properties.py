"""The properties of a sandbox that are about iSpring Learn."""

from __future__ import annotations

from invigilate.sandbox.deliveries import Deliveries
from invigilate.sandbox.server import Server

from .state import LearnState


class LearnProperties(Server):
    """See `Sandbox`."""

    @property
    def learning(self) -> LearnState:
        """What the sandbox remembers of iSpring Learn."""
        return self._state_of("ispring", LearnState)

    @property
    def ispring_url(self) -> str:
        """Base URL of iSpring Learn."""
        return self.base_url_of("ispring")

    @property
    def client_id(self) -> str:
        """Client ID for iSpring Learn."""
        return self.learning.client_id

    @property
    def client_secret(self) -> str:
        """Client secret for iSpring Learn."""
        return self.learning.client_secret

    @property
    def account_url(self) -> str:
        """The account of iSpring Learn."""
        return self.learning.account_url

    @property
    def checklist_id(self) -> str:
        """A checklist with eight training sessions."""
        return self.learning.training.sessions[0].checklist_id

    @property
    def checklist_ids(self) -> list[str]:
        """All checklists."""
        return list(dict.fromkeys(session.checklist_id for session in self.learning.training.sessions))

    @property
    def training_session_ids(self) -> list[str]:
        """All training sessions."""
        return [session.session_id for session in self.learning.training.sessions]

    @property
    def criterion_group_ids(self) -> list[str]:
        """The groups of criteria of `checklist_id`."""
        return self.learning.training.group_ids(self.checklist_id)

    @property
    def criterion_ids(self) -> list[str]:
        """The criteria of `checklist_id`."""
        return self.learning.training.criterion_ids(self.checklist_id)

    @property
    def tokens_issued(self) -> int:
        """Number of iSpring tokens issued so far."""
        return self.learning.tokens_issued

    def revoke_tokens(self) -> None:
        """Invalidate all iSpring tokens issued so far."""
        self.learning.revoke_tokens()

    @property
    def deliveries(self) -> Deliveries:
        """What is sent to webhooks: the attempts, and ways to let them fail."""
        return self.learning.deliveries

    def populate(self, users: int) -> None:
        """Add active learners to iSpring Learn, each enrolled in the first course. No event is sent."""
        self.learning.populate(users)

    def expire_cursors(self) -> None:
        """Invalidate all page tokens of iSpring Learn issued so far."""
        self.learning.cursors.expire()
