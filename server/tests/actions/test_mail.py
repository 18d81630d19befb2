"""``std.email`` against a real SMTP server."""

from __future__ import annotations

import email
import email.policy
import smtplib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiosmtpd", reason="the SMTP server of these tests, aiosmtpd, is not installed")

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Box:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []
        self.logins: list[tuple[bytes, bytes, bool]] = []
        self.refused: set[str] = set()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return "550 not here"
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        return "250 kept"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        self.logins.append((data.login, data.password, session.ssl is not None))
        return AuthResult(success=data.password == b"right", handled=False)

    def message(self) -> Any:
        [envelope] = self.envelopes
        return email.message_from_bytes(envelope.content, policy=email.policy.default)


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def server(box: Box) -> Iterator[str]:
    controller = Controller(box, hostname="127.0.0.2", port=0, enable_SMTPUTF8=True)
    yield from serve(controller)


def serve(controller: Controller) -> Iterator[str]:
    controller.port = free_port()
    controller.start()
    yield f"127.0.0.2:{controller.port}"
    controller.stop()


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.2", 0)) as listener:
        return int(listener.getsockname()[1])


def test_L391_a_plain_message_with_defaults(desk: Any, box: Box, server: str) -> None:
    result = desk.run("std.email", from_addr="me@example.org", to_addrs=["you@example.org"], smtp_server=server)
    assert (result.state, result.data) == ("SUCCESS", None)
    message = box.message()
    assert (message["Subject"], message["From"], message["To"]) == ("<No subject>", "me@example.org", "you@example.org")
    assert message.get_content().strip() == "<No body>"
    assert message.get_content_type() == "text/plain"
    assert message["Date"]
    assert message["Message-ID"]


def test_L391_all_kinds_of_recipients_and_html(desk: Any, box: Box, server: str) -> None:
    result = desk.run(
        "std.email", from_addr="me@example.org", to_addrs=["a@example.org", "b@example.org"], cc_addrs=["c@example.org"],
        bcc_addrs=["d@example.org"], reply_to="e@example.org", smtp_server=server, subject="Gr\u00fc\u00dfe", body="plain \u00e9",
        html_body="<b>rich</b>")
    assert result.state == "SUCCESS", result
    [envelope] = box.envelopes
    assert envelope.rcpt_tos == ["c@example.org", "d@example.org", "a@example.org", "b@example.org"]
    message = box.message()
    assert (message["To"], message["Cc"], message["Reply-To"]) == ("a@example.org, b@example.org", "c@example.org", "e@example.org")
    assert message["Subject"] == "Gr\u00fc\u00dfe"
    assert b"d@example.org" not in envelope.content
    assert message.get_content_type() == "multipart/alternative"
    plain, rich = message.iter_parts()
    assert (plain.get_content().strip(), plain.get_content_charset()) == ("plain \u00e9", "utf-8")
    assert (rich.get_content().strip(), rich.get_content_type()) == ("<b>rich</b>", "text/html")


def test_L391_an_html_body_alone_has_a_plain_stand_in(desk: Any, box: Box, server: str) -> None:
    assert desk.run(
        "std.email", from_addr="me@example.org", to_addrs=["you@example.org"], smtp_server=server, html_body="<b>x</b>").state == "SUCCESS"
    plain, rich = box.message().iter_parts()
    assert (plain.get_content().strip(), rich.get_content().strip()) == ("<No body>", "<b>x</b>")


def test_L391_addresses_may_be_text_with_commas(desk: Any, box: Box, server: str) -> None:
    assert desk.run(
        "std.email", from_addr="me@example.org", to_addrs="a@example.org, b@example.org", cc_addrs="c@example.org",
        bcc_addrs="d@example.org", reply_to=["e@example.org", "f@example.org"], smtp_server=server).state == "SUCCESS"
    [envelope] = box.envelopes
    assert envelope.mail_from == "me@example.org"
    assert envelope.rcpt_tos == ["c@example.org", "d@example.org", "a@example.org", "b@example.org"]
    assert box.message()["Reply-To"] == "e@example.org, f@example.org"


def test_L391_a_server_without_a_port_is_asked_at_the_usual_one(
    desk: Any, box: Box, server: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert smtplib.SMTP.default_port == 25
    host, _, port = server.partition(":")
    monkeypatch.setattr(smtplib.SMTP, "default_port", int(port))
    assert desk.run("std.email", from_addr="me@example.org", to_addrs=["you@example.org"], smtp_server=host).state == "SUCCESS"
    assert box.message()["To"] == "you@example.org"


def test_L391_recipients_that_are_all_refused_are_a_failure(desk: Any, box: Box, server: str) -> None:
    box.refused = {"you@example.org"}
    result = desk.run("std.email", from_addr="me@example.org", to_addrs=["you@example.org"], smtp_server=server)
    assert "msg='Failed to send an email message: {'you@example.org': (550, " in result.error
    assert box.envelopes == []


def test_L391_a_password_means_encryption_and_login(
    make_desk: Callable[..., Any], box: Box, certificate: tuple[Path, Path],
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    controller = Controller(
        box, hostname="127.0.0.2", port=0, tls_context=context, require_starttls=True, authenticator=box.authenticate)
    desk = make_desk(ca_file=str(certificate[0]))
    inputs = {"from_addr": "me@example.org", "to_addrs": ["you@example.org"]}
    for server in serve(controller):
        assert desk.run("std.email", smtp_server=server, smtp_password="right", **inputs).state == "SUCCESS"
        wrong = desk.run("std.email", smtp_server=server, smtp_password="wrong", **inputs)
        unverified = make_desk().run("std.email", smtp_server=server, smtp_password="right", **inputs)
        trusting = make_desk(smtp_verify=False).run("std.email", smtp_server=server, smtp_password="right", **inputs)
    assert box.logins[0] == (b"me@example.org", b"right", True)
    assert "msg='Failed to send an email message: (535, " in wrong.error
    assert "CERTIFICATE_VERIFY_FAILED" in unverified.error
    assert trusting.state == "SUCCESS"


@pytest.mark.parametrize("inputs", [
    {"smtp_server": "127.0.0.2:1"}, {"smtp_server": "no-such-host.invalid"}, {"smtp_server": "127.0.0.2:x"},
    {"subject": "a\r\nBcc: evil@example.org"},
])
def test_L391_what_goes_wrong_is_told(desk: Any, server: str, inputs: dict[str, Any]) -> None:
    result = desk.run("std.email", **{"from_addr": "me@x.org", "to_addrs": ["you@x.org"], "smtp_server": server, **inputs})
    assert "msg='Failed to send an email message: " in result.error
