"""What podman is told on this machine: where it is, what it gets of this process's environment, and how a container is removed.

Standard library only: the process that runs a playbook imports this.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess

_TOOL = "podman"
_PASSED = (
    "PATH", "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS", "CONTAINERS_CONF",
    "CONTAINERS_CONF_OVERRIDE", "CONTAINERS_STORAGE_CONF", "CONTAINERS_REGISTRIES_CONF", "REGISTRY_AUTH_FILE", "HTTP_PROXY", "HTTPS_PROXY",
    "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
)
"""Where podman finds its configuration, its images and a registry. Whatever calls it has to give it the same."""

_REMOVED_WITHIN = 60.0


def found() -> str | None:
    """The path of the program, None where it is not installed."""
    return shutil.which(_TOOL)


def environment() -> dict[str, str]:
    """All variables that podman gets."""
    usual = {"PATH": os.defpath, "HOME": pwd.getpwuid(os.getuid()).pw_dir}
    return usual | {name: os.environ[name] for name in _PASSED if name in os.environ}


def remove(name: str) -> None:
    """Kill and remove the container of that name; nothing happens where there is none, or no podman any more."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(  # noqa: S603 - the arguments are ours
            [found() or _TOOL, "rm", "--force", "--ignore", "--time=0", name], env=environment(), cwd="/", timeout=_REMOVED_WITHIN,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
