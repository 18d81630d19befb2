"""What an operator can set about actions, as one frozen value.

``bootstrap`` maps the configuration to it; nothing here reads an environment or a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from maestrale.actions.openstack.tokens import Tokens

DEFAULT_DENIED_CIDRS = ("127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10")
"""Loopback and link-local, which holds the metadata addresses of clouds."""


@dataclass(frozen=True, slots=True)
class PlaybookSettings:
    """Where playbooks may come from, and how they are run.

    ``roots`` maps a project root's name to a directory; the input ``project`` picks one by name. ``collections``
    lists collections (``ns.name``) whose playbooks may run, or None for all. ``any_path`` lets a playbook
    be any readable path (local use). ``projects`` narrows, for a tenant project's id, what it may use (names of
    roots and of collections, addresses of repositories, patterns of playbooks); with ``closed`` a tenant that isn't listed may use nothing.
    ``git_urls`` are the repositories that projects may come from (whole, or beginnings that end in a slash); None leaves it to ``any_url``.
    ``cache_dir`` keeps them, up to ``cache_max``; ``project_max`` bounds the files of one. ``requirements``: install what one asks for.
    Sizes are bytes, times seconds; ``executable`` is the folder of ``ansible-playbook``, None for the interpreter's own.
    ``config_file`` is the ``ansible.cfg`` for playbooks whose project has none, ``config_files`` are further ones, by the names that inputs
    ask for them with. ``environment`` names variables that may be set
    though they usually may not (PATH, ANSIBLE_*, ...). ``slots`` bounds the runs at once; ``grace`` is the time between
    SIGTERM and SIGKILL; ``memory_max`` bounds each process of a run, ``cpu_max`` the processor seconds of each, ``processes_max`` how
    many of them there may be at once; a container is bounded by the first and the last as a whole. ``isolation`` is the least that every
    run has: ``none``, ``sandbox`` or ``container``. ``execution_environment`` is the image of containers where none is asked for,
    ``execution_environments`` are patterns of those that may be. ``container_pull`` says when images are pulled (``missing``, ``always``,
    ``never``), ``container_options`` are further ones for ``podman run``.
    ``inventory_cache``: for how long what was read of an inventory stands in for reading it again, where a task says nothing; 0: never.
    ``inventory_cache_max`` bounds what is kept of them.
    ``limits``: how many runs there may be at once in all processes, by a pattern of what they are about (see ``actions.limits``).
    """

    roots: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    any_path: bool = True
    inline: bool = True
    inline_inventory: bool = True
    collections: tuple[str, ...] | None = None
    projects: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    closed: bool = False
    git_urls: tuple[str, ...] | None = None
    any_url: bool = True
    git_timeout: float = 300.0
    cache_dir: str | None = None
    cache_max: int = 2 * 1024**3
    project_max: int = 512 * 1024**2
    requirements: bool = True
    work_dir: str | None = None
    executable: str | None = None
    config_file: str | None = None
    config_files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    collections_path: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    host_key_checking: bool = True
    inventory_cache: float = 0.0
    inventory_cache_max: int = 64 * 1024**2
    slots: int = 10
    limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    grace: float = 5.0
    stdout_tail: int = 8192
    text_max: int = 4096
    value_max: int = 1024 * 1024
    memory_max: int | None = None
    cpu_max: int | None = None
    processes_max: int | None = None
    isolation: str = "none"
    execution_environment: str | None = None
    execution_environments: tuple[str, ...] = ("*",)
    container_pull: str = "missing"
    container_pull_timeout: float = 600.0
    container_network: str | None = None
    container_cpus: float | None = None
    container_options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenStackSettings:
    """In whose name and with what clouds OpenStack actions run.

    ``callers``: only with the caller's own token or trust, through the identity service at ``auth_url``, where ``username`` is the
    trustee. Otherwise ``cloud`` of clouds.yaml is the usual one, ``projects`` says for a tenant project which clouds it may use, and with
    ``any_cloud`` the others may use all. ``list_max`` bounds lists, ``cache_dir`` is where the catalogue is kept between starts,
    ``offered`` are the names to offer with the methods they stand for, None for all.
    """

    callers: bool = False
    tokens: Tokens = field(default_factory=Tokens)
    auth_url: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    user_domain_name: str = "Default"
    region: str | None = None
    interface: str = "public"
    cafile: str | None = None
    insecure: bool = False
    timeout: float = 60.0
    cloud: str | None = None
    any_cloud: bool = True
    projects: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    list_max: int = 10_000
    cache_dir: str | None = None
    offered: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class AwxController:
    """One AWX. ``url``: its address, with the path of its API where that isn't ``/api/v2``; ``ca_file`` replaces the usual authorities."""

    url: str
    token: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    verify: bool = True
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class AwxSettings:
    """Which AWX controllers there are, and whose. ``projects`` says for a tenant project which it may use, the usual one first.

    With ``any_controller`` all may use all. ``outage_max``: seconds for which an AWX that doesn't answer is asked again.
    """

    controllers: Mapping[str, AwxController] = field(default_factory=lambda: MappingProxyType({}))
    projects: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    any_controller: bool = True
    outage_max: float = 3600.0


@dataclass(frozen=True, slots=True)
class DynamicSettings:
    """Limits of the process of a dynamic action: seconds by the clock, seconds of the processor, bytes."""

    enabled: bool = False
    timeout: float = 60.0
    cpu: float = 30.0
    memory: int = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ActionSettings:
    """All limits and policies of actions. Sizes are bytes, times seconds.

    ``threads`` bounds synchronous actions at once, ``async_slots`` those on the event loop. ``cancel_grace`` is how
    long a cancelled action may take to end before its end is reported anyway. ``ca_file`` replaces the system's certificate
    authorities for HTTPS and SMTP. ``ssh_known_hosts``: a file of host keys; without one they are not checked, as in the reference.
    """

    threads: int = 16
    async_slots: int = 10_000
    cancel_grace: float = 10.0
    result_max: int = 64 * 1024 * 1024
    http_denied_cidrs: tuple[str, ...] = DEFAULT_DENIED_CIDRS
    http_allowed_hosts: tuple[str, ...] = ()
    http_default_timeout: float = 60.0
    http_response_max: int = 5 * 1024 * 1024
    http_connections: int = 200
    ca_file: str | None = None
    smtp_timeout: float = 60.0
    smtp_verify: bool = True
    ssh_timeout: float = 60.0
    ssh_key_dir: str = "~/.ssh"
    ssh_known_hosts: str | None = None
    javascript_timeout: float = 10.0
    javascript_memory: int = 128 * 1024 * 1024
    playbooks: PlaybookSettings = field(default_factory=PlaybookSettings)
    openstack: OpenStackSettings = field(default_factory=OpenStackSettings)
    awx: AwxSettings = field(default_factory=AwxSettings)
    dynamic: DynamicSettings = field(default_factory=DynamicSettings)
