"""What ends a build."""

from __future__ import annotations

from collections.abc import Iterable


class SiteError(Exception):
    """The site cannot be built; one line for each problem."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
