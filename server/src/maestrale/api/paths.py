"""Which endpoint a path belongs to, found segment by segment.

A router that tries one route after another takes longer the more routes there are, which on small requests is
a good part of the whole answer. This one walks down a tree of the paths' segments. It knows what exists and nothing
else: what it doesn't find is left to the framework's router, which says 404 or 405.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from maestrale.api.routes import Endpoint


@dataclass(slots=True)
class _Segment:
    """What may follow a part of a path, by its text or as a parameter, and what ends there by method, with its parameters' names."""

    below: dict[str, _Segment] = field(default_factory=dict)
    any_below: _Segment | None = None
    endpoints: dict[str, tuple[Endpoint, tuple[str, ...]]] = field(default_factory=dict)


class Paths:
    """See the module. A text wins over a parameter."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._top = _Segment()
        for endpoint in endpoints:
            texts = endpoint.path.split("/")
            names = tuple(text.strip("{}") for text in texts if text.startswith("{"))
            self._place(texts).endpoints.setdefault(endpoint.method, (endpoint, names))

    def _place(self, texts: Iterable[str]) -> _Segment:
        place = self._top
        for text in texts:
            if not text.startswith("{"):
                place = place.below.setdefault(text, _Segment())
            else:
                place.any_below = place.any_below or _Segment()
                place = place.any_below
        return place

    def find(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
        """The endpoint and the parameters of a decoded path; None where there is none, or not for certain."""
        place = self._top
        values: list[str] = []
        for text in path.split("/"):
            following = place.below.get(text)
            if following is None:
                following = place.any_below
                if following is None or not text:
                    return None
                values.append(text)
            place = following
        found = place.endpoints.get(method)
        return None if found is None else (found[0], dict(zip(found[1], values, strict=True)))
