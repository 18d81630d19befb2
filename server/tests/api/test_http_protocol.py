from __future__ import annotations

import asyncio
import json
import socket

import pytest
from live import running

from maestrale.http_protocol import GatheringTransport

WAIT = 20


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with running(tmp_path_factory.mktemp("protocol")) as server:
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        yield host, int(port)


def asked(connection, path):
    """The first thing that comes after a request."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection.recv(1 << 20)


def test_an_answer_comes_in_one_segment(address):
    with socket.create_connection(address, timeout=WAIT) as connection:
        for _ in range(20):
            head, _, body = asked(connection, "/v2/actions?limit=1").partition(b"\r\n\r\n")
            assert b" 200 " in head
            assert len(json.loads(body)["actions"]) == 1


def test_answers_to_requests_sent_together_come_in_their_order(address):
    with socket.create_connection(address, timeout=WAIT) as connection:
        connection.sendall(b"".join(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for path in ("/v2/", "/v2/workflows", "/nowhere")))
        received = b""
        while received.count(b"HTTP/1.1 ") < 3:
            received += connection.recv(1 << 20)
    assert [part.partition(b" ")[0] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"404"]


def test_what_is_no_http_is_answered_before_the_connection_ends(address):
    with socket.create_connection(address, timeout=WAIT) as connection:
        connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        received = b""
        while part := connection.recv(1 << 20):
            received += part
    assert received.startswith(b"HTTP/1.1 400 ")


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def write(self, data):
        self.seen.append(data)

    def close(self):
        self.seen.append("closed")

    def abort(self):
        self.seen.append("aborted")


def written(*steps):
    """What reaches the wire when the steps are taken, each in a turn of the loop."""
    wire = Wire()

    async def run():
        transport = GatheringTransport(wire, asyncio.get_running_loop())
        for step in steps:
            step(transport)
            await asyncio.sleep(0)

    asyncio.run(run())
    return wire.seen


def test_what_is_written_in_one_turn_is_sent_together():
    assert written(lambda t: (t.write(b"head"), t.write(b"body")), lambda t: t.write(b"next")) == [b"headbody", b"next"]


def test_what_was_written_is_sent_before_the_connection_is_closed():
    assert written(lambda t: (t.write(b"last"), t.close())) == [b"last", "closed"]


def test_what_was_written_is_lost_when_the_connection_is_aborted():
    assert written(lambda t: (t.write(b"lost"), t.abort())) == ["aborted"]


def test_memory_that_its_owner_reuses_is_sent_as_it_was():
    buffer = bytearray(b"one")

    def write_and_reuse(transport):
        transport.write(buffer)
        buffer[:] = b"two"

    assert written(write_and_reuse) == [b"one"]
