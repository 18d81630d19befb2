"""Every option of the service: names, defaults, meaning, and where they are read from.

Sources, the first that gives a value wins: command line, environment (``MAESTRALE_*``, groups joined by
``__``, so ``engine.batch_size`` is ``MAESTRALE_ENGINE__BATCH_SIZE``; lists and mappings as JSON), one YAML
file, the defaults below. Nothing is read at import; ``load_settings`` is called once by the entry point.
Knows no other room. Times are seconds unless the name says otherwise.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from maestrale.config_groups import Group, Seconds
from maestrale.config_of_actions import ActionSettings, AwxSettings, DynamicActionSettings, OpenStackSettings, PlaybookSettings

FINAL_STATES = frozenset({"SUCCESS", "ERROR", "CANCELLED"})

DEFAULT_DENIED_CIDRS = ["127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128", "169.254.0.0/16", "fe80::/10"]

ENV_PREFIX = "MAESTRALE_"

SECRET_OPTIONS = frozenset({"database_url", "keystone.password"})
_SECRET_NAMES = frozenset({"token", "password"})
KEY_BYTES = 32

class ConfigurationError(Exception):
    """The configuration is not valid; the text names the option and what would be right."""


def default_database_url() -> str:
    """SQLite under the user's data folder, as the XDG base directory rules say."""
    data_home = os.environ.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
    return f"sqlite:///{Path(data_home) / 'maestrale' / 'maestrale.db'}"


class TokenIdentity(Group):
    """Who a static token stands for (``auth: token``)."""

    token: SecretStr = Field(description="The text that clients send as X-Auth-Token or Bearer token.", min_length=16)
    project_id: str = Field(default="default", description="The project that this token works in.")
    project_name: str | None = Field(default=None, description="The project's name, for display.")
    user_id: str | None = Field(default=None, description="The user's id, kept with what is started.")
    user_name: str | None = Field(default=None, description="The user's name, for display.")
    roles: list[str] = Field(default_factory=list, description="Roles; one named 'admin' gives administrator rights.")


class KeystoneSettings(Group):
    """Validation of tokens by an OpenStack identity service (``auth: keystone``)."""

    auth_url: str | None = Field(default=None, description="Identity endpoint of the service user, e.g. https://id.example.org/v3.")
    www_authenticate_uri: str | None = Field(default=None, description="Identity endpoint named to clients that get 401.")
    username: str | None = Field(default=None, description="Name of the service user.")
    password: SecretStr | None = Field(default=None, description="Password of the service user.")
    project_name: str = Field(default="service", description="Project of the service user.")
    user_domain_name: str = Field(default="Default", description="Domain of the service user.")
    project_domain_name: str = Field(default="Default", description="Domain of the service user's project.")
    region_name: str | None = Field(default=None, description="Region whose endpoints are used.")
    cafile: Path | None = Field(default=None, description="CA bundle for the identity service.")
    insecure: bool = Field(default=False, description="Accept any certificate of the identity service.")
    timeout: Seconds = Field(default=10, description="Longest wait for an answer of the identity service.")
    token_cache_seconds: Seconds = Field(default=300, description="How long a validated token is believed without asking again.")
    token_cache_size: int = Field(default=1000, ge=0, description="How many validated tokens are remembered.")
    trust_roles: list[str] = Field(default_factory=list, description="Roles delegated by trusts; empty: all of the caller.")
    trusts_for_executions: bool = Field(
        default=False, description="Make a trust for each execution, so that its actions may outlive the caller's token.")


class DatabaseSettings(Group):
    """How connections to the database are kept."""

    pool_size: int = Field(default=20, ge=1, description="Connections kept open by one process, once they were needed.")
    max_overflow: int = Field(default=0, ge=0, description="Connections beyond pool_size that may be opened for a while.")
    pool_timeout: Seconds = Field(default=10, description="Longest wait for a free connection before the request fails with 503.")
    pool_recycle: Seconds = Field(default=1800, description="Age at which an idle connection is replaced.")
    connect_timeout: Seconds = Field(default=5, description="Longest wait for a new connection.")
    statement_timeout: Seconds = Field(default=60, description="Longest time of one statement (PostgreSQL, MariaDB).")
    sqlite_busy_timeout: Seconds = Field(default=15, description="Longest wait for another writer of an SQLite file.")
    auto_upgrade: bool = Field(
        default=True, description="Bring an SQLite file, or an empty database, to the current schema when the server starts.",
    )


class LimitSettings(Group):
    """Sizes beyond which the language refuses data (5.8)."""

    execution_field_size_limit_kb: int = Field(
        default=1024, ge=-1, description="Largest input, output, params or published data in KB; -1 is unlimited.",
    )


class EngineSettings(Group):
    """The deciding loop, its memory, its neighbours."""

    batch_size: int = Field(default=256, ge=1, description="Most messages decided with one commit.")
    round_steps: int = Field(default=512, ge=1, description="Steps that the executions of one commit share.")
    step_budget: int = Field(default=64, ge=1, description="Least number of steps that each execution of one commit gets.")
    round_decisions: int = Field(default=1024, ge=1, description="Most decisions of one commit; the rest waits for the next.")
    inbox_size: int = Field(default=10_000, ge=1, description="Most requests that wait for a decision; more are refused with 503.")
    request_timeout: Seconds = Field(default=60, description="Longest wait of a request for its decision.")
    snapshot_cache_executions: int = Field(default=256, ge=0, description="Executions kept in memory between events.")
    snapshot_cache_records: int = Field(
        default=20_000, ge=0, description="Tasks and action executions kept in memory between events, over all executions.",
    )
    snapshot_cache_mb: int = Field(default=64, ge=0, description="Data of executions kept in memory between events, in MB.")
    node_heartbeat: Seconds = Field(default=2, gt=0, description="Interval in which a process says that it lives.")
    node_timeout: Seconds = Field(default=10, gt=0, description="Silence after which a process counts as dead.")
    poll_interval: Seconds = Field(default=1, gt=0, description="Interval in which due timers and unclaimed work are looked for.")
    timer_horizon: Seconds = Field(default=30, description="Timers due within this time are kept in memory, later ones only as rows.")
    claim_size: int = Field(default=200, ge=1, description="Most rows of one kind claimed at once.")
    retry_delay_max: Seconds = Field(default=15, gt=0, description="Longest pause between tries while the database is down.")
    drain_timeout: Seconds = Field(default=30, description="How long SIGTERM waits for running actions before their work is handed over.")

    @model_validator(mode="after")
    def _check_timeout(self) -> EngineSettings:
        if self.node_timeout < 2 * self.node_heartbeat:
            raise ValueError("node_timeout must be at least twice node_heartbeat")
        return self


class SecretSettings(Group):
    """The secrets of environments."""

    keys: list[SecretStr] = Field(
        default_factory=list,
        description="Keys that secrets are sealed with, each 32 bytes in URL-safe base64; the first seals, all open. Unset: none are kept.",
    )

    @field_validator("keys")
    @classmethod
    def _check_keys(cls, keys: list[SecretStr]) -> list[SecretStr]:
        for key in keys:
            try:
                is_key = len(urlsafe_b64decode(key.get_secret_value())) == KEY_BYTES
            except ValueError:
                is_key = False
            if not is_key:
                raise ValueError("each must be 32 random bytes in URL-safe base64")
        return keys


class ApiSettings(Group):
    """The REST interface."""

    max_limit: int = Field(default=1000, ge=1, description="Largest page of a list.")
    validation_mode: Literal["mandatory", "enabled", "disabled"] = Field(
        default="mandatory", description="Definitions are checked always, unless the request says skip_validation, or never.",
    )
    allow_action_execution_deletion: bool = Field(default=False, description="Permit DELETE of action executions.")
    enable_info_endpoint: bool = Field(default=False, description="Answer GET /info.")
    info_json_file_path: Path = Field(default=Path("info.json"), description="The JSON file that GET /info shows.")
    healthcheck_enabled: bool = Field(default=False, description="Answer GET /healthcheck, as the health middleware of OpenStack does.")
    max_body_size: int = Field(default=64 * 1024 * 1024, ge=1024, description="Largest request body in bytes.")
    threads: int = Field(default=40, ge=1, description="Requests handled at the same time by one process.")
    policy_file: Path | None = Field(default=None, description="oslo.policy rules (YAML or JSON) over the defaults.")
    trust_proxy_headers: bool = Field(default=False, description="Believe X-Forwarded-* and Forwarded when links are built.")
    cors_allowed_origins: list[str] = Field(default_factory=list, description="Origins of browsers that may call the API.")


class YaqlSettings(Group):
    """Limits of the YAQL language."""

    limit_iterators: int = Field(default=-1, ge=-1, description="Most items that an expression may walk over; -1 is unlimited.")
    memory_quota: int = Field(default=-1, ge=-1, description="Most bytes that an expression may hold; -1 is unlimited.")


class ExpirationSettings(Group):
    """When finished executions are deleted (5.4)."""

    evaluation_interval: int | None = Field(default=None, ge=1, description="Minutes between two looks for expired ones; unset is off.")
    older_than: int | None = Field(default=None, ge=1, description="Age in minutes beyond which a finished execution is deleted.")
    max_finished_executions: int = Field(default=0, ge=0, description="Most finished executions kept; 0 is unlimited.")
    batch_size: int = Field(default=100, ge=1, description="Executions deleted in one transaction.")
    ignored_states: list[str] = Field(default_factory=list, description="Final states whose executions are kept.")

    @field_validator("ignored_states")
    @classmethod
    def _check_states(cls, states: list[str]) -> list[str]:
        wrong = sorted(set(states) - FINAL_STATES)
        if wrong:
            raise ValueError(f"only {', '.join(sorted(FINAL_STATES))} can be ignored, not {', '.join(wrong)}")
        return states


class CronSettings(Group):
    """Cron triggers (5.2)."""

    enabled: bool = Field(default=True, description="Fire cron triggers from this process.")
    execution_interval: Seconds = Field(default=1, gt=0, description="Interval in which due triggers are looked for.")
    batch_size: int = Field(default=100, ge=1, description="Triggers fired at one look.")


class NotifierSettings(Group):
    """Notifications about executions and tasks (3.22)."""

    publishers: list[dict[str, Any]] = Field(
        default_factory=list, description="Publishers added to those of every execution: a JSON list of mappings.",
    )
    attempts: int = Field(default=5, ge=1, description="How often a notification is tried before it is given up.")
    retry_delay: Seconds = Field(default=2, description="Pause before the second try; it doubles with each further one.")
    connect_timeout: Seconds = Field(default=3, gt=0, description="Longest wait for a connection.")
    read_timeout: Seconds = Field(default=10, gt=0, description="Longest wait for the answer.")
    threads: int = Field(default=4, ge=1, description="Notifications sent at the same time.")


class Settings(BaseSettings):
    """All options. The names at this level are also the long options of ``maestrale server``."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", env_ignore_empty=True, extra="forbid", frozen=True,
    )

    host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8989, ge=0, le=65535, description="Port that the API listens on; 0 picks a free one.")
    workers: int = Field(default=1, ge=1, description="Server processes; with more than one use PostgreSQL or MariaDB.")
    database_url: str = Field(default_factory=default_database_url, description="SQLAlchemy URL of the database.")
    auth: Literal["none", "token", "keystone"] = Field(default="none", description="How callers prove who they are.")
    tokens: list[TokenIdentity] = Field(default_factory=list, description="Static tokens for auth 'token', beside issued ones.")
    log_format: Literal["console", "json"] = Field(default="console", description="Form of the log on standard error.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level that is logged.")
    access_log: bool = Field(default=False, description="Log a line per request.")
    http_denied_cidrs: list[str] = Field(
        default_factory=lambda: list(DEFAULT_DENIED_CIDRS),
        description="Networks that actions and webhooks must not reach, as a JSON list.",
    )
    http_allowed_hosts: list[str] = Field(
        default_factory=list, description="If given, the only hosts that actions and webhooks may reach; a name may begin with '*.'.",
    )
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    keystone: KeystoneSettings = Field(default_factory=KeystoneSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    actions: ActionSettings = Field(default_factory=ActionSettings)
    playbooks: PlaybookSettings = Field(default_factory=PlaybookSettings)
    openstack: OpenStackSettings = Field(default_factory=OpenStackSettings)
    awx: AwxSettings = Field(default_factory=AwxSettings)
    secrets: SecretSettings = Field(default_factory=SecretSettings)
    dynamic_actions: DynamicActionSettings = Field(default_factory=DynamicActionSettings)
    api: ApiSettings = Field(default_factory=ApiSettings)
    yaql: YaqlSettings = Field(default_factory=YaqlSettings)
    expiration: ExpirationSettings = Field(default_factory=ExpirationSettings)
    cron: CronSettings = Field(default_factory=CronSettings)
    notifier: NotifierSettings = Field(default_factory=NotifierSettings)

    @field_validator("http_denied_cidrs")
    @classmethod
    def _check_networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            ip_network(network, strict=False)
        return networks

    @model_validator(mode="after")
    def _check_together(self) -> Settings:
        if self.auth == "none" and not is_loopback(self.host):
            raise ValueError(
                f"host: refusing to listen on {self.host} without authentication, since anyone who reaches it could run"
                " playbooks as this user; set auth to 'token' or 'keystone', or host to 127.0.0.1",
            )
        if self.auth == "keystone" and not self.keystone.auth_url:
            raise ValueError("keystone.auth_url: auth 'keystone' needs the address of the identity service")
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on ``host``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(config_file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The options from all sources; ``overrides`` is the command line, by name at the top level.

    Raises ConfigurationError naming each wrong option and what would be right.
    """
    file_values = read_config_file(config_file) if config_file is not None else {}

    class Sources(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del dotenv_settings, file_secret_settings
            return init_settings, env_settings, InitSettingsSource(settings_cls, file_values)

    try:
        return Sources(**dict(overrides or {}))
    except ValidationError as error:
        raise ConfigurationError("\n".join(_describe(problem) for problem in error.errors())) from error
    except SettingsError as error:
        raise ConfigurationError(f"{error}: lists and mappings in the environment are written as JSON") from error


def read_config_file(path: Path) -> dict[str, Any]:
    """The mapping of a YAML configuration file. Raises ConfigurationError."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: not valid YAML: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigurationError(f"{path}: expected a mapping of options, e.g. 'port: 8989'")
    return values


def _describe(problem: Any) -> str:
    """One line for one wrong option, by the name that the file and the command line use."""
    option = ".".join(str(part) for part in problem["loc"])
    text = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        text = "there is no such option"
    elif isinstance(problem["input"], str | int | float) and option not in SECRET_OPTIONS and not _SECRET_NAMES & set(problem["loc"]):
        text = f"{text} (given: {problem['input']!r})"
    return f"{option}: {text}" if option else text


def option_names(model: type[BaseModel] = Settings, prefix: str = "") -> dict[str, str]:
    """Every option by its dotted name, with its description."""
    found: dict[str, str] = {}
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, Group):
            found.update(option_names(kind, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = info.description or ""
    return found
