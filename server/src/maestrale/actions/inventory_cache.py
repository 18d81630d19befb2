"""Inventories that were read lately, by the content of what they were read from.

In memory only, since they may hold what nobody else should see. For ``ansible.inventory`` a whole answer is kept; for a playbook what
inventory plugins keep for themselves (ansible-core's inventory cache), so that a playbook gets the inventory that it would get anyway, the
plugins' own rules about templates included, without their questions to a cloud.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from maestrale import clock
from maestrale.actions.playbook_inputs import Inputs
from maestrale.errors import InputError

FOLDER = "inventory_cache"
"""Where in the private directory the plugins have their cache."""

_VARIABLES = ("group_vars", "host_vars")
_DECIDING = ("inventory", "extra_vars", "project", "environment", "ansible_config", "isolation", "execution_environment")
"""The inputs on which it depends what plugins ask for."""


class InventoryCache:
    """Keeps JSON-ready values, those used longest ago not beyond ``size_max`` bytes altogether. Safe to use from several threads."""

    def __init__(self, size_max: int, monotonic: Callable[[], float] = clock.monotonic) -> None:
        self._size_max = size_max
        self._monotonic = monotonic
        self._lock = Lock()
        self._size = 0
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def get(self, key: str, seconds: float) -> Any:
        """The value of that key if it was put in the last ``seconds``, else None."""
        with self._lock:
            put_at, text = self._kept.get(key, (0.0, None))
            if text is None or put_at + seconds <= self._monotonic():
                return None
            self._kept.move_to_end(key)
        return json.loads(text)

    def put(self, key: str, value: Any) -> None:
        """Keep a value; one that is too large by itself is not kept."""
        text = json.dumps(value).encode()
        with self._lock:
            self._drop(key)
            self._kept[key] = (self._monotonic(), text)
            self._size += len(text)
            while self._size > self._size_max:
                self._drop(next(iter(self._kept)))

    def forget(self, key: str) -> None:
        """Keep the value of that key no longer."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: str) -> None:
        if (kept := self._kept.pop(key, None)) is not None:
            self._size -= len(kept[1])


def age_of(inputs: Inputs, usual: float) -> float | None:
    """How old in seconds an inventory may be that a run is given: what its input says, else the ``usual``; 0 to read it anew.

    None where the cache has nothing to do with the run: it isn't wanted, there is no inventory, or what is read may hold secrets of
    the run. Raises InputError.
    """
    given = inputs.inventory_cache
    if given is not None and (isinstance(given, bool) or not isinstance(given, int | float) or given < 0):
        raise InputError("inventory_cache must be a number of seconds, 0 to read anew.")
    if inputs.inventory is None or inputs.secrets or inputs.vault_passwords:
        return None
    return float(given) if given is not None else usual or None


def plugins_key(inputs: Inputs, job: Mapping[str, Any], whose: Iterable[Any]) -> str:
    """The key of what inventory plugins keep for runs with such inputs. Raises OSError for a file that can't be read."""
    return key_of({"plugins": {name: getattr(inputs, name) for name in _DECIDING}, "of": list(whose)}, sources_of(job))


def sources_of(job: Mapping[str, Any]) -> list[str]:
    """The inventory's sources that are not written in the inputs themselves."""
    return [one for one in job["arguments"].get("inventory") or () if not one.startswith(f"{job['directory']}/inventory/")]


def give_plugins(job: dict[str, Any], kept: Mapping[str, str], size_max: int) -> None:
    """Let the inventory plugins of a run have a cache of their own, with what they kept before; it is taken up to ``size_max`` bytes."""
    job["environment"] |= {
        "ANSIBLE_INVENTORY_CACHE": "True", "ANSIBLE_INVENTORY_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_INVENTORY_CACHE_CONNECTION": f"{job['directory']}/{FOLDER}",
        # how old it may be has been seen to
        "ANSIBLE_INVENTORY_CACHE_TIMEOUT": "0",
    }
    job["files"] |= {f"{FOLDER}/{name}": text for name, text in kept.items()}
    job["inventory_cache"] = {"folder": f"{job['directory']}/{FOLDER}", "size_max": size_max}


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
