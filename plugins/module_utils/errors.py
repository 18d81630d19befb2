# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between a module and the engine.

Only the outermost function of a module or plugin turns these into a failed result; everything below raises them.
"""

from __future__ import annotations


class EngineError(Exception):
    """The engine refused or failed; ``status`` is the HTTP status, None if no answer came."""

    def __init__(self, message, status=None, faultcode=None, body=None, method=None, url=None):
        super().__init__(message)
        self.message = message
        self.status = status
        self.faultcode = faultcode
        self.body = body
        self.method = method
        self.url = url

    @property
    def is_transient(self):
        """Whether the same request may succeed a little later: no answer, or a 5xx."""
        return self.status is None or self.status >= 500

    def as_failure(self):
        """The arguments of ``fail_json``: one sentence, and the structured rest."""
        extras = {"status": self.status, "faultcode": self.faultcode, "body": self.body, "method": self.method, "url": self.url}
        return {"msg": self.message, **{key: value for key, value in extras.items() if value is not None}}


class UnreachableError(EngineError):
    """No answer came. ``was_sent`` is False if the request certainly never reached the engine."""

    def __init__(self, message, was_sent=True, **extras):
        super().__init__(message, **extras)
        self.was_sent = was_sent


class NotFoundError(EngineError):
    """404: there is no such object, or it isn't visible to the caller."""


class ConflictError(EngineError):
    """409: an object of that identity exists, or its state forbids the change."""


class UsageError(EngineError):
    """The options make no sense together; nothing was sent."""
