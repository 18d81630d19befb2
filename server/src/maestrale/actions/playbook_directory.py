"""The private directory of a playbook run: made, locked while its run lives, removed, and found again after a crash.

Standard library only: the process that runs a playbook imports this.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from maestrale.actions import podman, process_tree

PREFIX = "maestrale-playbook-"
MARK = "MAESTRALE_ACTION_EXECUTION_ID"
"""The variable in the environment of all processes of a run, whose value is the action execution's id."""

CONTAINER = "container"
"""The file in a private directory that holds the name of the run's container, if it has one."""

_LOCK = "lock"
_LONGEST = 60


@contextlib.contextmanager
def private_directory(parent: str | None, ident: str) -> Iterator[tuple[str, int]]:
    """A directory with mode 0700, and a descriptor of the lock that says that it is in use; removed at the end.

    The lock lasts for as long as any process has the descriptor open.
    """
    if parent is not None:
        Path(parent).mkdir(parents=True, exist_ok=True, mode=0o700)
    directory = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
    unfinished = f"{directory}/{_LOCK}.new"
    lock = os.open(unfinished, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.write(lock, ident.encode())
        # who clears up looks for the name, and must not find a file that isn't locked yet
        Path(unfinished).rename(f"{directory}/{_LOCK}")
        yield directory, lock
    finally:
        os.close(lock)
        remove(directory)


def short_path(directory: str) -> str:
    """A path of the directory that is short enough for the sockets that ansible puts in it: its own, or a link to it."""
    if len(directory) <= _LONGEST:
        return directory
    link = _short(directory)
    link.symlink_to(directory)
    return str(link)


def short_room(directory: str) -> str:
    """The same for a sandbox, from inside which a link isn't seen: the directory's own path, or a room beside it."""
    if len(directory) <= _LONGEST:
        return directory
    room = _short(directory)
    room.mkdir(mode=0o700)
    return str(room)


def remove(directory: str) -> None:
    """Remove the directory, and what was made for its long name."""
    shutil.rmtree(directory, ignore_errors=True)
    short = _short(directory)
    with contextlib.suppress(OSError):
        if short.is_symlink():
            if short.readlink() == Path(directory):
                short.unlink()
        elif short != Path(directory) and short.stat().st_uid == os.geteuid():
            shutil.rmtree(short, ignore_errors=True)


def remove_dead(parent: str | None) -> list[str]:
    """Remove the directories of runs that nobody works on any more, and end what is left of those; returns the directories."""
    removed = []
    for path in Path(parent or tempfile.gettempdir()).glob(f"{PREFIX}*/{_LOCK}"):
        if path.parent.is_symlink():
            continue
        ident = _ident_if_dead(path)
        if ident is None:
            continue
        if ident:
            process_tree.kill_marked(MARK, ident)
        with contextlib.suppress(OSError):
            podman.remove((path.parent / CONTAINER).read_text(encoding="utf-8"))
        remove(str(path.parent))
        removed.append(str(path.parent))
    return removed


def _ident_if_dead(lock_file: Path) -> str | None:
    """Whose directory it was, if it is ours and no process holds the lock."""
    try:
        lock = os.open(lock_file, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(lock).st_uid != os.getuid():
            return None
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.read(lock, 256).decode("utf-8", "replace")
    except BlockingIOError:
        return None
    finally:
        os.close(lock)


def _short(directory: str) -> Path:
    return Path(tempfile.gettempdir()) / Path(directory).name
