"""Brings departments, users and enrollments of iSpring Learn in line with a file, and writes results as a table.

python -m directory_sync people.csv TOP_DEPARTMENT_ID --results results.csv --dry-run
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from invigilate import InvigilateError, ISpringLearn

from .directory import Directory
from .people import SyncError, read_people
from .results import write_results
from .sync import check_leaving, courses_of, plan, run


def main() -> int:
    """Run the command and return its exit code: 1 if a change is not done."""
    parser = argparse.ArgumentParser(prog="directory_sync", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("people", type=Path, help="CSV file of the HR system")
    parser.add_argument("top", help="ID of the department below which everybody is in that file")
    parser.add_argument("--results", type=Path, metavar="FILE", help="write the results of the courses as CSV")
    parser.add_argument("--most-leaving", type=int, default=10, metavar="N", help="deactivate at most N users (10)")
    parser.add_argument("--dry-run", action="store_true", help="print the changes, and send none")
    options = parser.parse_args()
    people = read_people(options.people)
    courses = courses_of(people.values())
    with ISpringLearn() as client:
        directory = Directory(client, options.top)
        directory.read(courses)
        changes = plan(directory, people)
        if options.dry_run:
            for change in changes:
                print(change)
            print(f"{_counted(len(changes), 'change')}, not sent")
        check_leaving(changes, options.most_leaving)
        if options.dry_run:
            return 0
        done = 0
        for result in run(directory, changes):
            done += result.state == "done"
            print(f"{result.state}: {result.change}{f' ({result.why})' if result.why else ''}", flush=True)
        print(f"{done} of {_counted(len(changes), 'change')} done")
        if options.results:
            print(_counted(write_results(directory, courses, options.results), "result"))
        return int(done < len(changes))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (InvigilateError, SyncError, OSError) as error:
        sys.exit(f"Stopped: {error}")
