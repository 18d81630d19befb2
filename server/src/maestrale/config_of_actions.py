"""The options of actions: how they run, and what each kind of them may reach."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, FilePath, SecretStr, model_validator

from maestrale.config_groups import Group, Seconds

PlaybookLimit = Annotated[str, Field(pattern=r"^(playbook|role|inventory|project):.+$", max_length=255)]


class ActionSettings(Group):
    """How actions run in the server process."""

    max_in_hand: int = Field(default=1000, ge=1, description="Actions that one process takes; the rest waits for one with room.")
    threads: int = Field(default=16, ge=1, description="Blocking actions that one process runs at the same time.")
    async_slots: int = Field(default=10_000, ge=1, description="Actions that one process runs at the same time on its event loop.")
    cancel_grace: Seconds = Field(default=10, description="Time that a cancelled action has to end before its end is reported anyway.")
    result_max: int = Field(default=64 * 1024 * 1024, ge=1024, description="Largest result of an action, in bytes.")
    event_max: int = Field(default=256 * 1024, ge=1024, description="Longest text of one event of live output; longer ones come in pieces.")
    events_older_than: int | None = Field(
        default=None, ge=1, description="Age in minutes beyond which live output is deleted; unset: with its execution.",
    )
    artifacts_older_than: int | None = Field(
        default=None, ge=1, description="Age in minutes beyond which artifacts of actions are deleted; unset: with their execution.",
    )
    http_default_timeout: Seconds = Field(default=60, gt=0, description="Timeout of std.http where its input gives none.")
    http_response_max: int = Field(default=5 * 1024 * 1024, ge=1024, description="Largest response that std.http reads, in bytes.")
    http_connections: int = Field(default=200, ge=1, description="Connections of std.http open at the same time in one process.")
    ca_file: Path | None = Field(default=None, description="CA bundle for HTTPS and SMTP in place of the system's.")
    smtp_timeout: Seconds = Field(default=60, gt=0, description="Longest wait of std.email for the mail server.")
    smtp_verify: bool = Field(default=True, description="Check the mail server's certificate.")
    ssh_timeout: Seconds = Field(default=60, gt=0, description="Longest wait of std.ssh for a connection.")
    ssh_key_dir: str = Field(default="~/.ssh", description="Folder of the private keys that std.ssh names.")
    ssh_known_hosts: str | None = Field(default=None, description="File of host keys that std.ssh checks; unset: not checked.")
    javascript_timeout: Seconds = Field(default=10, gt=0, description="Longest run of a script of std.javascript.")
    javascript_memory: int = Field(default=128 * 1024 * 1024, ge=1024 * 1024, description="Memory of such a script, in bytes.")


class PlaybookSettings(Group):
    """Playbooks as actions: where they may come from and how they run."""

    roots: dict[str, str] = Field(default_factory=dict, description="Folders with playbooks by the name that workflows use.")
    any_path: bool | None = Field(default=None, description="Playbooks may be any readable file; unset: only with auth 'none'.")
    inline: bool | None = Field(default=None, description="Workflows may hold plays as text; unset: only with auth 'none'.")
    inline_inventory: bool = Field(default=True, description="Workflows may hold inventories as text.")
    collections: list[str] | None = Field(default=None, description="Collections whose playbooks may run; unset: all.")
    projects: dict[str, list[str]] = Field(
        default_factory=dict,
        description="By tenant project what it may use: roots, collections, 'inline', 'any path', addresses of repositories, and playbooks"
        " by pattern (root:path, ns.name.playbook).",
    )
    closed: bool | None = Field(
        default=None, description="Who isn't listed in projects, and is no administrator, may run nothing; unset: unless auth is 'none'.",
    )
    git_urls: list[str] | None = Field(
        default=None,
        description="Repositories that projects may come from, or beginnings that end in a slash; unset: any for administrators and with"
        " auth 'none', else those of project sources that an administrator made.",
    )
    git_timeout: Seconds = Field(default=300, gt=0, description="Longest call of git or ansible-galaxy for a project.")
    cache_dir: str | None = Field(default=None, description="Folder where git projects are kept; unset: the user's cache.")
    cache_max: int = Field(default=2 * 1024**3, ge=0, description="Bytes of git projects kept; what was unused longest goes first.")
    project_max: int = Field(default=512 * 1024**2, ge=1, description="Bytes of the files of one git project.")
    requirements: bool = Field(default=True, description="Install roles and collections that a git project requires.")
    work_dir: str | None = Field(default=None, description="Folder for the working files of running playbooks.")
    executable: str | None = Field(default=None, description="Folder of ansible-playbook; unset: the one beside this Python.")
    config_file: str | None = Field(default=None, description="The ansible.cfg for projects that have none.")
    config_files: dict[str, str] = Field(
        default_factory=dict, description="Files ansible.cfg that workflows may ask for, by the name that they use for it.")
    collections_path: list[str] = Field(default_factory=list, description="Folders that collections are looked for in.")
    environment: list[str] = Field(default_factory=list, description="Further variables that workflows may set for a playbook.")
    host_key_checking: bool = Field(default=True, description="Check the host keys of managed machines.")
    inventory_cache: Seconds = Field(
        default=0, description="How old what was read of the same inventory may be, where a task doesn't say; 0: it is always read anew.",
    )
    inventory_cache_max: int = Field(default=64 * 1024**2, ge=0, description="Bytes of inventories that a process keeps in memory.")
    slots: int = Field(default=10, ge=1, description="Playbooks that one process runs at the same time.")
    limits: dict[PlaybookLimit, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict,
        description="Runs at once in all server processes together, by kind and pattern: playbook:NAME, role:NAME, inventory:NAME,"
        " project:NAME (of playbooks).",
    )
    grace: Seconds = Field(default=5, description="Time between asking a playbook to stop and killing it.")
    stdout_tail: int = Field(default=8192, ge=0, description="Bytes of the output's end that are kept in the result.")
    text_max: int = Field(default=4096, ge=64, description="Longest message of a failed task that is kept.")
    value_max: int = Field(default=1024 * 1024, ge=1024, description="Largest fact or statistic that is kept, in bytes.")
    memory_max: int | None = Field(default=None, description="Memory of each process of a playbook, or of its container, in bytes.")
    cpu_max: int | None = Field(default=None, ge=1, description="Processor time of each process of a playbook, in seconds.")
    processes_max: int | None = Field(
        default=None, ge=1, description="Processes that a playbook may have at once; more of them end it, or can't start in a container.",
    )
    isolation: Literal["none", "sandbox", "container"] = Field(
        default="none", description="sandbox: every playbook runs in one of bubblewrap at least; container: in one of podman.",
    )
    execution_environment: str | None = Field(default=None, description="Image of containers where a run asks for none.")
    execution_environments: list[str] | None = Field(
        default=None,
        description="Patterns of images that runs may ask for, administrators' too; unset: all with auth 'none', else"
        " playbooks.execution_environment only.",
    )
    container_pull: Literal["missing", "always", "never"] = Field(
        default="missing", description="When an image is pulled: missing: if it isn't there; always: before each run; never.",
    )
    container_pull_timeout: Seconds = Field(default=600, gt=0, description="Longest pull of an image.")
    container_network: str | None = Field(default=None, description="Network of containers (host, none, ...); unset: podman's usual one.")
    container_cpus: float | None = Field(default=None, gt=0, description="Processors that a container may use, such as 1.5.")
    container_options: list[str] = Field(default_factory=list, description="Further options of podman run for containers.")


class OpenStackSettings(Group):
    """OpenStack services as actions: which clouds, unless callers have rights of their own (``auth: keystone``)."""

    cloud: str | None = Field(default=None, description="The cloud of clouds.yaml that actions use; unset: as openstacksdk chooses.")
    any_cloud: bool | None = Field(default=None, description="Workflows may name any cloud of clouds.yaml; unset: only with auth 'none'.")
    projects: dict[str, list[str]] = Field(default_factory=dict, description="By tenant project: its clouds, the usual one first.")
    region: str | None = Field(default=None, description="Region whose endpoints are used where neither action nor request names one.")
    interface: Literal["public", "internal", "admin"] = Field(default="public", description="Kind of endpoints, with auth 'keystone'.")
    timeout: Seconds = Field(default=60, gt=0, description="Longest wait for an answer of a service, with auth 'keystone'.")
    list_max: int = Field(default=10_000, ge=1, description="Longest list that an action returns.")
    mapping_path: FilePath | None = Field(
        default=None, description="JSON file with the names to offer, in the form of Mistral's mapping.json; unset: all known names.")
    cache_dir: str | None = Field(default=None, description="Folder where the catalogue is kept between starts; unset: the user's cache.")


class AwxController(Group):
    """How one AWX is reached."""

    url: str = Field(description="Its address, with the path of its API where that isn't /api/v2.")
    token: SecretStr | None = Field(default=None, description="An OAuth2 or personal access token.")
    username: str | None = Field(default=None, description="The user, where there is no token.")
    password: SecretStr | None = Field(default=None, description="The user's password.")
    verify: bool = Field(default=True, description="Check its certificate.")
    ca_file: str | None = Field(default=None, description="CA bundle in place of the usual one.")

    @model_validator(mode="after")
    def _check_credentials(self) -> AwxController:
        if self.token is None and (self.username is None or self.password is None):
            raise ValueError("a controller needs a token, or a username and a password")
        return self


class AwxSettings(Group):
    """AWX jobs as actions: which controllers, and who may use them."""

    controllers: dict[str, AwxController] = Field(
        default_factory=dict,
        description="AWX controllers by name: mappings of url, token or username and password, verify, ca_file.")
    any_controller: bool | None = Field(default=None, description="All projects may use all controllers; unset: only with auth 'none'.")
    projects: dict[str, list[str]] = Field(default_factory=dict, description="By tenant project: its controllers, the usual one first.")
    outage_max: Seconds = Field(default=3600, description="How long an AWX that doesn't answer is asked again before the action fails.")


class DynamicActionSettings(Group):
    """Dynamic actions: Python code that administrators store through the API, each run in a process of its own."""

    enabled: bool = Field(default=False, description="Run them. Their code runs as the server's user: only administrators may store it.")
    timeout: Seconds = Field(default=60, gt=0, description="Longest run of one.")
    cpu: Seconds = Field(default=30, gt=0, description="Processor time that one may use.")
    memory: int = Field(default=1024 * 1024 * 1024, ge=128 * 1024 * 1024, description="Address space of its process, in bytes.")
