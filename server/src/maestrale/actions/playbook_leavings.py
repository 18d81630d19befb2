"""What a run left in its private directory, read as from somebody who isn't trusted.

A playbook in a sandbox or a container writes there, and this side reads with the rights of the server's user: a link would lead it to
files that the playbook must not see, a named pipe would hold it up, and a huge file would fill its memory. Standard library only: the
process that runs a playbook imports this.
"""

from __future__ import annotations

import os
import stat

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def text_of(path: str, size_max: int, *, folder: int | None = None) -> str:
    """The text of a file, below the open ``folder`` if there is one.

    Raises OSError for what is not there, no plain file or larger than ``size_max`` bytes, ValueError for what is not UTF-8.
    """
    with os.fdopen(os.open(path, _FLAGS, dir_fd=folder), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is no plain file.")
        if status.st_size > size_max:
            raise OSError(f"{path} has more than {size_max} bytes.")
        return file.read(status.st_size).decode()


def texts_in(path: str, size_max: int) -> dict[str, str]:
    """The texts in a folder by the names of the files; none where anything in it is not as it should be, or all are too large together."""
    texts: dict[str, str] = {}
    try:
        folder = os.open(path, _FLAGS | os.O_DIRECTORY)
    except OSError:
        return {}
    try:
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 - of the folder that is open, whatever has its name now
            texts[name] = text_of(name, size_max, folder=folder)
            size_max -= len(texts[name].encode())
    except (OSError, ValueError):
        return {}
    finally:
        os.close(folder)
    return texts
