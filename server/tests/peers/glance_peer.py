"""A real image service: OpenStack's Glance in an environment of its own, with SQLite and a folder for the images."""

from __future__ import annotations

from pathlib import Path

from installed_service import InstalledService, free_address, prepare
from outside import PASSWORD, environment_of

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
        environment, address = environment_of("glance"), free_address()
        settings = folder / "glance-api.conf"
        settings.write_text(CONFIGURATION.format(folder=folder, environment=environment, identity=identity, password=PASSWORD))
        prepare("glance", [environment / "bin" / "glance-manage", "--config-file", settings, "db_sync"])
        # One process: SQLite has one writer, and uWSGI keeps no connection of an http-socket open.
        command = [
            environment / "bin" / "uwsgi", "--http-socket", address, "--virtualenv", environment,
            "--module", "glance.wsgi.api:application", "--need-app", "--enable-threads", "--http-chunked-input", "--die-on-term",
            "--buffer-size", "65535", "--add-header", "Connection: close", "--disable-logging",
        ]
        self._service = InstalledService("glance", command, address, folder, {"OS_GLANCE_CONFIG_DIR": str(folder)})
        self.url = f"http://{address}"

    def stop(self) -> None:
        """End it."""
        self._service.stop()
