# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""Retries, renewal, refusals, and the guard of check mode."""

from __future__ import annotations

import pytest
from ansible_collections.maestrale.mistral.plugins.module_utils.client import Client
from ansible_collections.maestrale.mistral.plugins.module_utils.connection import Connection, Credentials
from ansible_collections.maestrale.mistral.plugins.module_utils.errors import (
    ConflictError,
    EngineError,
    NotFoundError,
    UnreachableError,
    UsageError,
)
from ansible_collections.maestrale.mistral.plugins.module_utils.kinds import ENVIRONMENT
from ansible_collections.maestrale.mistral.plugins.module_utils.transport import Reply

OK = Reply(200, {}, b"{}")


class Line:
    """A transport that answers what it is told, in turn."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    def send(self, method, url, headers=None, body=None, timeout=None):
        self.sent.append((method, url, headers))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def client_on(line, credentials=None, **options):
    naps = []
    client = Client(Connection("http://engine", credentials or Credentials(), line, 3), sleep=naps.append, **options)
    return client, naps


def busy(headers=None):
    return Reply(503, headers or {}, b"busy")


@pytest.mark.parametrize(
    ("method", "answers", "tries"),
    [
        ("GET", [busy(), OK], 2),
        ("GET", [UnreachableError("gone"), UnreachableError("gone"), OK], 3),
        ("PUT", [busy(), OK], 2),
        ("DELETE", [busy(), OK], 2),
        ("POST", [UnreachableError("refused", was_sent=False), OK], 2),
    ],
)
def test_what_does_no_harm_is_repeated(method, answers, tries):
    line = Line(*answers)
    client, naps = client_on(line)
    assert client.request(method, ("environments",)).status == 200
    assert len(line.sent) == tries
    assert naps == sorted(naps)


@pytest.mark.parametrize("answer", [busy(), UnreachableError("gone")])
def test_a_post_is_not_repeated_unless_it_may_be(answer):
    line = Line(answer)
    client, dummy = client_on(line)
    with pytest.raises(EngineError):
        client.create(ENVIRONMENT, {})
    assert len(line.sent) == 1
    line = Line(answer, OK)
    client_on(line)[0].create(ENVIRONMENT, {}, may_repeat=True)
    assert len(line.sent) == 2


def test_tries_are_bounded():
    line = Line(*[busy()] * 10)
    with pytest.raises(EngineError) as caught:
        client_on(line)[0].request("GET", ("environments",))
    assert caught.value.status == 503
    assert len(line.sent) == 4


def test_the_engine_says_how_long_to_pause():
    client, naps = client_on(Line(busy({"Retry-After": "2"}), OK))
    client.request("GET", ("environments",))
    assert naps == [2.0]


def test_an_expired_token_is_renewed_once():
    class Expiring(Credentials):
        def renew(self):
            self._headers = {"X-Auth-Token": "new"}
            return True

    line = Line(Reply(401, {}, b""), OK)
    client_on(line, Expiring({"X-Auth-Token": "old"}))[0].request("GET", ("environments",))
    assert [headers["X-Auth-Token"] for dummy, dummy, headers in line.sent] == ["old", "new"]
    with pytest.raises(EngineError):
        client_on(Line(Reply(401, {}, b""), Reply(401, {}, b"")), Expiring())[0].request("GET", ("environments",))


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        (Reply(404, {}, b'{"faultstring": "no x"}'), NotFoundError, "HTTP 404: no x"),
        (Reply(409, {}, b'{"faultstring": "is there"}'), ConflictError, "HTTP 409: is there"),
        (Reply(401, {"Server-Error-Message": "who?"}, b"<html>"), EngineError, "HTTP 401: who?"),
        (Reply(405, {}, b"not that"), EngineError, "HTTP 405: not that"),
        (Reply(418, {}, b""), EngineError, "HTTP 418 from GET http://engine/v2/environments"),
    ],
)
def test_a_refusal_becomes_one_sentence(reply, kind, message):
    with pytest.raises(kind) as caught:
        client_on(Line(reply))[0].request("GET", ("environments",))
    assert caught.value.message == message


def test_names_are_quoted():
    line = Line(OK)
    client_on(line)[0].get(ENVIRONMENT, "a/b c", {"namespace": "", "x": None})
    assert line.sent[0][1] == "http://engine/v2/environments/a%2Fb%20c?namespace="


def test_writing_in_check_mode_is_a_bug():
    line = Line()
    client, dummy = client_on(line, read_only=True)
    for call in (
        lambda: client.create(ENVIRONMENT, {}),
        lambda: client.delete(ENVIRONMENT, "x"),
        lambda: client.update(ENVIRONMENT, "x", {}),
    ):
        with pytest.raises(UsageError):
            call()
    assert not line.sent
