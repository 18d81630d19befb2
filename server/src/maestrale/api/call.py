"""One request on its way to an endpoint: who asks, what was sent, and the rooms that can answer.

A ``Call`` is a Starlette request with the few things that endpoints need; ``Parts`` is everything that
``create_app`` is given. No logic of a resource lives here.
"""

from __future__ import annotations

from functools import cached_property

from starlette.requests import Request

from maestrale.api.listing import Query
from maestrale.api.parts import Parts
from maestrale.caller import Caller

CALLER = "maestrale.caller"
"""Key of the scope under which the gate leaves the authenticated caller."""

APPLICATION_URL = "maestrale.application_url"
"""Key of the scope under which the gate leaves the address that links begin with, where a proxy named it."""


class Call(Request):
    """The request as an endpoint sees it."""

    content: bytes = b""
    """The whole body, read before the endpoint runs."""

    @property
    def caller(self) -> Caller:
        """Who asks."""
        caller: Caller = self.scope[CALLER]
        return caller

    @property
    def parts(self) -> Parts:
        """The rooms below."""
        parts: Parts = self.scope["app"].state.parts
        return parts

    @cached_property
    def arguments(self) -> Query:
        """The query's arguments. Raises RequestError where they can't be read."""
        return Query(self.scope["query_string"])

    @property
    def application_url(self) -> str:
        """Scheme, host and mount prefix, without a slash at the end (A005)."""
        named = self.scope.get(APPLICATION_URL)
        if named:
            return str(named)
        host = self.headers.get("host") or "{}:{}".format(*self.scope["server"])
        return f"{self.scope['scheme']}://{host}{self.scope.get('root_path', '').rstrip('/')}"

    @property
    def collection_url(self) -> str:
        """The address of this request without its query, for links to the next page."""
        path: str = self.scope["path"]
        root: str = self.scope.get("root_path", "").rstrip("/")
        return self.application_url + (path.removeprefix(root) if root else path)
