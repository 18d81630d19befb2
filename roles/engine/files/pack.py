# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""Pack folders into an archive that is the same for the same content: pack.py ARCHIVE ROOT PATH [PATH ...]."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

LEFT_OUT = ("__pycache__", ".pyc", ".egg-info")


def normalized(member):
    """The member without what differs between checkouts; None leaves it out."""
    if member.name.endswith(LEFT_OUT):
        return None
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = "root"
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def main(archive, root, *paths):
    """Write the archive."""
    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
        for path in paths:
            tar.add(Path(root) / path, arcname=path, filter=normalized)


if __name__ == "__main__":
    main(*sys.argv[1:])
