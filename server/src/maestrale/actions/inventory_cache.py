"""Inventories that were read lately, by the content of what they were read from.

In memory only, since they may hold what nobody else should see.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from threading import Lock
from typing import Any

from maestrale import clock

MOST = 64
_VARIABLES = ("group_vars", "host_vars")


class InventoryCache:
    """Keeps answers for ``seconds``, at most ``MOST`` of them; with 0 seconds none. Safe to use from several threads."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = clock.monotonic) -> None:
        self.seconds = seconds
        self._monotonic = monotonic
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()

    def get(self, key: str) -> dict[str, Any] | None:
        """The answer of that key, unless it is too old."""
        with self._lock:
            until, answer = self._kept.get(key, (0.0, None))
            return deepcopy(answer) if answer is not None and until > self._monotonic() else None

    def put(self, key: str, answer: dict[str, Any]) -> None:
        """Keep an answer."""
        with self._lock:
            self._kept[key] = (self._monotonic() + self.seconds, deepcopy(answer))
            self._kept.move_to_end(key)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)


def key_of(inputs: Mapping[str, Any], sources: Iterable[str]) -> str:
    """A digest of JSON-ready inputs and of all files of the sources, with the variables of groups and hosts beside them.

    Where the files are makes no difference: each run of a git project has them in a folder of its own.
    Sources are as ansible takes them: paths, or host names with commas. Raises OSError for a file that can't be read.
    """
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode())
    for source in sources:
        for path in _files(source):
            content = path.read_bytes()
            digest.update(f"\0{path.relative_to(Path(source).parent)}\0{path.stat().st_mode}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


def _files(source: str) -> Iterator[Path]:
    path = Path(source)
    if "," in source or not path.exists():
        return
    roots = [path] if path.is_dir() else [path, *(path.parent / name for name in _VARIABLES)]
    for root in roots:
        yield from [root] if root.is_file() else sorted(one for one in root.rglob("*") if one.is_file())
