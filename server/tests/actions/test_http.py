"""``std.http`` and ``std.mistral_http`` against a server on 127.0.0.2."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from desk import IDENT, OPEN
from http_peer import Peer, PeerHandler

from maestrale.actions import RunRequest
from maestrale.actions.egress import EgressError, EgressPolicy


@pytest.fixture
def raw() -> Iterator[Callable[[bytes], str]]:
    """A server that sends given bytes once it has read a request's head, and closes."""
    sockets = []

    def serve(*answers: bytes, close: bool = True) -> str:
        listener = socket.create_server(("127.0.0.2", 0))
        sockets.append(listener)

        def work() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                connection.recv(65536)
                connection.sendall(answer)
                if close:
                    connection.close()
                else:
                    sockets.append(connection)

        threading.Thread(target=work, daemon=True).start()
        return f"http://127.0.0.2:{listener.getsockname()[1]}/"

    yield serve
    for each in sockets:
        each.close()


def test_L381_the_result_has_nine_keys(desk: Any, peer: Peer) -> None:
    peer.routes["/json"] = lambda h: h.answer(body='{"ok": true}', Content_Type="application/json", X_Reply="yes", Set_Cookie="a=b; Path=/")
    value = desk.run("std.http", url=f"{peer.url}/json").data
    assert list(value) == ["content", "status", "headers", "url", "history", "encoding", "reason", "cookies", "elapsed"]
    assert value["content"] == {"ok": True}
    assert (value["status"], value["reason"], value["encoding"], value["history"]) == (200, "OK", "utf-8", [])
    assert value["headers"]["X-Reply"] == "yes"
    assert value["headers"]["Content-Length"] == "12"
    assert value["url"] == f"{peer.url}/json"
    assert value["cookies"] == {"a": "b"}
    assert 0 < value["elapsed"] < 5


@pytest.mark.parametrize(("body", "content_type", "content", "encoding"), [
    (b'{"a": 1}', "text/plain", {"a": 1}, "ISO-8859-1"),
    (b'{"a": 1}', None, {"a": 1}, None),
    (b'{"broken": ', "application/json", '{"broken": ', "utf-8"),
    (b"plain", "text/plain; charset=utf-8", "plain", "utf-8"),
    ("\u00e9t\u00e9".encode(), "text/html", "\u00e9t\u00e9", "ISO-8859-1"),
    (b"\xe9t\xe9", "text/html; charset=latin-1", "\u00e9t\u00e9", "latin-1"),
    (b"\xff\xfe", "application/octet-stream", "\ufffd\ufffd", None),
    (b"\xff", "text/plain; charset=no-such", "\ufffd", "no-such"),
    (b"NaN", "application/json", "NaN", "utf-8"),
    (b"123456789012345678901234567890", "application/json", 123456789012345678901234567890, "utf-8"),
    (b'"\\ud800"', "application/json", "?", "utf-8"),
    (b"[" * 300 + b"]" * 300, "application/json", "[" * 300 + "]" * 300, "utf-8"),
    (b"", "application/json", "", "utf-8"),
])
def test_L382_json_is_parsed_whatever_its_type_and_other_text_kept(
    desk: Any, peer: Peer, body: bytes, content_type: str | None, content: Any, encoding: str | None,
) -> None:
    peer.routes["/"] = lambda h: h.answer(body=body, **({"Content_Type": content_type} if content_type else {}))
    value = desk.run("std.http", url=f"{peer.url}/").data
    assert (value["content"], value["encoding"]) == (content, encoding)


def test_L382_an_empty_reply_has_empty_content(desk: Any, raw: Any) -> None:
    value = desk.run("std.http", url=raw(b"HTTP/1.1 204 No Content\r\n\r\n")).data
    assert (value["content"], value["status"], value["reason"], value["encoding"]) == ("", 204, "No Content", None)


@pytest.mark.parametrize(("status", "state"), [
    (200, "SUCCESS"), (299, "SUCCESS"), (300, "SUCCESS"), (302, "SUCCESS"), (306, "SUCCESS"), (307, "ERROR"), (308, "ERROR"),
    (400, "ERROR"), (404, "ERROR"), (500, "ERROR"), (599, "ERROR"),
])
def test_L383_a_status_outside_200_to_306_fails_with_the_same_mapping(desk: Any, peer: Peer, status: int, state: str) -> None:
    peer.routes["/"] = lambda h: h.answer(status, '{"status": 1}')
    result = desk.run("std.http", url=f"{peer.url}/")
    assert (result.state, result.value["status"], result.value["content"]) == (state, status, {"status": 1})


@pytest.mark.parametrize("inputs", [{}, {"allow_redirects": False}, {"allow_redirects": None}])
def test_L384_redirects_are_not_followed_unless_asked(desk: Any, peer: Peer, inputs: dict[str, Any]) -> None:
    peer.routes["/from"] = lambda h: h.answer(302, Location="/to")
    value = desk.run("std.http", url=f"{peer.url}/from", **inputs).data
    assert (value["status"], value["content"], value["reason"]) == (302, "", "Found")


@pytest.mark.parametrize(("status", "method", "then"), [
    (301, "POST", "GET"), (302, "POST", "GET"), (303, "PUT", "GET"), (307, "POST", "POST"), (308, "PUT", "PUT"), (302, "HEAD", "HEAD"),
    (301, "PUT", "PUT"),
])
def test_L384_followed_redirects_change_the_method_as_clients_do(desk: Any, peer: Peer, status: int, method: str, then: str) -> None:
    peer.routes["/from"] = lambda h: h.answer(status, Location="to?x=1")
    peer.routes["/to"] = lambda h: h.answer(200, "there")
    value = desk.run("std.http", url=f"{peer.url}/from", method=method, body="data", allow_redirects=True).data
    assert value["url"] == f"{peer.url}/to?x=1"
    assert value["history"] == [f"<Response [{status}]>"]
    assert (peer.seen[1]["method"], peer.seen[1]["body"]) == (then, "data" if then == method else "")


def test_redirects_end_somewhere(desk: Any, peer: Peer) -> None:
    peer.routes["/"] = lambda h: h.answer(302, Location="/")
    result = desk.run("std.http", url=f"{peer.url}/", allow_redirects=True)
    assert "Failed to send HTTP request: Exceeded 30 redirects." in result.error


def test_a_redirect_to_another_place_takes_no_credentials_along(desk: Any, peer: Peer) -> None:
    other = Peer("127.0.0.3")
    threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
    peer.routes["/"] = lambda h: h.answer(302, Location=f"{other.url}/there")
    other.routes["/there"] = lambda h: h.answer()
    desk.run("std.http", url=f"{peer.url}/", allow_redirects=True, auth="me:pw", cookies={"s": "1"}, headers={"X-Token": "t"})
    other.shutdown()
    other.server_close()
    assert peer.seen[0]["headers"]["Authorization"] == "Basic " + base64.b64encode(b"me:pw").decode()
    headers = other.seen[0]["headers"]
    assert "Authorization" not in headers
    assert "Cookie" not in headers
    assert headers["X-Token"] == "t"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "delete", "PROPFIND"])
def test_L381_the_method_is_sent_in_capitals(desk: Any, peer: Peer, method: str) -> None:
    peer.routes["/"] = lambda h: h.answer()
    assert desk.run("std.http", url=peer.url, method=method).state == "SUCCESS"
    assert [seen["method"] for seen in peer.seen] == [method.upper()]


@pytest.mark.parametrize("name", ["std.http", "std.mistral_http"])
def test_L385_body_and_json_is_a_failure_to_instantiate(desk: Any, name: str) -> None:
    inputs = {"url": "http://127.0.0.2/", "body": "text", "json": {"a": 1}}
    descriptor = desk.registry.descriptor(name)
    text = (f"Failed to instantiate an action [action_desc=Python action [name={name}, "
            f"cls=<class '{descriptor.class_name}'>]]: Only one of the parameters 'json' and 'body' can be passed.")
    assert descriptor.construct_error(inputs) == text
    desk.submit(name, **inputs)
    assert desk.wait().error == text
    assert descriptor.construct_error({"body": "text", "json": None}) is None


def test_L386_numeric_headers_become_text(desk: Any, peer: Peer) -> None:
    peer.routes["/"] = lambda h: h.answer()
    desk.run("std.http", url=f"{peer.url}/", headers={"X-Num": 5, "X-Text": "abc", "X-Float": 1.5, "Accept": "text/x", "X-None": None})
    headers = peer.seen[0]["headers"]
    assert (headers["X-Num"], headers["X-Text"], headers["X-Float"], headers["Accept"]) == ("5", "abc", "1.5", "text/x")
    assert "X-None" not in headers


@pytest.mark.parametrize(("inputs", "body", "content_type"), [
    ({"body": {"a": [1, None]}}, '{"a": [1, null]}', None),
    ({"body": [1]}, "[1]", None),
    ({"body": "as it is \u00e9"}, "as it is \u00e9", None),
    ({"json": {"a": [1, None]}}, '{"a": [1, null]}', "application/json"),
    ({"json": []}, "[]", "application/json"),
    ({"json": {"a": 1}, "headers": {"content-type": "application/x"}}, '{"a": 1}', "application/x"),
    ({}, "", None),
])
def test_L387_mappings_in_body_are_sent_as_json_text(
    desk: Any, peer: Peer, inputs: dict[str, Any], body: str, content_type: str | None,
) -> None:
    peer.routes["/"] = lambda h: h.answer()
    desk.run("std.http", url=f"{peer.url}/", method="POST", **inputs)
    headers = {name.lower(): value for name, value in peer.seen[0]["headers"].items()}
    assert (peer.seen[0]["body"], headers.get("content-type"), headers["content-length"]) == (
        body, content_type, str(len(body.encode())))


@pytest.mark.parametrize(("url", "params", "path"), [
    ("/p", {"q": 1, "b": True, "n": None, "l": ["x", "y z"]}, "/p?q=1&b=True&l=x&l=y+z"),
    ("/p?a=1", {"q": "\u00e9&"}, "/p?a=1&q=%C3%A9%26"),
    ("/p", "raw=1&x=a b", "/p?raw=1&x=a%20b"),
    ("/p", [["a", 1], ["a", 2]], "/p?a=1&a=2"),
    ("/p q/\u00e9%20#frag", None, "/p%20q/%C3%A9%20"),
    ("", None, "/"),
    ("?x=1", None, "/?x=1"),
])
def test_the_address_and_params_make_the_request_target(desk: Any, peer: Peer, url: str, params: Any, path: str) -> None:
    peer.routes = dict.fromkeys(["/p", "/", "/p%20q/%C3%A9%20"], PeerHandler.answer)
    value = desk.run("std.http", url=f"{peer.url}{url}", params=params).data
    assert peer.seen[0]["path"] == path
    assert value["url"] == f"{peer.url}{path}"


def test_cookies_and_credentials_are_sent(desk: Any, peer: Peer) -> None:
    peer.routes["/"] = lambda h: h.answer()
    desk.run("std.http", url=f"{peer.url}/", cookies={"a": "1", "b": "2"}, auth="me:pw")
    desk.run("std.http", url=peer.url.replace("//", "//you:p%40w@") + "/")
    assert peer.seen[0]["headers"]["Cookie"] == "a=1; b=2"
    assert [base64.b64decode(seen["headers"]["Authorization"][6:]) for seen in peer.seen] == [b"me:pw", b"you:p@w"]


@pytest.mark.parametrize("inputs", [
    {"auth": "nocolon"}, {"auth": "a:b:c"}, {"headers": {"X": "a\r\nEvil: 1"}}, {"headers": {"X": {"a": 1}}}, {"timeout": "soon"},
    {"timeout": 0}, {"method": "GET /x HTTP/1.1\r\n"}, {"json": float("nan")}, {"headers": {"X\r\nY": "1"}},
])
def test_inputs_that_make_no_request_are_failures_to_send(desk: Any, peer: Peer, inputs: dict[str, Any]) -> None:
    result = desk.run("std.http", url=f"{peer.url}/", **inputs)
    assert "msg='Failed to send HTTP request: " in result.error
    assert peer.seen == []


def test_A364_L388_a_reply_slower_than_the_timeout_fails(desk: Any, raw: Any) -> None:
    started = time.monotonic()
    result = desk.run("std.http", url=raw(b"", close=False), timeout=0.2)
    assert "Failed to send HTTP request: " in result.error
    assert "Read timed out. (read timeout=0.2)" in result.error
    assert time.monotonic() - started < 5


def test_L388_the_timeout_counts_from_the_last_byte(desk: Any, peer: Peer) -> None:
    def drip(handler: PeerHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "6")
        handler.end_headers()
        for _ in range(6):
            time.sleep(0.15)
            handler.wfile.write(b"x")

    peer.routes["/"] = drip
    assert desk.run("std.http", url=f"{peer.url}/", timeout=0.5).data["content"] == "xxxxxx"


def test_L388_the_default_timeout_is_60_seconds(desk: Any) -> None:
    assert desk.runner.settings.http_default_timeout == 60


@pytest.mark.parametrize("answer", [
    b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"SSH-2.0-x\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
])
def test_L388_broken_answers_are_failures_to_send(desk: Any, raw: Any, answer: bytes) -> None:
    result = desk.run("std.http", url=raw(answer, answer))
    assert "msg='Failed to send HTTP request: " in result.error


def test_L388_a_closed_port_is_a_failure_to_send(desk: Any) -> None:
    result = desk.run("std.http", url="http://127.0.0.2:1/")
    assert result.error.startswith(
        f"The action raised an exception [action=<mistral.actions.std_actions.HTTPAction object>, action_ex_id={IDENT}, "
        "msg='Failed to send HTTP request: Connection to 127.0.0.2:1 failed: ")


@pytest.mark.parametrize(("answer", "content"), [
    (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: 1\r\n\r\n", "abcde"),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (
        len(gzip.compress(b"zipped")), gzip.compress(b"zipped")), "zipped"),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n" + zlib.compress(b"deflated"), "deflated"),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n" + zlib.compress(b"deflated")[2:-4], "deflated"),
])
def test_all_ways_to_send_a_body_are_understood(desk: Any, raw: Any, answer: bytes, content: str) -> None:
    assert desk.run("std.http", url=raw(answer)).data["content"] == content


def test_headers_sent_twice_are_joined(desk: Any, raw: Any) -> None:
    value = desk.run("std.http", url=raw(
        b"HTTP/1.1 200 OK\r\nX-a: 1\r\nx-A: 2\r\nSet-Cookie: s=1; Path=/\r\nSet-Cookie: t=2\r\nSet-Cookie: s=; Max-Age=0\r\n"
        b"Content-Length: 0\r\n\r\n")).data
    assert value["headers"]["X-a"] == "1, 2"
    assert value["cookies"] == {"t": "2"}


def test_a_head_request_has_no_body(desk: Any, peer: Peer) -> None:
    peer.routes["/"] = lambda h: h.answer(body="not sent")
    for _ in range(2):
        value = desk.run("std.http", url=f"{peer.url}/", method="head").data
        assert (value["content"], value["headers"]["Content-Length"]) == ("", "8")
    assert peer.connections == 1


def test_connections_are_kept_for_the_next_request(desk: Any, peer: Peer) -> None:
    peer.routes["/"] = lambda h: h.answer(body="x")
    for _ in range(5):
        desk.run("std.http", url=f"{peer.url}/")
    assert peer.connections == 1


def test_a_kept_connection_that_was_closed_is_replaced(desk: Any, raw: Any) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    url = raw(answer, answer, answer)
    for _ in range(3):
        assert desk.run("std.http", url=url).data["content"] == "ok"


def test_who_hangs_up_on_a_kept_connection_is_asked_once_more_and_not_on_each_kept_one(desk: Any, peer: Peer) -> None:
    asked = []

    def hang_up(handler: PeerHandler) -> None:
        asked.append(1)
        handler.close_connection = True

    peer.routes["/slow"] = lambda h: (time.sleep(0.2), h.answer(body="x"))
    peer.routes["/"] = hang_up
    for number in range(5):
        desk.runner.submit(RunRequest(attempt_id=f"n{number}", name="std.http", input={"url": f"{peer.url}/slow"}))
    desk.wait_for(lambda: len(desk.results) == 5)

    assert desk.run("std.http", url=f"{peer.url}/").state == "ERROR"
    assert len(asked) == 2


def test_hundreds_of_requests_go_out_at_once(desk: Any, peer: Peer) -> None:
    peer.request_queue_size = 500
    peer.socket.listen(500)
    peer.routes["/"] = lambda h: (time.sleep(0.2), h.answer(body="x"))
    started = time.monotonic()
    for number in range(150):
        desk.runner.submit(RunRequest(attempt_id=f"n{number}", name="std.http", input={"url": f"{peer.url}/?{number}"}))
    desk.wait_for(lambda: len(desk.results) == 150)
    assert {result.state for result in desk.results.values()} == {"SUCCESS"}
    assert time.monotonic() - started < 6


def test_no_more_connections_than_allowed(make_desk: Any, peer: Peer) -> None:
    desk = make_desk(http_connections=3)
    active, most, lock = [], [], threading.Lock()

    def count(handler: PeerHandler) -> None:
        with lock:
            active.append(1)
            most.append(len(active))
        time.sleep(0.05)
        with lock:
            active.pop()
        handler.answer()

    peer.routes["/"] = count
    for number in range(12):
        desk.runner.submit(RunRequest(attempt_id=f"n{number}", name="std.http", input={"url": f"{peer.url}/?{number}"}))
    desk.wait_for(lambda: len(desk.results) == 12)
    assert max(most) == 3


def test_cancel_breaks_a_request_off(desk: Any, peer: Peer) -> None:
    entered, ended = threading.Event(), threading.Event()

    def hang(handler: PeerHandler) -> None:
        entered.set()
        handler.connection.settimeout(20)
        if handler.connection.recv(1) == b"":
            ended.set()

    peer.routes["/"] = hang
    desk.submit("std.http", url=f"{peer.url}/")
    assert entered.wait(5)
    desk.runner.cancel(IDENT)
    assert desk.wait().cancelled
    assert ended.wait(5)


@pytest.mark.parametrize(("url", "text"), [
    ("http://127.0.0.1:9/x", "URL host '127.0.0.1' resolves to a blocked address (127.0.0.1)."),
    ("http://localhost:9/x", "URL host 'localhost' resolves to a blocked address ("),
    ("http://2130706433/", "URL host '2130706433' resolves to a blocked address (127.0.0.1)."),
    ("http://0x7f.1/", "URL host '0x7f.1' resolves to a blocked address (127.0.0.1)."),
    ("http://[::1]/", "URL host '::1' resolves to a blocked address (::1)."),
    ("http://[::ffff:127.0.0.1]/", "URL host '::ffff:127.0.0.1' resolves to a blocked address ("),
    ("http://[64:ff9b::7f00:1]/", "resolves to a blocked address ("),
    ("http://0.0.0.0/", "URL host '0.0.0.0' resolves to a blocked address (0.0.0.0)."),
    ("http://[::]/", "resolves to a blocked address (::)."),
    ("http://169.254.169.254/latest/meta-data/", "URL host '169.254.169.254' resolves to a blocked address (169.254.169.254)."),
    ("http://[fe80::1%25lo]/", "resolves to a blocked address ("),
    ("ftp://127.0.0.2/", "URL scheme 'ftp' is not allowed (only http and https are)."),
    ("file:///etc/passwd", "URL scheme 'file' is not allowed (only http and https are)."),
    ("/no/scheme", "URL scheme '' is not allowed (only http and https are)."),
    ("http:///x", "URL does not contain a host."),
])
def test_A364_L389_the_egress_policy_refuses(desk: Any, url: str, text: str) -> None:
    error = desk.run("std.http", url=url).error
    assert text in error
    assert "Failed to send" not in error


def test_A275_A364_L389_all_of_loopback_is_denied_by_default(make_desk: Any, peer: Peer) -> None:
    from maestrale.actions import ActionSettings

    desk = make_desk(http_denied_cidrs=ActionSettings().http_denied_cidrs)
    assert "URL host '127.0.0.2' resolves to a blocked address (127.0.0.2)." in desk.run("std.http", url=peer.url).error
    assert peer.connections == 0


@pytest.mark.parametrize(("host", "is_allowed"), [
    ("api.example.org", True), ("A.B.example.org", True), ("example.org", False), ("badexample.org", False), ("example.org.evil", False),
])
def test_A364_L389_a_star_stands_for_every_name_below(host: str, is_allowed: bool) -> None:
    policy = EgressPolicy.of([], ["*.Example.org"])

    with contextlib.nullcontext() if is_allowed else pytest.raises(EgressError):
        policy.check_host(host)


def test_A364_L389_only_allowed_hosts(make_desk: Any, peer: Peer) -> None:
    peer.routes["/"] = lambda h: h.answer()
    desk = make_desk(http_allowed_hosts=("127.0.0.2", "API.example"))
    assert desk.run("std.http", url=peer.url).state == "SUCCESS"
    assert "Host '127.0.0.3' is not in [action_std_http] allowed_hosts." in desk.run("std.http", url="http://127.0.0.3/").error
    EgressPolicy.of((), ("API.example",)).check_url("https://api.EXAMPLE/")


def test_L389_each_hop_of_a_redirect_is_judged(desk: Any, peer: Peer) -> None:
    peer.routes["/"] = lambda h: h.answer(302, Location="http://169.254.169.254/latest")
    peer.routes["/scheme"] = lambda h: h.answer(302, Location="file:///etc/passwd")
    assert "resolves to a blocked address (169.254.169.254)" in desk.run("std.http", url=peer.url, allow_redirects=True).error
    assert "URL scheme 'file' is not allowed" in desk.run("std.http", url=f"{peer.url}/scheme", allow_redirects=True).error


def test_L389_the_judged_address_is_the_one_connected_to(desk: Any, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to an allowed address first and to a denied one later is asked about once only."""
    from maestrale.actions import http_client

    answers = [["127.0.0.2"], ["127.0.0.1"]]

    async def resolve(*_: Any) -> list[str]:
        return answers.pop(0)

    monkeypatch.setattr(http_client, "_resolve", resolve)
    peer.routes["/"] = lambda h: h.answer(body="fine")
    url = f"http://rebound.example:{peer.server_address[1]}/"
    assert desk.run("std.http", url=url, headers={"Connection": "close"}).data["content"] == "fine"
    assert peer.seen[0]["headers"]["Host"] == f"rebound.example:{peer.server_address[1]}"
    assert answers == [["127.0.0.1"]]


def test_one_denied_address_of_many_denies_the_host() -> None:
    with pytest.raises(EgressError, match="resolves to a blocked address \\(127.0.0.1\\)"):
        EgressPolicy.of(OPEN).check_addresses("two.example", ["192.0.2.1", "127.0.0.1"])


def test_a_name_that_does_not_resolve_fails_on_connecting(desk: Any) -> None:
    error = desk.run("std.http", url="http://no-such-host.invalid/").error
    assert "Failed to send HTTP request: Connection to no-such-host.invalid:80 failed: " in error


@pytest.mark.parametrize(("answer", "text"), [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "HTTP response is too large (Content-Length=1001, limit=1000 bytes)."),
    (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 5000, "HTTP response is too large (received="),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" + b"x" * 0x800 + b"\r\n", "HTTP response is too large (received="),
    (b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 10**7), "HTTP response is too large (received=1001,"),
])
def test_A364_a_response_is_limited_in_size_while_it_comes(make_desk: Any, raw: Any, answer: bytes, text: str) -> None:
    error = make_desk(http_response_max=1000).run("std.http", url=raw(answer)).error
    assert f"msg='{text}" in error


def test_a_large_body_is_sent(desk: Any, peer: Peer) -> None:
    peer.routes["/"] = lambda h: h.answer(body=str(len(h.body)))
    assert desk.run("std.http", url=peer.url, method="POST", body="x" * 3_000_000).data["content"] == 3_000_000


def test_L390_mistral_http_sends_five_headers_and_waits(desk: Any, peer: Peer) -> None:
    peer.routes["/accept"] = lambda h: h.answer(202, '{"ignored": 1}')
    desk.runner.submit(RunRequest(
        attempt_id=IDENT, name="std.mistral_http", input={"url": f"{peer.url}/accept", "method": "POST", "json": {"job": 1}},
        workflow_name="w", workflow_execution_id="e1", task_execution_id="t1"))
    desk.wait_for(lambda: desk.released == [IDENT])
    assert desk.results == {}
    headers = peer.seen[0]["headers"]
    assert {name: value for name, value in headers.items() if name.startswith("Mistral-")} == {
        "Mistral-Workflow-Name": "w", "Mistral-Workflow-Execution-Id": "e1", "Mistral-Task-Id": "t1",
        "Mistral-Action-Execution-Id": IDENT, "Mistral-Callback-URL": f"/v2/action_executions/{IDENT}"}
    assert json.loads(peer.seen[0]["body"]) == {"job": 1}


def test_L390_an_error_status_completes_mistral_http_with_an_error(desk: Any, peer: Peer) -> None:
    peer.routes["/accept"] = lambda h: h.answer(503, "busy")
    desk.submit("std.mistral_http", url=f"{peer.url}/accept")
    result = desk.wait()
    assert (result.state, result.value["status"], result.value["content"]) == ("ERROR", 503, "busy")


def test_L390_mistral_http_takes_what_std_http_takes(desk: Any, peer: Peer) -> None:
    peer.routes["/from"] = lambda h: h.answer(307, Location="/to")
    peer.routes["/to"] = lambda h: h.answer()
    desk.submit(
        "std.mistral_http", url=f"{peer.url}/from", method="PUT", params={"q": 1}, body="text", headers={"X-Num": 5}, cookies={"a": "1"},
        auth="me:pw", timeout=5, allow_redirects=True)
    desk.wait_for(lambda: desk.released == [IDENT])
    first, second = peer.seen
    assert (first["method"], first["path"], first["body"]) == ("PUT", "/from?q=1", "text")
    assert (first["headers"]["X-Num"], first["headers"]["Cookie"]) == ("5", "a=1")
    assert base64.b64decode(first["headers"]["Authorization"][6:]) == b"me:pw"
    assert (second["method"], second["path"], second["headers"]["Mistral-Action-Execution-Id"]) == ("PUT", "/to", IDENT)


def test_L390_a_redirect_that_is_not_followed_is_no_error_to_mistral_http(desk: Any, peer: Peer) -> None:
    peer.routes["/"] = lambda h: h.answer(302, Location="/to")
    desk.submit("std.mistral_http", url=peer.url)
    desk.wait_for(lambda: desk.released == [IDENT])
    assert (desk.results, len(peer.seen)) == ({}, 1)


@pytest.mark.parametrize("inputs", [{"timeout": 0.2}, {"proxies": {"http": "http://127.0.0.2:1"}}])
def test_L390_a_request_that_is_not_answered_completes_mistral_http_with_an_error(desk: Any, raw: Any, inputs: dict[str, Any]) -> None:
    desk.submit("std.mistral_http", url=raw(b"", close=False), **inputs)
    assert "msg='Failed to send HTTP request: " in desk.wait().error


@pytest.fixture
def tls_peer(peer: Peer, certificate: tuple[Path, Path]) -> Peer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    peer.socket = context.wrap_socket(peer.socket, server_side=True, do_handshake_on_connect=False)
    peer.url = peer.url.replace("http:", "https:")
    peer.handle_error = lambda *_: None
    peer.routes["/"] = lambda h: h.answer(body="safe")
    return peer


def test_certificates_are_verified_unless_told_otherwise(desk: Any, tls_peer: Peer, certificate: tuple[Path, Path]) -> None:
    for verify in (None, True):
        assert "CERTIFICATE_VERIFY_FAILED" in desk.run("std.http", url=tls_peer.url, verify=verify).error
    assert desk.run("std.http", url=tls_peer.url, verify=False).data["content"] == "safe"
    desk.submit("std.mistral_http", ident="m1", url=tls_peer.url)
    assert "CERTIFICATE_VERIFY_FAILED" in desk.wait("m1").error
    desk.submit("std.mistral_http", ident="m2", url=tls_peer.url, verify=False)
    desk.wait_for(lambda: desk.released == ["m2"])
    assert desk.run("std.http", url=tls_peer.url, verify=str(certificate[0])).data["content"] == "safe"
    assert "Failed to send HTTP request" in desk.run("std.http", url=tls_peer.url, verify="/no/such/file").error


def test_the_operators_authorities_are_trusted(make_desk: Any, tls_peer: Peer, certificate: tuple[Path, Path]) -> None:
    assert make_desk(ca_file=str(certificate[0])).run("std.http", url=tls_peer.url).data["content"] == "safe"


def test_plain_requests_go_through_a_proxy(desk: Any, peer: Peer) -> None:
    peer.routes["http://127.0.0.3:8/x"] = lambda h: h.answer(body="by proxy")
    value = desk.run("std.http", url="http://127.0.0.3:8/x?q=1", proxies={"http": peer.url.replace("//", "//u:p@")}).data
    assert value["content"] == "by proxy"
    assert peer.seen[0]["path"] == "http://127.0.0.3:8/x?q=1"
    assert peer.seen[0]["headers"]["Proxy-Authorization"] == "Basic " + base64.b64encode(b"u:p").decode()


@pytest.mark.parametrize(("url", "proxy"), [("http://127.0.0.1:8/", "http://127.0.0.2:1"), ("http://127.0.0.2:8/", "127.0.0.1:3128")])
def test_a_proxy_does_not_get_around_the_policy(desk: Any, url: str, proxy: str) -> None:
    assert "resolves to a blocked address (127.0.0.1)" in desk.run("std.http", url=url, proxies={"http": proxy}).error


def test_encrypted_requests_go_through_a_proxys_tunnel(desk: Any, tls_peer: Peer, certificate: tuple[Path, Path]) -> None:
    port = tls_peer.server_address[1]
    listener = socket.create_server(("127.0.0.2", 0))
    heads = []

    def pump(source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(65536):
            target.sendall(data)

    def tunnel() -> None:
        client, _ = listener.accept()
        heads.append(client.recv(65536))
        upstream = socket.create_connection(("127.0.0.2", port))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=pump, args=(client, upstream), daemon=True).start()
        pump(upstream, client)

    threading.Thread(target=tunnel, daemon=True).start()
    value = desk.run(
        "std.http", url=tls_peer.url, verify=str(certificate[0]), proxies={"https": f"http://127.0.0.2:{listener.getsockname()[1]}"}).data
    listener.close()
    assert value["content"] == "safe"
    assert heads[0].startswith(f"CONNECT 127.0.0.2:{port} HTTP/1.1\r\n".encode())
