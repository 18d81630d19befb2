from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from maestrale.actions import playbook_directory

LONG = "a-place-with-so-long-a-name-that-no-socket-can-be-put-beneath-it"


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "t").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    return str(tmp_path / LONG)


def test_a_long_directory_has_a_short_link_that_goes_with_it(parent: str) -> None:
    with playbook_directory.private_directory(parent, "a1") as (directory, _):
        short = Path(playbook_directory.short_path(directory))
        assert short.parent == Path(tempfile.gettempdir())
        assert short.resolve() == Path(directory).resolve()
    assert list(short.parent.iterdir()) == []


def test_for_a_sandbox_it_has_a_short_room_that_goes_with_it(parent: str) -> None:
    with playbook_directory.private_directory(parent, "a1") as (directory, _):
        room = Path(playbook_directory.short_room(directory))
        assert room.parent == Path(tempfile.gettempdir())
        assert room.is_dir()
        assert not room.is_symlink()
        assert room.stat().st_mode & 0o777 == 0o700
        (room / "agent").write_text("")
    assert list(room.parent.iterdir()) == []


@pytest.mark.parametrize("of", [playbook_directory.short_path, playbook_directory.short_room])
def test_a_short_directory_needs_neither(of: object) -> None:
    assert of("/var/tmp/x") == "/var/tmp/x"  # type: ignore[operator]


def test_a_room_that_somebody_has_made_before_is_not_used(parent: str) -> None:
    with playbook_directory.private_directory(parent, "a1") as (directory, _):
        (Path(tempfile.gettempdir()) / Path(directory).name).mkdir()
        with pytest.raises(FileExistsError):
            playbook_directory.short_room(directory)


def test_a_link_to_somewhere_else_is_left_alone(parent: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with playbook_directory.private_directory(parent, "a1") as (directory, _):
        link = Path(tempfile.gettempdir()) / Path(directory).name
        link.symlink_to(tmp_path / "other")
    assert link.is_symlink()
    assert (tmp_path / "other").is_dir()
