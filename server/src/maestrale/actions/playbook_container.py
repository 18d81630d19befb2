"""A playbook in a container of podman: puts a job into one. Starts nothing.

Whatever the run is given keeps the path that it has outside, so nothing in the job has to be translated. ``ansible-runner`` has a way
of its own with containers, but that knows one inventory only, hands all variables of the run to podman itself, and writes them
down in a file that can't hold more than one line of each; so here it runs ``podman`` as if that were ansible.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from maestrale.actions import playbook_callbacks, podman
from maestrale.actions.playbook_directory import CONTAINER, MARK, PREFIX
from maestrale.actions.settings import PlaybookSettings
from maestrale.errors import InputError

_ROOM = "/run/maestrale"
"""The private directory by another name, short enough for the sockets in it."""

_VARIABLES = "environment"
_START = '. "$0"; exec "$@"'
_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts"
_IMAGES_COLLECTIONS = "/usr/share/ansible/collections"
_PASSED = (MARK, "MAESTRALE_RESULTS_REQUEST")
# Folders of which an image has its own: hidden by the machine's, nothing in it would work.
_SYSTEMS = frozenset({
    "/", "/bin", "/dev", "/etc", "/lib", "/lib64", "/opt", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr", "/usr/bin",  # noqa: S108
    "/usr/lib", "/usr/lib64", "/usr/local", "/usr/local/bin", "/usr/local/lib", "/usr/sbin", "/usr/share", "/var", "/var/lib",
})


def contained(job: dict[str, Any], image: str, settings: PlaybookSettings, given: Iterable[str]) -> None:
    """Change the job into one that runs in a container of the image.

    ``given``: absolute paths that the run may read; others are passed over. Raises InputError for one that can't be shown to a container.
    """
    directory = job["directory"]
    name = _name(job["ident"], directory)
    arguments = job["arguments"]
    environment = _inside(job)
    job["files"] |= {"home/.keep": "", CONTAINER: name, _VARIABLES: _script(environment, settings)}
    ansible = [arguments.pop("binary", "ansible-playbook"), *shlex.split(arguments.pop("cmdline", ""))]
    if (playbook := arguments.pop("playbook", None)) is not None:
        ansible.append(playbook)
    callbacks = (str(Path(playbook_callbacks.__path__[0])), _runners_callbacks())
    shown = [*given, *settings.collections_path, _KNOWN_HOSTS, *callbacks]
    start = ["sh", "-c", _START, f"{directory}/{_VARIABLES}"]
    workdir = arguments.get("project_dir", f"{directory}/project")
    arguments["binary"] = podman.found() or "podman"
    arguments["cmdline"] = shlex.join([
        "run", f"--name={name}", f"--workdir={workdir}", *_mounts(directory, shown), *_options(settings), image, *start, *ansible,
    ])
    job["environment"] = podman.environment() | _outside(environment) | {"AWX_LIB_DIRECTORY": _runners_callbacks()}
    job["container"] = {"name": name, "image": image, "memory": settings.memory_max}
    # podman bounds all processes of the container together
    job["limits"] |= {"memory": None, "cpu": None, "processes": None}


def _name(ident: str, directory: str) -> str:
    """A name that no other run has, this one's repetition on another day included."""
    return f"maestrale-{re.sub('[^A-Za-z0-9_.-]', '_', ident)}-{Path(directory).name.removeprefix(PREFIX)}"


def _inside(job: Mapping[str, Any]) -> dict[str, str]:
    """The run's variables, as they are inside."""
    environment = {"HOME": f"{job['directory']}/home", "USER": "root", **job["environment"]}
    environment |= {"TMPDIR": _ROOM, "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{_ROOM}/cp"}
    if job["ssh_key"]:
        environment["SSH_AUTH_SOCK"] = f"{_ROOM}/agent"
    if paths := environment.get("ANSIBLE_COLLECTIONS_PATH"):
        environment["ANSIBLE_COLLECTIONS_PATH"] = ":".join(dict.fromkeys([*paths.split(":"), _IMAGES_COLLECTIONS]))
    return environment


def _outside(environment: Mapping[str, str]) -> dict[str, str]:
    """What ansible-runner has to know of them, since it adds to them. It means nothing to podman."""
    return {name: value for name, value in environment.items() if name.startswith("ANSIBLE_") or name in _PASSED}


def _script(environment: Mapping[str, str], settings: PlaybookSettings) -> str:
    """The variables as a shell reads them: neither on a command line nor in podman's own records, and of any number of lines."""
    outside = _outside(environment).keys() - {"ANSIBLE_SSH_CONTROL_PATH_DIR"}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items() if name not in outside]
    if settings.cpu_max is not None:
        lines.append(f"ulimit -t {settings.cpu_max}")
    return "".join(f"{line}\n" for line in lines)


def _options(settings: PlaybookSettings) -> list[str]:
    options = [
        # The run has the ending of both in its hands, and its output shows secrets before they are masked.
        "--rm", "--tty", "--pull=never", "--log-driver=none",
        # The owner of the private directory, who is the server's user where podman needs no root.
        "--user=0:0",
        # Sockets and folders of the machine would otherwise be out of reach under SELinux, or be labelled anew for good.
        "--security-opt=label=disable",
        "--http-proxy=false", "--env=ANSIBLE_*", "--env=AWX_*", "--env=RUNNER_*", *(f"--env={name}" for name in _PASSED),
    ]
    bounds = {
        "memory": settings.memory_max, "pids-limit": settings.processes_max, "cpus": settings.container_cpus,
        "network": settings.container_network,
    }
    return [*options, *(f"--{name}={value}" for name, value in bounds.items() if value is not None), *settings.container_options]


def _mounts(directory: str, given: Iterable[str]) -> list[str]:
    volumes = [f"--volume={directory}:{directory}", f"--volume={directory}:{_ROOM}"]
    seen = [directory]
    for path in sorted({path for path in given if path.startswith("/") and Path(path).exists()}):
        if any(Path(path).is_relative_to(one) for one in seen):
            continue
        if path in _SYSTEMS:
            raise InputError(f"The folder '{path}' can't be shown to a container, which has its own.")
        if ":" in path:
            raise InputError(f"'{path}' can't be shown to a container, since there is a colon in its name.")
        seen.append(path)
        volumes.append(f"--volume={path}:{path}:ro")
    return volumes


def _runners_callbacks() -> str:
    """The folder of the callback plugins by which ansible-runner gets events."""
    runner = importlib.util.find_spec("ansible_runner")
    return str(Path(runner.origin).parent / "display_callback/callback") if runner is not None and runner.origin else ""
