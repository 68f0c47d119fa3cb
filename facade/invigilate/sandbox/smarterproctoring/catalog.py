"""The courses, exams and people of an install: fixed names, with identifiers from the seed, and what is added later.

All people are fictitious, and all e-mail addresses end in example.com.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from invigilate.sandbox.identifiers import Mint

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
"""Number of people in the initial data."""
COURSES = sum(len(subjects) for *_, subjects in _TERMS)
"""Number of courses in the initial data."""
OFFERINGS = len(_TERMS)
"""Number of course offerings."""
FIRST_COURSE = COURSES - len(_TERMS[-1][-1])
"""Position of the first course of the last offering."""
FIRST_EXAM = 3 * FIRST_COURSE
"""Position of its first exam."""
_FOUNDED = datetime(2025, 8, 1, 9, tzinfo=UTC)


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
        """The offering as other responses show it."""
        return {"sid": self.sid, "title": self.title}


@dataclass(eq=False, slots=True)
class Course:
    """A course in one offering.

    Attributes:
        ids: its identifiers in other systems, by system.
        summary: what other responses show of it. It is replaced and never changed, since responses share it.
    """

    index: int
    sid: str
    code: str | None
    title: str
    offering: Offering
    ids: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    summary: dict[str, object] = field(default_factory=dict[str, object], repr=False)

    def __post_init__(self) -> None:
        """Build the summary."""
        self.summarize()

    def summarize(self) -> None:
        """Rebuild the summary, after a change."""
        self.summary = {"sid": self.sid, "title": self.title, "code": self.code}


@dataclass(eq=False, slots=True)
class Exam:
    """An exam of a course.

    Attributes:
        ids: its identifiers in other systems, by system.
        limited: whether only the enrollments that it is assigned to take it.
        assigned: these enrollments, by SID.
        facts: further fields from provisioning.
        summary: what other responses show of it. It is replaced and never changed, since responses share it.
    """

    index: int
    sid: str
    title: str
    minutes: float
    course: Course
    ids: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    limited: bool = False
    assigned: set[str] = field(default_factory=set[str], repr=False)
    facts: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)
    summary: dict[str, object] = field(default_factory=dict[str, object], repr=False)

    def __post_init__(self) -> None:
        """Build the summary."""
        self.summarize()

    def summarize(self) -> None:
        """Rebuild the summary, after a change."""
        self.summary = {"sid": self.sid, "title": self.title}


@dataclass(eq=False, slots=True)
class User:
    """A person of the install.

    Attributes:
        ids: identifiers in other systems, by system.
        facts: further fields of the profile, by documented name.
        summary: what other responses show of the person. It is replaced and never changed, since responses share it.
    """

    index: int
    sid: str
    first_name: str
    last_name: str
    email: str
    created: datetime
    edited: datetime
    ids: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    facts: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)
    summary: dict[str, object] = field(default_factory=dict[str, object], repr=False)

    def __post_init__(self) -> None:
        """Build the summary."""
        self.summarize()

    def summarize(self) -> None:
        """Rebuild the summary, after a change."""
        self.summary = {
            "sid": self.sid,
            "firstName": self.first_name,
            "lastName": self.last_name,
            "email": self.email,
        }


@dataclass(eq=False, slots=True)
class Enrollment:
    """A person in a course."""

    sid: str
    user: User
    course: Course
    section_sid: str
    role: str = "learner"


class Catalog:
    """Everything of an install that no session changes.

    All initial people are enrolled in all initial courses. Each course has two sections.

    Attributes:
        version: number of changes to titles and of additions so far.
    """

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self.version = 0
        self.offerings = list(_offerings(mint))
        self.courses = list(_courses(mint, self.offerings))
        self.exams = list(_exams(mint, self.courses))
        self.users = list(_users(mint))
        self._exams_by_sid = {exam.sid: exam for exam in self.exams}
        self._courses_by_sid = {course.sid: course for course in self.courses}
        self._users_by_sid = {user.sid: user for user in self.users}
        self._offerings_by_sid = {offering.sid: offering for offering in self.offerings}
        # Created when first needed: most sandboxes never use the initial enrollments.
        self._enrollments: dict[str, Enrollment] | None = None

    def exam(self, sid: str) -> Exam | None:
        """The exam with a SID."""
        return self._exams_by_sid.get(sid)

    def course(self, sid: str) -> Course | None:
        """The course with a SID."""
        return self._courses_by_sid.get(sid)

    def user(self, sid: str) -> User | None:
        """The person with a SID."""
        return self._users_by_sid.get(sid)

    def offering(self, sid: str) -> Offering | None:
        """The course offering with a SID."""
        return self._offerings_by_sid.get(sid)

    @property
    def enrollments(self) -> dict[str, Enrollment]:
        """All enrollments, by SID."""
        if self._enrollments is None:
            courses = [course for course in self.courses if course.index < COURSES]
            people = [user for user in self.users if user.index < USERS]
            created = (self._enrollment(user, course) for course in courses for user in people)
            self._enrollments = {each.sid: each for each in created}
        return self._enrollments

    def enrollment_sid(self, user: User, course: Course) -> str:
        """The SID of a person's enrollment in a course, whether or not there is one."""
        if user.index < USERS:
            return self._mint.sid("EN", "enrollment", course.index * USERS + user.index)
        return self._mint.sid("EN", f"enrollment/{course.index}", user.index)

    def section_sid(self, course: Course, user: User) -> str:
        """The SID of the section of a course that a person is in."""
        return self._mint.sid("CS", "section", course.index * 2 + user.index % 2)

    def add_course(self, title: str, code: str | None) -> Course:
        """Add a course to the last offering."""
        index = len(self.courses)
        course = Course(index, self._mint.sid("CU", "course", index), code, title, self.offerings[-1])
        self.courses.append(course)
        self._courses_by_sid[course.sid] = course
        self.version += 1
        return course

    def add_exam(self, title: str, minutes: float, course: Course) -> Exam:
        """Add an exam to a course."""
        index = len(self.exams)
        exam = Exam(index, self._mint.sid("EX", "exam", index), title, minutes, course)
        self.exams.append(exam)
        self._exams_by_sid[exam.sid] = exam
        self.version += 1
        return exam

    def add_user(self, first_name: str, last_name: str, email: str, moment: datetime) -> User:
        """Add a person."""
        index = len(self.users)
        user = User(index, self._mint.sid("US", "user", index), first_name, last_name, email, moment, moment)
        self.users.append(user)
        self._users_by_sid[user.sid] = user
        return user

    def enroll(self, user: User, course: Course, role: str) -> Enrollment:
        """Enroll a person in a course."""
        enrollment = self._enrollment(user, course)
        enrollment.role = role
        self.enrollments[enrollment.sid] = enrollment
        return enrollment

    def _enrollment(self, user: User, course: Course) -> Enrollment:
        return Enrollment(self.enrollment_sid(user, course), user, course, self.section_sid(course, user))


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
            yield Course(index, sid, code, title, offering)
            index += 1


def _exams(mint: Mint, courses: list[Course]) -> Iterator[Exam]:
    titles = {subject: exams for _, subject, exams in _SUBJECTS}
    index = 0
    for course in courses:
        for position, title in enumerate(titles[course.title]):
            sid = mint.sid("EX", "exam", index)
            minutes = (45, 60, 120)[position]
            yield Exam(index, sid, title, minutes, course)
            index += 1


def _users(mint: Mint) -> Iterator[User]:
    for index in range(USERS):
        first = _FIRST_NAMES[index % len(_FIRST_NAMES)]
        last = _LAST_NAMES[index // len(_FIRST_NAMES)]
        sid = mint.sid("US", "user", index)
        email = f"{first}.{last}@example.com".lower()
        yield User(index, sid, first, last, email, _FOUNDED, _FOUNDED)
