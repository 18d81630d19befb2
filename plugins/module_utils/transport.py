# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""HTTP, and nothing of workflows: one request, one reply, with the TLS options that all modules share."""

from __future__ import annotations

import http.client
import json
import socket
from urllib.error import HTTPError, URLError

from ansible.module_utils.urls import Request

from .errors import UnreachableError


class Reply:
    """A reply of any status, its body read."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self):
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self):
        """The body as a value; raises ValueError if it isn't JSON."""
        return json.loads(self.text)


class Transport:
    """Sends requests; raises UnreachableError when no reply comes."""

    def __init__(self, options):
        self._request = Request(
            timeout=options["request_timeout"],
            validate_certs=options["validate_certs"],
            ca_path=options["ca_cert"],
            client_cert=options["client_cert"],
            client_key=options["client_key"],
            http_agent="maestrale.mistral",
            follow_redirects="safe",
            use_netrc=False,
        )

    def send(self, method, url, headers=None, body=None, timeout=None):
        """Send one request and read the reply whole."""
        try:
            with self._request.open(method, url, data=body, headers=headers or {}, timeout=timeout) as reply:
                return Reply(reply.status, reply.headers, reply.read())
        except HTTPError as error:
            with error:
                return Reply(error.code, error.headers, error.read())
        except (URLError, OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            never_sent = isinstance(reason, (ConnectionRefusedError, socket.gaierror))
            raise UnreachableError(f"No answer from {url}: {reason}", was_sent=not never_sent, method=method, url=url) from error
