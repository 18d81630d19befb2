"""A real object store: OpenStack's Swift in an environment of its own, all four servers in one process, on one folder."""

from __future__ import annotations

from pathlib import Path

from installed_service import InstalledService, free_address
from outside import environment_of

PROGRAM = Path(__file__).parent / "swift_program" / "__main__.py"


class Swift:
    """An object store of the test run's own, which asks the identity service at ``identity``; its files are in ``folder``."""

    def __init__(self, folder: Path, identity: str) -> None:
        address = free_address()
        command = [environment_of("swift") / "bin" / "python", PROGRAM, folder, address, identity]
        self._service = InstalledService("swift", command, address, folder)
        self.url = f"http://{address}/v1/AUTH_%(project_id)s"

    def stop(self) -> None:
        """End it."""
        self._service.stop()
