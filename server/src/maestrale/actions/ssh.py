"""``std.ssh``, ``std.ssh_proxied`` and ``std.wait_ssh`` (4.4): a command on hosts, one after the other.

The library is the extra ``ssh``. A host may be written with a port (``host:2222``). The reason of a failure follows the reference's
sentence, which tells command and host only.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from maestrale.actions import extras
from maestrale.actions.protocol import Action, ActionContext
from maestrale.errors import ActionError

_EXTRA = "ssh"
_CHUNK = 65536
_SHOWN_STDERR = 500


class SshAction(Action):
    """Run a command over SSH; the result is its standard output, a list of them for several hosts.

    A command that ends with another status than 0 is a failure; with ``return_result_on_error`` the result is always the mapping
    ``{stdout, stderr, exit_code}``. ``private_key_filename`` is relative to the engine's folder of keys.
    """

    name = "std.ssh"
    class_name = "mistral.actions.std_actions.SSHAction"

    def __init__(
        self, cmd: str, host: str | list[str], username: str, password: str | None = "",
        private_key_filename: str | None = None, private_key: str | None = None, return_result_on_error: bool = False,
    ) -> None:
        self.cmd, self.host, self.username, self.password = cmd, host, username, password
        self.private_key_filename, self.private_key = private_key_filename, private_key
        self.return_result_on_error = return_result_on_error

    async def run(self, context: ActionContext) -> Any:
        """Output of the command (L392)."""
        library = await _library()
        hosts = self.host if isinstance(self.host, list) else [self.host]
        try:
            results = [await self._on_host(library, context, str(host)) for host in hosts]
        except (library.Error, library.KeyImportError, OSError, ValueError, UnicodeError, ActionError) as error:
            reason = str(error) or type(error).__name__
            raise ActionError(f"Failed to execute ssh cmd '{self.cmd}' on {self.host}: {reason}") from error
        return results[0] if len(results) == 1 else results

    async def _on_host(self, library: Any, context: ActionContext, host: str) -> Any:
        limit = context.settings.result_max
        async with self.connection(library, context, host) as connection, \
                await connection.create_process(self.cmd, encoding=None) as process:
            stdout, stderr = await asyncio.gather(_read(process.stdout, limit), _read(process.stderr, limit))
            completed = await process.wait()
        code = completed.exit_status if completed.exit_status is not None else -1
        if self.return_result_on_error:
            return {"stdout": stdout, "stderr": stderr, "exit_code": code}
        if code != 0:
            raise ActionError(f"exit status {code}{f': {stderr.strip()[-_SHOWN_STDERR:]}' if stderr.strip() else ''}")
        return stdout

    @contextlib.asynccontextmanager
    async def connection(self, library: Any, context: ActionContext, host: str) -> AsyncIterator[Any]:
        """A connection to the host, closed at the end."""
        name, port = _split(host)
        async with library.connect(name, port, **self.options(library, context, self.username)) as connection:
            yield connection

    def options(self, library: Any, context: ActionContext, username: str) -> dict[str, Any]:
        """How to connect: nothing of the account's own configuration counts but its keys, and those only if no other way is given.

        Raises ActionError or KeyImportError for a key that can't be used.
        """
        settings = context.settings
        options: dict[str, Any] = {
            "username": username, "config": None, "agent_path": None, "connect_timeout": settings.ssh_timeout,
            "login_timeout": settings.ssh_timeout,
            "known_hosts": str(Path(settings.ssh_known_hosts).expanduser()) if settings.ssh_known_hosts else None,
        }
        if self.password:
            options["password"] = self.password
        key = self.private_key or (
            _key_file(self.private_key_filename, settings.ssh_key_dir) if self.private_key_filename else None)
        if key is not None:
            options["client_keys"] = [library.import_private_key(key, self.password or None)]
        elif self.password:
            options["client_keys"] = None
        return options


class SshProxiedAction(SshAction):
    """Run a command over SSH on a host that is reached through a gateway.

    ``proxy_command`` runs on the gateway and has to connect its standard input and output to the host; without one the gateway
    forwards the connection itself. The key is used for both.
    """

    name = "std.ssh_proxied"
    class_name = "mistral.actions.std_actions.SSHProxiedAction"

    def __init__(
        self, cmd: str, host: str | list[str], username: str, private_key_filename: str | None, gateway_host: str,
        gateway_username: str | None = None, password: str | None = None, proxy_command: str | None = None,
        private_key: str | None = None,
    ) -> None:
        super().__init__(cmd, host, username, password, private_key_filename, private_key)
        self.gateway_host, self.gateway_username = gateway_host, gateway_username or username
        self.proxy_command = proxy_command

    @contextlib.asynccontextmanager
    async def connection(self, library: Any, context: ActionContext, host: str) -> AsyncIterator[Any]:
        """A connection to the host through one to the gateway."""
        gateway_name, gateway_port = _split(self.gateway_host)
        name, port = _split(host)
        options = self.options(library, context, self.username)
        gateway_options = self.options(library, context, self.gateway_username)
        async with library.connect(gateway_name, gateway_port, **gateway_options) as gateway:
            if self.proxy_command is None:
                async with library.connect(name, port, tunnel=gateway, **options) as connection:
                    yield connection
                return
            async with await gateway.create_process(self.proxy_command, encoding=None) as process, _bridge(process) as sock, \
                    library.connect(name, sock=sock, **options) as connection:
                yield connection


class WaitSshAction(SshAction):
    """Try a harmless command over SSH, to be used with ``retry`` until a host has come up."""

    name = "std.wait_ssh"
    class_name = "mistral.actions.std_actions.SSHAction"

    def __init__(self, username: str, password: str, host: str) -> None:
        super().__init__("ls -l", host, username, password)


async def _library() -> Any:
    """The SSH library; loading it takes a while, so that is done apart from the loop."""
    return await asyncio.get_running_loop().run_in_executor(None, extras.load, "asyncssh", _EXTRA)


async def _read(stream: Any, limit: int) -> str:
    """All of a stream as text. Raises ActionError if it has more than ``limit`` bytes."""
    chunks: list[bytes] = []
    size = 0
    while chunk := await stream.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise ActionError(f"the output is larger than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks).decode("utf-8", "replace")


def _split(host: str) -> tuple[str, int]:
    """Host and port; 22 unless one is written."""
    name, separator, port = host.rpartition(":")
    if separator and port.isdigit() and ":" not in name:
        return name, int(port)
    return host, 22


def _key_file(name: str, folder: str) -> str:
    """The text of a key file. Raises ActionError for a name that climbs out, OSError."""
    if ".." in Path(name).parts:
        raise ActionError(f"Private key filename must not contain '..'. Actual: {name}")
    return (Path(folder).expanduser() / name).read_text(encoding="utf-8")


@contextlib.asynccontextmanager
async def _bridge(process: Any) -> AsyncIterator[socket.socket]:
    """A socket whose other end is connected to a remote process's standard input and output."""
    near, far = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=far)

    async def up() -> None:
        while data := await reader.read(_CHUNK):
            process.stdin.write(data)
        process.stdin.write_eof()

    async def down() -> None:
        while data := await process.stdout.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        writer.close()

    tasks = [asyncio.ensure_future(up()), asyncio.ensure_future(down())]
    try:
        yield near
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()
        near.close()
