"""Files that a playbook which isn't trusted has left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maestrale.actions.playbook_leavings import text_of, texts_in


@pytest.fixture
def left(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    folder = tmp_path / "left"
    folder.mkdir()
    (folder / "a").write_text("one", encoding="utf-8")
    (folder / "b").write_text("ö", encoding="utf-8")
    return folder


def test_the_texts_of_plain_files_are_read(left: Path) -> None:
    assert texts_in(str(left), 5) == {"a": "one", "b": "ö"}
    assert text_of(str(left / "a"), 3) == "one"


def spoil(left: Path, how: str) -> Path:
    spoilt = left / "c"
    if how == "link":
        spoilt.symlink_to(left.parent / "secret")
    elif how == "pipe":
        os.mkfifo(spoilt)
    elif how == "folder":
        spoilt.mkdir()
    elif how == "bytes":
        spoilt.write_bytes(b"\xff\xfe")
    else:
        spoilt.write_text("x" * 101, encoding="utf-8")
    return spoilt


@pytest.mark.parametrize("how", ["link", "pipe", "folder", "bytes", "size"])
def test_anything_else_is_refused_and_with_it_the_folder_that_it_is_in(left: Path, how: str) -> None:
    spoilt = spoil(left, how)
    with pytest.raises((OSError, ValueError)):
        text_of(str(spoilt), 100)
    assert texts_in(str(left), 100) == {}


def test_files_that_are_too_large_together_are_refused(left: Path) -> None:
    assert texts_in(str(left), 4) == {}


def test_a_folder_that_is_a_link_or_is_not_there_has_no_texts(left: Path) -> None:
    (left.parent / "other").symlink_to(left)
    assert texts_in(str(left.parent / "other"), 100) == {}
    assert texts_in(str(left.parent / "missing"), 100) == {}
