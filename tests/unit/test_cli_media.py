"""Files, whole bodies and bytes on the command line."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from invigilate.cli.fields import help_texts, value_of
from invigilate.cli.output import show_result
from invigilate.cli.plans import plan
from invigilate.errors import InvalidArgumentError
from invigilate_runtime import Field
from tests.golden.generated.nasty_client.api.class_ import create_token
from tests.golden.generated.nasty_client.api.wire import create_ids, post_text, put_bytes, put_cell, upload_files


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\0\xff")
    field = Field("file", "file", "body", "file")
    assert value_of(field, str(tmp_path / "a.bin"), None) == ("a.bin", b"\0\xff")
    for path in (tmp_path, tmp_path / "b.bin"):
        with pytest.raises(InvalidArgumentError, match="file: expected a file that can be read"):
            value_of(field, str(path), None)


@pytest.mark.parametrize(
    ("describe", "arguments", "body"),
    [
        (create_ids.describe, {"request_body": [{"x": 1}]}, [{"x": 1}]),
        (put_cell.describe, {"x": 1}, {"x": 1}),
        (put_bytes.describe, {"body": b"\0\xff"}, "(2 bytes of image/*)"),
        (post_text.describe, {"body": "text"}, "(4 bytes of text/csv)"),
        (
            create_token.describe,
            {"grant_type": "client_credentials", "client_id": "me", "client_secret": "s3cret"},
            {"grant_type": "client_credentials", "client_id": "me", "client_secret": "***"},
        ),
    ],
)
def test_what_is_shown_of_a_body(describe: Any, arguments: dict[str, Any], body: object) -> None:
    planned = plan(describe, arguments)
    assert planned.body() == body
    assert planned.to_dict()["body"] == body
    assert str(planned).endswith(json.dumps(body))


def test_nothing_is_shown_of_an_upload() -> None:
    shown = str(plan(upload_files.describe, {"file": b"in the file", "title": "s3cret"}))
    assert shown.endswith(' bytes of multipart/form-data)"')
    assert "s3cret" not in shown


def test_bytes_go_out_as_they_came_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for as_json in (False, True):
        stream = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream, "utf-8"))
        print("before")
        show_result(b"\0\xff\r\n", as_json=as_json)
        assert stream.getvalue() == b"before\n\0\xff\r\n"


def test_the_help_of_a_file_does_not_speak_of_python() -> None:
    assert help_texts(put_bytes.describe)["body"] == "A picture."
