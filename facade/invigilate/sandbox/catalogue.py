"""The courses, exams and people of an install: fixed texts, with identifiers from the seed.

All people are fictitious, and all addresses end in example.com.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .identifiers import Mint

_SUBJECTS = (
    ("BIO-110", "Human Anatomy", ("Midterm Exam", "Bones and Muscles", "Final Exam")),
    ("MAT-101", "College Algebra", ("Quiz 1", "Midterm Exam", "Final Exam")),
    ("HIS-204", "History of Cartography", ("Early Maps", "Midterm Exam", "Final Exam")),
    ("NUR-330", "Pharmacology", ("Dosage Test", "Midterm Exam", "Final Exam")),
    ("CSC-210", "Data Structures", ("Trees and Graphs", "Midterm Exam", "Final Exam")),
    ("ENG-150", "Academic Writing", ("Essay under Supervision", "Citations", "Final Exam")),
    ("PHY-121", "Mechanics", ("Kinematics", "Midterm Exam", "Final Exam")),
    ("LAW-300", "Contract Law", ("Case Study", "Midterm Exam", "Final Exam")),
)
# Title, match strings, first day, last day, positions in _SUBJECTS.
_TERMS = (
    ("Fall 2025", ("Fall 2025", "FA25"), (2025, 8, 25), (2025, 12, 19), (0, 1, 2, 3)),
    ("Spring 2026", ("Spring 2026", "SP26"), (2026, 1, 12), (2026, 5, 8), (1, 3, 4, 5)),
    ("Summer 2026", ("Summer 2026", "SU26"), (2026, 5, 18), (2026, 8, 7), (1, 5, 6, 7)),
    ("Fall 2026", ("Fall 2026", "FA26"), (2026, 8, 24), (2026, 12, 18), (0, 1, 4, 7)),
)
_FIRST_NAMES = (
    "Ada", "Basil", "Clementine", "Dorian", "Elowen", "Fergus", "Ginevra", "Hollis", "Isolde",
    "Jasper", "Kestrel", "Lysander", "Marigold", "Nestor", "Ottoline", "Peregrine", "Quilla",
    "Rowan", "Saffron", "Thaddeus",
)  # fmt: skip
_LAST_NAMES = (
    "Exampleton", "Fictional", "Madeupsen", "Placeholder", "Samplewood", "Testworth",
)  # fmt: skip
USERS = len(_FIRST_NAMES) * len(_LAST_NAMES)


@dataclass(eq=False, slots=True)
class Offering:
    """A course offering, which can be updated."""

    index: int
    sid: str
    title: str
    match_strings: list[str]
    start: datetime | None
    end: datetime | None
    created: datetime
    edited: datetime
    last_activity: datetime

    def summary(self) -> dict[str, object]:
        """The offering as other things show it."""
        return {"sid": self.sid, "title": self.title}


@dataclass(frozen=True, eq=False, slots=True)
class Course:
    """A course in one offering."""

    index: int
    sid: str
    code: str
    title: str
    offering: Offering
    summary: dict[str, object] = field(repr=False)


@dataclass(frozen=True, eq=False, slots=True)
class Exam:
    """An exam of a course."""

    index: int
    sid: str
    title: str
    minutes: int
    course: Course
    summary: dict[str, object] = field(repr=False)


@dataclass(frozen=True, eq=False, slots=True)
class User:
    """A person who is examined."""

    index: int
    sid: str
    first_name: str
    last_name: str
    email: str
    summary: dict[str, object] = field(repr=False)


class Catalogue:
    """Everything of an install that no session changes."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self.offerings = list(_offerings(mint))
        self.courses = list(_courses(mint, self.offerings))
        self.exams = list(_exams(mint, self.courses))
        self.users = list(_users(mint))
        self._exams_by_sid = {exam.sid: exam for exam in self.exams}
        self._offerings_by_sid = {offering.sid: offering for offering in self.offerings}

    def exam(self, sid: str) -> Exam | None:
        """The exam with a SID."""
        return self._exams_by_sid.get(sid)

    def offering(self, sid: str) -> Offering | None:
        """The course offering with a SID."""
        return self._offerings_by_sid.get(sid)

    def enrollment_sid(self, user: User, course: Course) -> str:
        """The SID of a person's enrollment in a course."""
        return self._mint.sid("EN", "enrollment", course.index * USERS + user.index)


def _day(date: tuple[int, int, int], hour: int = 0) -> datetime:
    return datetime(*date, hour, tzinfo=UTC)


def _offerings(mint: Mint) -> Iterator[Offering]:
    for index, (title, match_strings, first, last, _) in enumerate(_TERMS):
        created = _day((first[0], 1, 5), 9)
        yield Offering(
            index=index,
            sid=mint.sid("CO", "offering", index),
            title=title,
            match_strings=list(match_strings),
            start=_day(first),
            end=_day(last),
            created=created,
            edited=created,
            last_activity=created,
        )


def _courses(mint: Mint, offerings: list[Offering]) -> Iterator[Course]:
    index = 0
    for offering, (*_, subjects) in zip(offerings, _TERMS, strict=True):
        for subject in subjects:
            code, title, _ = _SUBJECTS[subject]
            sid = mint.sid("CU", "course", index)
            yield Course(index, sid, code, title, offering, {"sid": sid, "title": title, "code": code})
            index += 1


def _exams(mint: Mint, courses: list[Course]) -> Iterator[Exam]:
    titles = {code: exams for code, _, exams in _SUBJECTS}
    index = 0
    for course in courses:
        for position, title in enumerate(titles[course.code]):
            sid = mint.sid("EX", "exam", index)
            minutes = (45, 60, 120)[position]
            yield Exam(index, sid, title, minutes, course, {"sid": sid, "title": title})
            index += 1


def _users(mint: Mint) -> Iterator[User]:
    for index in range(USERS):
        first = _FIRST_NAMES[index % len(_FIRST_NAMES)]
        last = _LAST_NAMES[index // len(_FIRST_NAMES)]
        sid = mint.sid("US", "user", index)
        email = f"{first}.{last}@example.com".lower()
        yield User(
            index, sid, first, last, email,
            {"sid": sid, "firstName": first, "lastName": last, "email": email},
        )  # fmt: skip
