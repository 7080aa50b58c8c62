"""What is written is whole, or what was there before."""

from __future__ import annotations

import hashlib
import os

import pytest

from promptad_tutorial.files.writing import file_sha256, write_whole


def test_text_goes_to_its_place_with_its_line_ends_and_its_folder_is_made(tmp_path):
    path = write_whole(tmp_path / "a" / "b.txt", "é\r\n\n")
    assert path.read_bytes() == "é\r\n\n".encode()
    assert os.stat(path).st_mode & 0o777 == 0o644
    assert file_sha256(path) == hashlib.sha256("é\r\n\n".encode()).hexdigest()


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = write_whole(tmp_path / "a.txt", "old")

    def fails(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, step, fails)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
