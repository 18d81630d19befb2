"""An SSH server for tests, run as a program: ``ssh_peer.py FOLDER``.

It lets in the password ``right`` and the public keys in FOLDER, runs commands in a shell of this machine, forwards connections and
notes them in FOLDER/forwarded, and the names of those who come in FOLDER/users. Prints its port on 127.0.0.2.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncssh

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()


class Gatekeeper(asyncssh.SSHServer):
    """Who may come in, and what they may do."""

    def begin_auth(self, username: str) -> bool:
        with (FOLDER / "users").open("a", encoding="utf-8") as file:
            file.write(f"{username}\n")
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == "right"

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: Any) -> bool:
        return any(asyncssh.read_public_key(path).public_data == key.public_data for path in FOLDER.glob("*.pub"))

    def connection_requested(self, dest_host: str, dest_port: int, *_: Any) -> bool:
        with (FOLDER / "forwarded").open("a", encoding="utf-8") as file:
            file.write(f"{dest_host} {dest_port}\n")
        return True


async def run_command(process: Any) -> None:
    real = await asyncio.create_subprocess_shell(
        process.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    async def pump(source: Any, target: Any) -> None:
        while data := await source.read(65536):
            target.write(data)

    asyncio.get_running_loop().create_task(pump(process.stdin, real.stdin))
    await asyncio.gather(pump(real.stdout, process.stdout), pump(real.stderr, process.stderr))
    process.exit(await real.wait())


async def main() -> None:
    server = await asyncssh.create_server(
        Gatekeeper, "127.0.0.2", 0, server_host_keys=[str(FOLDER / "host_key")], process_factory=run_command, encoding=None)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
