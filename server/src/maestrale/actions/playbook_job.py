"""From the inputs of ``ansible.playbook`` to the job of the process that runs it. Starts nothing and writes nothing."""

from __future__ import annotations

import json
import os
import pwd
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from maestrale.actions import playbook_callbacks, playbook_pipes
from maestrale.actions.playbook_container import contained
from maestrale.actions.playbook_directory import MARK
from maestrale.actions.playbook_inputs import Inputs, as_flag, as_mapping, as_seconds, as_text, as_texts, as_whole, modes_of
from maestrale.actions.playbook_isolation import isolation_of
from maestrale.actions.playbook_options import options_of
from maestrale.actions.playbook_policy import PlaybookPolicy, is_collection_playbook
from maestrale.actions.playbook_sandbox import sandboxed
from maestrale.actions.settings import PlaybookSettings
from maestrale.errors import InputError

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NEVER = re.compile(r"(ANSIBLE_|AWX_|RUNNER_|LD_|PYTHON|MAESTRALE_).*|PATH|HOME|IFS|BASH_ENV|ENV")
_VAULT_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")


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
        files["env/extravars"] = json.dumps(as_mapping("extra_vars", inputs.extra_vars))
    files["ansible.cfg"] = ""
    pipes = _pipes(inputs)
    arguments["cmdline"] = shlex.join([*options_of(inputs, directory, files), *_pipe_options(pipes, directory)])
    if verbosity := as_whole("verbosity", inputs.verbosity, 0, 6):
        arguments["verbosity"] = verbosity
    files["collect.json"] = json.dumps({
        "facts": _facts(inputs.facts), "registered": as_texts("registered", inputs.registered), "into": f"{directory}/collected.json",
    })
    artifacts = _artifacts(inputs, settings)
    job = {
        "directory": directory,
        "ident": ident,
        "environment": _environment(inputs, policy, ident, directory, root),
        "sandboxed": False,
        "container": None,
        "arguments": arguments,
        "files": files,
        "pipes": pipes,
        "ssh_key": inputs.ssh_key,
        "masked": [*inputs.secrets.values(), *pipes.values(), inputs.ssh_key or "", inputs.ssh_key_passphrase or ""],
        "modes": modes_of(inputs),
        "shows_events": artifacts["events"],
        "timeout": as_seconds("timeout", inputs.timeout),
        "idle_timeout": as_seconds("idle_timeout", inputs.idle_timeout),
        "grace": settings.grace,
        "limits": {
            "text": settings.text_max, "tail": artifacts["stdout"], "value": settings.value_max, "memory": settings.memory_max,
            "cpu": settings.cpu_max, "processes": settings.processes_max,
        },
    }
    _isolate(job, inputs, policy, [str(root or ""), arguments.get("roles_path") or "", *_with_neighbours(sources or ())])
    return job


def _isolate(job: dict[str, Any], inputs: Inputs, policy: PlaybookPolicy, given: list[str]) -> None:
    """Put the job where it has to run; ``given`` are paths that it may read there, if they are absolute."""
    isolation = isolation_of(inputs.isolation, inputs.execution_environment, policy)
    given = [*given, job["environment"].get("ANSIBLE_CONFIG", "")]
    if policy.checkout is not None:
        given += policy.checkout.outside()
    if isolation.image is not None:
        contained(job, isolation.image, policy.settings, given)
        return
    job["environment"] = _of_this_machine(policy.settings, job["directory"]) | job["environment"]
    if isolation.kind == "sandbox":
        sandboxed(job, policy.settings, given)


def _with_neighbours(sources: Sequence[str]) -> list[str]:
    """Sources of an inventory, and the variables beside them that ansible reads as well."""
    beside = [str(Path(source).parent / name) for source in sources if source.startswith("/") for name in ("group_vars", "host_vars")]
    return [*sources, *beside]


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


def _of_this_machine(settings: PlaybookSettings, directory: str) -> dict[str, str]:
    """Variables of a run that isn't in a container. Without a configuration it gets an empty one, and none that lies somewhere."""
    executable = settings.executable or str(Path(sys.executable).parent)
    account = pwd.getpwuid(os.getuid())
    return {
        "PATH": f"{executable}:{_SYSTEM_PATH}", "HOME": account.pw_dir, "USER": account.pw_name,
        "ANSIBLE_CONFIG": f"{directory}/ansible.cfg",
    }


def _environment(
    inputs: Inputs, policy: PlaybookPolicy, ident: str, directory: str, root: Path | None,
) -> dict[str, str]:
    """All variables that the run sees wherever it runs; nothing comes from the server's own environment."""
    settings = policy.settings
    environment = {
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANSIBLE_LOCAL_TEMP": f"{directory}/local",
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
    if (config := _config(inputs, settings, root)) is not None:
        environment["ANSIBLE_CONFIG"] = config
    if settings.collections_path:
        environment["ANSIBLE_COLLECTIONS_PATH"] = ":".join(settings.collections_path)
    for name, value in as_mapping("environment", inputs.environment or {}).items():
        if not _NAME.fullmatch(name) or (name not in settings.environment and _NEVER.fullmatch(name)):
            raise InputError(f"The environment variable '{name}' may not be set.")
        environment[name] = str(value)
    if policy.checkout is not None:
        environment.update(policy.checkout.environment(settings))
    return environment


def _config(inputs: Inputs, settings: PlaybookSettings, root: Path | None) -> str | None:
    """The one that was asked for, the project's own, or the operator's."""
    if (asked := as_text("ansible_config", inputs.ansible_config)) is not None:
        if asked not in settings.config_files:
            raise InputError(f"There is no ansible_config '{asked}' (setting playbooks.config_files).")
        return settings.config_files[asked]
    own = root / "ansible.cfg" if root is not None else None
    if own is not None and own.is_file():
        return str(own)
    return settings.config_file


def _artifacts(inputs: Inputs, settings: PlaybookSettings) -> dict[str, Any]:
    """What is kept of the output: whether ``events`` are, and how many bytes of ``stdout`` in the result."""
    given = as_mapping("artifacts", inputs.artifacts or {})
    if unknown := set(given) - {"events", "stdout"}:
        raise InputError(f"artifacts takes events and stdout, not {', '.join(sorted(unknown))}.")
    return {
        "events": as_flag("artifacts.events", given.get("events", True)),
        "stdout": as_whole("artifacts.stdout", given.get("stdout", settings.stdout_tail), 0, settings.stdout_tail),
    }


def _facts(value: Any) -> Any:
    return value if isinstance(value, bool) else as_texts("facts", value)


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
