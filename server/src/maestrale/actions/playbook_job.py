"""From the inputs of ``ansible.playbook`` to the job of the process that runs it. Starts nothing and writes nothing."""

from __future__ import annotations

import json
import os
import pwd
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from maestrale.actions import playbook_callbacks, playbook_pipes
from maestrale.actions.playbook_directory import MARK
from maestrale.actions.playbook_policy import PlaybookPolicy, is_collection_playbook
from maestrale.actions.playbook_sandbox import is_sandboxed, sandbox
from maestrale.actions.settings import PlaybookSettings
from maestrale.errors import InputError

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NEVER = re.compile(r"(ANSIBLE_|AWX_|RUNNER_|LD_|PYTHON|MAESTRALE_).*|PATH|HOME|IFS|BASH_ENV|ENV")
_VAULT_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_LONG_LIMIT = 4000


@dataclass(slots=True)
class Inputs:
    """The inputs of ``ansible.playbook`` as written, see ``PlaybookAction``; those that name secrets, with their values in the end."""

    playbook: Any
    inventory: Any = None
    extra_vars: Mapping[str, Any] | None = None
    limit: Any = None
    tags: Any = None
    skip_tags: Any = None
    check: bool = False
    diff: bool = False
    forks: int | None = None
    become: bool = False
    become_user: str | None = None
    verbosity: int = 0
    environment: Mapping[str, Any] | None = None
    timeout: float | None = None
    idle_timeout: float | None = None
    project: Any = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    vault_passwords: Any = None
    ssh_key: str | None = None
    ssh_key_passphrase: str | None = None
    become_password: str | None = None
    connection_password: str | None = None
    isolation: str | None = None
    facts: Any = None
    registered: Sequence[str] | None = None


def is_empty_limit(limit: Any) -> bool:
    """Whether a limit names no host at all, which is not the same as having none."""
    return isinstance(limit, list | tuple) and not limit


def job_of(
    inputs: Inputs, policy: PlaybookPolicy, *, ident: str, directory: str, own_play: bool = False, roles_path: str | None = None,
) -> dict[str, Any]:
    """The job as JSON-ready mapping. ``own_play``: the play is ours, and what it does has been asked of the policy.

    Raises InputError for inputs of the wrong kind, PlaybookRefusedError for what the policy doesn't let.
    """
    files: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    if own_play:
        files["project/main.json"] = json.dumps(inputs.playbook)
        arguments["playbook"] = "main.json"
        root = None
    else:
        root = _playbook(inputs, policy, arguments, files)
    if roles_path is not None:
        arguments["roles_path"] = roles_path
    return _job(inputs, policy, arguments, files, ident=ident, directory=directory, root=root)


def inventory_job_of(inputs: Inputs, policy: PlaybookPolicy, *, ident: str, directory: str) -> dict[str, Any]:
    """The job that lists an inventory into the file ``listed.json`` of the directory. Raises as ``job_of`` does."""
    arguments: dict[str, Any] = {"binary": "ansible-inventory"}
    job = _job(inputs, policy, arguments, {"project/.keep": ""}, ident=ident, directory=directory, root=None)
    arguments["cmdline"] += f" --list --output={directory}/listed.json"
    return {**job, "listed": f"{directory}/listed.json"}


def _job(
    inputs: Inputs, policy: PlaybookPolicy, arguments: dict[str, Any], files: dict[str, str], *, ident: str, directory: str,
    root: Path | None,
) -> dict[str, Any]:
    settings = policy.settings
    if (sources := _inventory(inputs, policy, directory, files)) is not None:
        arguments["inventory"] = sources
    if inputs.extra_vars:
        files["env/extravars"] = json.dumps(_mapping("extra_vars", inputs.extra_vars))
    files["ansible.cfg"] = ""
    pipes = _pipes(inputs)
    arguments["cmdline"] = shlex.join([*_options(inputs, directory, files), *_pipe_options(pipes, directory)])
    if verbosity := _whole("verbosity", inputs.verbosity, 0, 6):
        arguments["verbosity"] = verbosity
    files["collect.json"] = json.dumps({
        "facts": _facts(inputs.facts), "registered": _texts("registered", inputs.registered), "into": f"{directory}/collected.json",
    })
    environment = _environment(inputs, settings, ident, directory, root)
    sandboxed = is_sandboxed(inputs.isolation, settings)
    if sandboxed:
        arguments |= sandbox(settings, [str(root) if root else None, arguments.get("roles_path"), *(sources or ())])
        environment["HOME"] = f"{directory}/home"
        files["home/.keep"] = ""
    return {
        "directory": directory,
        "ident": ident,
        "environment": environment,
        "sandboxed": sandboxed,
        "arguments": arguments,
        "files": files,
        "pipes": pipes,
        "ssh_key": inputs.ssh_key,
        "masked": [*inputs.secrets.values(), *pipes.values(), inputs.ssh_key or "", inputs.ssh_key_passphrase or ""],
        "modes": modes_of(inputs),
        "timeout": _seconds("timeout", inputs.timeout),
        "idle_timeout": _seconds("idle_timeout", inputs.idle_timeout),
        "grace": settings.grace,
        "limits": {
            "text": settings.text_max, "tail": settings.stdout_tail, "value": settings.value_max, "memory": settings.memory_max,
            "cpu": settings.cpu_max, "processes": settings.processes_max,
        },
    }


def modes_of(inputs: Inputs) -> dict[str, bool]:
    """The modes that a run is in, as its result shows them."""
    return {"check": bool(inputs.check), "diff": bool(inputs.diff)}


def _playbook(
    inputs: Inputs, policy: PlaybookPolicy, arguments: dict[str, Any], files: dict[str, str],
) -> Path | None:
    """Decide what the playbook is; returns the directory of project files, None where there are none."""
    given = inputs.playbook
    if isinstance(given, Mapping):
        given = [given]
    if isinstance(given, str) and "\n" in given.strip():
        given = _yaml("playbook", given)
    if isinstance(given, list) and given and all(isinstance(play, Mapping) for play in given):
        policy.check_inline()
        files["project/main.json"] = json.dumps(given)
        arguments["playbook"] = "main.json"
        return None
    if not isinstance(given, str) or not given.strip():
        raise InputError("playbook must be a path, the full name of a collection's playbook, a list of plays, or their YAML text.")
    given = given.strip()
    if is_collection_playbook(given):
        policy.check_collection(given)
        files["project/.keep"] = ""
        arguments["playbook"] = given
        return None
    place = policy.file(given, inputs.project, what="playbook")
    if not place.path.is_file():
        raise InputError(f"The playbook '{given}' is not a file.")
    arguments["project_dir"] = str(place.root)
    arguments["playbook"] = str(place.path)
    return place.root


def _inventory(inputs: Inputs, policy: PlaybookPolicy, directory: str, files: dict[str, str]) -> list[str] | None:
    """Sources for ansible's ``-i``."""
    given = inputs.inventory
    if given is None:
        return None
    policy.check_listed()
    sources: list[str] = []
    names: list[str] = []
    for item in given if isinstance(given, list) else [given]:
        if isinstance(item, str) and not isinstance(given, str) and _is_host(item, policy, inputs.project):
            names.append(item)
        else:
            sources.append(_source(item, len(sources), inputs, policy, directory, files))
    if names:
        sources.append(",".join(names) + ",")
    if not sources:
        raise InputError("inventory is an empty list.")
    return sources


def _source(
    item: Any, number: int, inputs: Inputs, policy: PlaybookPolicy, directory: str, files: dict[str, str],
) -> str:
    if isinstance(item, Mapping):
        return _inline_inventory(json.dumps(item), f"{number}.{_ending(item) or 'json'}", policy, directory, files)
    if not isinstance(item, str) or not item.strip():
        raise InputError("inventory must be a path, text in INI or YAML, a mapping, or a list of these and of host names.")
    text = item.strip()
    if "\n" not in text and "=" not in text and "," in text:
        return text
    if "\n" in text or "=" in text or " " in text or text.startswith("["):
        parsed = _yaml_or_none(text)
        ending = (_ending(parsed) or "yml") if isinstance(parsed, Mapping) else "ini"
        return _inline_inventory(item + "\n", f"{number}.{ending}", policy, directory, files)
    if _is_host(text, policy, inputs.project):
        return f"{text},"
    return str(policy.file(text, inputs.project, what="inventory").path)


def _ending(item: Mapping[str, Any]) -> str | None:
    """The end of the name of a plugin's configuration, by which many plugins know that it is theirs; None for other mappings."""
    plugin = item.get("plugin")
    if not isinstance(plugin, str) or not re.fullmatch(r"[\w.]+", plugin):
        return None
    return f"{plugin.rpartition('.')[2]}.yml"


def _is_host(text: str, policy: PlaybookPolicy, project: str | None) -> bool:
    """Whether a single word is a host's name: no path, no file's ending, and no file of that name."""
    looks_like_path = "/" in text or text.endswith((".ini", ".yml", ".yaml", ".json", ".cfg"))
    return not looks_like_path and not set(text) & set(", \n=[") and not policy.has_file(text, project)


def _inline_inventory(text: str, name: str, policy: PlaybookPolicy, directory: str, files: dict[str, str]) -> str:
    policy.check_inline_inventory()
    files[f"inventory/{name}"] = text
    return f"{directory}/inventory/{name}"


def _options(inputs: Inputs, directory: str, files: dict[str, str]) -> list[str]:
    """Command line options, made from typed inputs only."""
    options: list[str] = []
    if limit := ",".join(_texts("limit", inputs.limit)):
        options.append(f"--limit={_limit(limit, directory, files)}")
    for name, value in (("tags", inputs.tags), ("skip_tags", inputs.skip_tags)):
        if texts := _texts(name, value):
            options.append(f"--{name.replace('_', '-')}={','.join(texts)}")
    for name, flag in (("check", inputs.check), ("diff", inputs.diff), ("become", inputs.become)):
        if _flag(name, flag):
            options.append(f"--{name}")
    if inputs.become_user is not None:
        options.append(f"--become-user={inputs.become_user}")
    if inputs.forks is not None:
        options.append(f"--forks={_whole('forks', inputs.forks, 1, 1000)}")
    return options


def _pipes(inputs: Inputs) -> dict[str, str]:
    """What ansible reads from pipes, by their names."""
    pipes = {f"vault-{_vault_id(name)}": text for name, text in (inputs.vault_passwords or {}).items()}
    if inputs.become_password is not None:
        pipes["become"] = inputs.become_password
    if inputs.connection_password is not None:
        pipes["connection"] = inputs.connection_password
    if inputs.secrets:
        pipes["variables.json"] = json.dumps(dict(inputs.secrets))
    return pipes


def _vault_id(name: str) -> str:
    if not _VAULT_ID.fullmatch(name):
        raise InputError(f"'{name}' can't be the id of a vault.")
    return name


def _pipe_options(pipes: Mapping[str, str], directory: str) -> list[str]:
    """Options that say where ansible finds which pipe."""
    options: list[str] = []
    for name in pipes:
        path = f"{directory}/{playbook_pipes.FOLDER}/{name}"
        if name.startswith("vault-"):
            options.extend(["--vault-id", f"{name.removeprefix('vault-')}@{path}"])
        elif name == "variables.json":
            options.extend(["-e", f"@{path}"])
        else:
            options.append(f"--{name}-password-file={path}")
    return options


def _limit(limit: str, directory: str, files: dict[str, str]) -> str:
    """The limit, by a file of ours if it is too long for a command line."""
    if "@" in limit:
        raise InputError("limit takes hosts, groups and patterns, and no files.")
    if len(limit) <= _LONG_LIMIT:
        return limit
    files["limit"] = limit.replace(",", "\n")
    return f"@{directory}/limit"


def _environment(
    inputs: Inputs, settings: PlaybookSettings, ident: str, directory: str, root: Path | None,
) -> dict[str, str]:
    """All variables that the run sees; nothing comes from the server's own environment."""
    executable = settings.executable or str(Path(sys.executable).parent)
    account = pwd.getpwuid(os.getuid())
    environment = {
        "PATH": f"{executable}:{_SYSTEM_PATH}",
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANSIBLE_LOCAL_TEMP": f"{directory}/local",
        "ANSIBLE_CONFIG": _config(settings, root, directory),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOST_KEY_CHECKING": str(settings.host_key_checking),
        "ANSIBLE_LOCALHOST_WARNING": "False",
        # A broken inventory would otherwise be a run on no hosts that went well.
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True",
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(playbook_callbacks.__path__[0])),
        "ANSIBLE_CALLBACKS_ENABLED": "maestrale_results",
        "MAESTRALE_RESULTS_REQUEST": f"{directory}/collect.json",
        MARK: ident,
    }
    if settings.collections_path:
        environment["ANSIBLE_COLLECTIONS_PATH"] = ":".join(settings.collections_path)
    for name, value in _mapping("environment", inputs.environment or {}).items():
        if not _NAME.fullmatch(name) or (name not in settings.environment and _NEVER.fullmatch(name)):
            raise InputError(f"The environment variable '{name}' may not be set.")
        environment[name] = str(value)
    return environment


def _config(settings: PlaybookSettings, root: Path | None, directory: str) -> str:
    """The project's own ``ansible.cfg``, the operator's, or an empty one: never one that happens to lie somewhere."""
    own = root / "ansible.cfg" if root is not None else None
    if own is not None and own.is_file():
        return str(own)
    return settings.config_file or f"{directory}/ansible.cfg"


def _yaml(name: str, text: str) -> Any:
    try:
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - the loader is derived from a safe one
    except yaml.YAMLError as error:
        raise InputError(f"{name} is not valid YAML: {error}") from None


def _yaml_or_none(text: str) -> Any:
    try:
        return _yaml("", text)
    except InputError:
        return None


class _PlainLoader(yaml.CSafeLoader):
    """Leaves ansible's own tags as texts of their kind: ``!vault`` and ``!unsafe`` keep their meaning in JSON."""


def _tagged(kind: str) -> Any:
    def construct(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> Any:
        return {kind: str(loader.construct_scalar(node))}

    return construct


_PlainLoader.add_constructor("!vault", _tagged("__ansible_vault"))
_PlainLoader.add_constructor("!unsafe", _tagged("__ansible_unsafe"))


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{name} must be a mapping.")
    return {str(key): item for key, item in value.items()}


def _texts(name: str, value: Any) -> list[str]:
    """A list of texts, or one text with commas."""
    if value is None:
        return []
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str | int) for item in items):
        raise InputError(f"{name} must be text or a list of texts.")
    return [str(item).strip() for item in items if str(item).strip()]


def _facts(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return bool(value)
    return _texts("facts", value)


def _flag(name: str, value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InputError(f"{name} must be true or false.")


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(f"{name} must be a whole number from {least} to {most}.")
    return value


def _seconds(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise InputError(f"{name} must be a number of seconds above 0.")
    return float(value)
