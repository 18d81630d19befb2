"""Specifications and their compiled programs by digest, so that each text is built and compiled once per process.

Equal digests mean equal specifications, so nothing here can be outdated. Bounded; safe to use from several threads.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from maestrale.core.program import Program
from maestrale.expr import Options
from maestrale.lang import workflow_from_raw
from maestrale.lang.specs import WorkflowSpec


class Programs:
    """At most ``size`` programs, the least recently used go first."""

    def __init__(self, options: Options, size: int = 500) -> None:
        self.options = options
        self._size = size
        self._lock = Lock()
        self._known: OrderedDict[str, Program] = OrderedDict()

    def of_spec(self, digest: str, spec: WorkflowSpec) -> Program:
        """The program of a specification at hand."""
        found = self._get(digest)
        return found if found is not None else self._keep(digest, Program(spec, self.options))

    def of_digest(self, digest: str, read: Callable[[str], Mapping[str, Any]]) -> Program:
        """The program of a stored specification; ``read`` gives what was stored, if it has to be asked."""
        found = self._get(digest)
        return found if found is not None else self._keep(digest, Program(workflow_from_raw(read(digest)), self.options))

    def _get(self, digest: str) -> Program | None:
        with self._lock:
            found = self._known.get(digest)
            if found is not None:
                self._known.move_to_end(digest)
            return found

    def _keep(self, digest: str, program: Program) -> Program:
        with self._lock:
            known = self._known.setdefault(digest, program)
            while len(self._known) > self._size:
                self._known.popitem(last=False)
            return known
