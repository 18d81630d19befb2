"""``std.email`` (4.2): a message over SMTP, plain or plain with HTML."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from maestrale.actions.protocol import Action, ActionContext
from maestrale.errors import ActionError


class EmailAction(Action):
    """Send an e-mail to all of ``to_addrs``, ``cc_addrs`` and ``bcc_addrs``.

    ``smtp_server`` is a host, with ``:port`` if it isn't 25. With ``smtp_password`` the connection is encrypted (STARTTLS) and
    ``from_addr`` logs in. ``html_body`` is sent as an alternative to ``body``.
    """

    name = "std.email"
    class_name = "mistral.actions.std_actions.SendEmailAction"

    def __init__(
        self, from_addr: str, to_addrs: list[str], smtp_server: str, reply_to: str | list[str] | None = None,
        cc_addrs: list[str] | None = None, bcc_addrs: list[str] | None = None, smtp_password: str | None = None,
        subject: str | None = None, body: str | None = None, html_body: str | None = None,
    ) -> None:
        self.sender, self.server, self.password = from_addr, str(smtp_server), smtp_password
        self.to, self.cc, self.bcc = _addresses(to_addrs), _addresses(cc_addrs), _addresses(bcc_addrs)
        self.reply_to = _addresses(reply_to)
        self.subject, self.body, self.html_body = subject or "<No subject>", body or "<No body>", html_body
        self._smtp: smtplib.SMTP | None = None

    def run(self, context: ActionContext) -> None:
        """Null (L391)."""
        settings = context.settings
        try:
            message = self._message()
            host, port = _host_and_port(self.server)
            with smtplib.SMTP(host, port, timeout=settings.smtp_timeout) as smtp:
                self._smtp = smtp
                if self.password is not None:
                    smtp.starttls(context=_tls(verify=settings.smtp_verify, ca_file=settings.ca_file))
                    smtp.login(self.sender, self.password)
                smtp.send_message(message, self.sender, [*self.cc, *self.bcc, *self.to])
        except (OSError, smtplib.SMTPException, ValueError, UnicodeError) as error:
            raise ActionError(f"Failed to send an email message: {error}") from error

    def cancel(self) -> None:
        """Break the connection."""
        if self._smtp is not None:
            with contextlib.suppress(OSError):
                self._smtp.close()

    def _message(self) -> EmailMessage:
        """The message with its headers. Raises ValueError for a line break in one."""
        message = EmailMessage()
        message["Subject"] = self.subject
        message["From"] = self.sender
        message["To"] = ", ".join(self.to)
        if self.cc:
            message["Cc"] = ", ".join(self.cc)
        if self.reply_to:
            message["Reply-To"] = ", ".join(self.reply_to)
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain="maestrale.invalid")
        message.set_content(self.body)
        if self.html_body:
            message.add_alternative(self.html_body, subtype="html")
        return message


def _host_and_port(server: str) -> tuple[str, int]:
    """The parts of ``host:port``; 0 stands for the usual port. Raises ValueError for a port that is no number."""
    host, separator, port = server.rpartition(":")
    if not separator or ":" in host:
        return server.strip("[]"), 0
    return host, int(port)


def _addresses(value: str | list[str] | None) -> list[str]:
    """A list of addresses; text may hold several, with commas."""
    if not value:
        return []
    items = value.split(",") if isinstance(value, str) else value
    return [str(item).strip() for item in items if str(item).strip()]


def _tls(*, verify: bool, ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
