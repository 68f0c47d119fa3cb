"""docs/capturing.md is carried out: its commands as they stand there, with what they print."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import yaml

from tests.docs.blocks import ROOT, expected, read
from tests.pages.edits import completed

PAGE = ROOT / "docs" / "capturing.md"


def test_the_way_from_a_page_to_a_client_is_as_described(tmp_path: Path) -> None:
    blocks = read(PAGE)
    commands = [block for block in blocks if block.language == "console"]
    assert len(commands) == 5
    environment = {**os.environ, "TMPDIR": str(tmp_path), "FOLDER": ""}
    draft: Path | None = None
    for block in commands:
        if draft is not None and "--verify tests" in block.text:
            # The third step is a person's.
            document = completed(yaml.safe_load(draft.read_text("utf-8")))
            draft.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        done = subprocess.run(
            ["bash", "-uc", block.text],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        printed = re.sub(r"captured \d{4}-\d\d-\d\d", "captured DATE", done.stdout)
        assert printed == expected(block, blocks), f"{block}"
        if draft is None:
            (draft,) = tmp_path.glob("*/draft.yaml")
            environment["FOLDER"] = str(draft.parent)
    assert draft is not None
    assert (draft.parent / "ferries_client" / "api" / "harbour" / "get_crossings.py").is_file()
