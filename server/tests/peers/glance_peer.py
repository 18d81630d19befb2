"""A real image service: OpenStack's Glance in an environment of its own, with SQLite and a folder for the images."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from pathlib import Path

import httpx
from outside import PASSWORD, PATIENCE, environment_of, leave_out

CONFIGURATION = """
[DEFAULT]
enabled_backends = files:file
log_file = {folder}/glance.log
lock_path = {folder}/locks
node_staging_uri = file://{folder}/staging
[database]
connection = sqlite:///{folder}/glance.db
[glance_store]
default_backend = files
[files]
filesystem_store_datadir = {folder}/images
[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {folder}/tasks
[paste_deploy]
flavor = keystone
config_file = {environment}/etc/glance/glance-api-paste.ini
[keystone_authtoken]
www_authenticate_uri = {identity}
auth_url = {identity}
auth_type = password
username = mistral
password = {password}
project_name = service
user_domain_id = default
project_domain_id = default
"""


class Glance:
    """An image service of the test run's own, which asks the identity service at ``identity``; its files are in ``folder``."""

    def __init__(self, folder: Path, identity: str) -> None:
        self._environment = environment_of("glance")
        self._folder = folder
        (folder / "glance-api.conf").write_text(CONFIGURATION.format(
            folder=folder, environment=self._environment, identity=identity, password=PASSWORD))
        self._prepare()
        self.url = f"http://127.0.0.1:{_free_port()}"
        self._process = self._serve()
        self._wait()

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(PATIENCE)

    def _prepare(self) -> None:
        command = [str(self._environment / "bin" / "glance-manage"), "--config-file", str(self._folder / "glance-api.conf"), "db_sync"]
        made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE, env=_quiet())
        if made.returncode:
            leave_out("glance", f"its database can't be made: {made.stderr.strip()[-200:]}")

    def _serve(self) -> subprocess.Popen[bytes]:
        # One process: SQLite has one writer, and uWSGI keeps no connection of an http-socket open.
        command = [
            self._environment / "bin" / "uwsgi", "--http-socket", self.url.removeprefix("http://"), "--virtualenv", self._environment,
            "--module", "glance.wsgi.api:application", "--need-app", "--enable-threads", "--http-chunked-input", "--die-on-term",
            "--buffer-size", "65535", "--add-header", "Connection: close", "--disable-logging",
        ]
        environment = {**_quiet(), "OS_GLANCE_CONFIG_DIR": str(self._folder)}
        with (self._folder / "uwsgi.log").open("wb") as log:
            return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _wait(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/versions", trust_env=False, timeout=PATIENCE).status_code == 200:
                    return
            time.sleep(0.05)
        self._process.kill()
        leave_out("glance", f"it does not answer: {(self._folder / 'uwsgi.log').read_text(errors='replace').strip()[-200:]}")


def _quiet() -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "ignore"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
