"""``ansible.role``, ``ansible.module`` and ``ansible.inventory``: what runs as a playbook of ours, or beside one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from maestrale.actions.inventory_cache import InventoryCache, age_of, key_of, sources_of
from maestrale.actions.playbook import AnsibleAction, parameters_of
from maestrale.actions.playbook_inputs import Inputs
from maestrale.actions.playbook_job import inventory_job_of, job_of
from maestrale.actions.playbook_policy import PlaybookPolicy
from maestrale.actions.protocol import ActionContext
from maestrale.actions.settings import PlaybookSettings
from maestrale.errors import InputError
from maestrale.lang.specs import REQUIRED, Parameter

_REGISTERED = "maestrale_result"
_FULL_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)+")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_NOT_OURS = frozenset({"playbook"})
_NOT_MODULES = frozenset({"playbook", "tags", "skip_tags", "facts", "registered"})
_DECIDING = ("inventory", "limit", "extra_vars", "project", "environment", "ansible_config", "isolation", "execution_environment")
"""The inputs on which it depends what is read."""
_INVENTORYS = (*_DECIDING, "secrets", "vault_passwords", "timeout", "inventory_cache")


class RoleAction(AnsibleAction):
    """Run an Ansible role on hosts.

    role: the full name of a collection's role (ns.name.role), or the name of a role in the folder ``roles`` of a project root.
    hosts: the pattern of hosts, ``all`` by default. role_vars: variables of the role. gather_facts: true by default.
    All others, and the result, are those of ansible.playbook.
    """

    name = "ansible.role"

    def __init__(
        self, settings: PlaybookSettings, cache: InventoryCache, /, role: str, hosts: str = "all",
        role_vars: Mapping[str, Any] | None = None, gather_facts: bool = True, **inputs: Any,
    ) -> None:
        if not isinstance(role, str) or not (_FULL_NAME.fullmatch(role) or _PLAIN_NAME.fullmatch(role)):
            raise InputError("role must be the name of a role.")
        self.role = role
        play = {"name": f"Role {role}", "hosts": hosts, "gather_facts": gather_facts, "roles": [{"role": role, "vars": role_vars or {}}]}
        super().__init__(settings, cache, play=play, **inputs)

    @classmethod
    def parameters(cls) -> tuple[tuple[Parameter, ...], bool]:
        """Its own, and those of a playbook but for the playbook."""
        own = (Parameter("role"), Parameter("hosts", "all"), Parameter("role_vars", None), Parameter("gather_facts", default=True))
        return own + parameters_of(Inputs, without=_NOT_OURS), False

    def inputs_from(self, given: Mapping[str, Any]) -> Inputs:
        """A playbook with the role's play."""
        return _with_play(given)

    def job(self, inputs: Inputs, policy: PlaybookPolicy, *, ident: str, directory: str) -> dict[str, Any]:
        """A play of ours with the role, if the role may be used."""
        roles_path = None
        if self.role.count(".") >= 2:
            policy.check_collection(self.role)
        else:
            roles_path = str(policy.file(f"roles/{self.role}", inputs.project, what="role").path.parent)
        return job_of(inputs, policy, ident=ident, directory=directory, own_play=True, roles_path=roles_path)


class ModuleAction(AnsibleAction):
    """Run one Ansible module on hosts.

    module: its full name. args: its arguments as a mapping. hosts: the pattern of hosts, ``all`` by default.
    The others are those of ansible.playbook. The result is that of ansible.playbook with the key ``results``: host -> what the
    module returned there.
    """

    name = "ansible.module"

    def __init__(
        self, settings: PlaybookSettings, cache: InventoryCache, /, module: str, args: Mapping[str, Any] | None = None,
        hosts: str = "all", **inputs: Any,
    ) -> None:
        if not isinstance(module, str) or not _FULL_NAME.fullmatch(module):
            raise InputError("module must be the full name of a module, such as ansible.builtin.ping.")
        if args is not None and not isinstance(args, Mapping):
            raise InputError("args must be a mapping.")
        task = {"name": module, module: dict(args or {}), "register": _REGISTERED}
        super().__init__(settings, cache, play={"name": module, "hosts": hosts, "gather_facts": False, "tasks": [task]}, **inputs)

    @classmethod
    def parameters(cls) -> tuple[tuple[Parameter, ...], bool]:
        """Its own, and those of a playbook that mean something for one task."""
        own = (Parameter("module"), Parameter("args", None), Parameter("hosts", "all"))
        return own + parameters_of(Inputs, without=_NOT_MODULES), False

    def inputs_from(self, given: Mapping[str, Any]) -> Inputs:
        """A playbook with the module's play."""
        return _with_play({**given, "registered": [_REGISTERED]})

    def job(self, inputs: Inputs, policy: PlaybookPolicy, *, ident: str, directory: str) -> dict[str, Any]:
        """A play of ours; a module of the author's choice can do what a play can, so it takes the same permission."""
        policy.check_inline()
        return job_of(inputs, policy, ident=ident, directory=directory, own_play=True)

    def shown(self, value: dict[str, Any]) -> dict[str, Any]:
        """With ``results`` in place of ``registered``."""
        registered = value.pop("registered")
        return {**value, "results": {host: values.get(_REGISTERED) for host, values in registered.items()}}


class InventoryAction(AnsibleAction):
    """Read an Ansible inventory, dynamic ones included, and hand it back as data.

    inventory and limit are those of ansible.playbook. The result: hosts (host -> variables), groups (group -> {hosts, children}),
    status, rc, message, duration; cached: whether it was read before, from the same files. inventory_cache says in seconds how long
    ago that may be, 0 reads anew.
    """

    name = "ansible.inventory"
    modes = ()
    remainder = None

    async def answer(self, job: dict[str, Any], inputs: Inputs, context: ActionContext, lock: int) -> dict[str, Any]:
        """From the cache where it may be; what was read with secrets is never kept."""
        age = age_of(inputs, self.settings.inventory_cache)
        if age is None:
            return {**await super().answer(job, inputs, context, lock), "cached": False}
        about = {**{name: getattr(inputs, name) for name in _DECIDING}, "of": [context.project_id, context.is_admin]}
        key = await asyncio.to_thread(key_of, about, sources_of(job))
        if (kept := self.cache.get(key, age)) is not None:
            return {**kept, "cached": True}
        answer = await super().answer(job, inputs, context, lock)
        if answer["status"] == "successful":
            self.cache.put(key, answer)
        return {**answer, "cached": False}

    @classmethod
    def parameters(cls) -> tuple[tuple[Parameter, ...], bool]:
        """The inventory, and what reading it may need."""
        taken = {parameter.name: parameter for parameter in parameters_of(Inputs)}
        return (Parameter("inventory", REQUIRED), *(taken[name] for name in _INVENTORYS[1:])), False

    def inputs_from(self, given: Mapping[str, Any]) -> Inputs:
        """Inputs without a playbook."""
        if unknown := set(given) - set(_INVENTORYS):
            raise TypeError(f"unexpected inputs: {sorted(unknown)}")
        if given.get("inventory") is None:
            raise InputError("inventory must be given.")
        return Inputs(playbook=None, **given)

    def job(self, inputs: Inputs, policy: PlaybookPolicy, *, ident: str, directory: str) -> dict[str, Any]:
        """A run of ansible-inventory."""
        return inventory_job_of(inputs, policy, ident=ident, directory=directory)

    def shown(self, value: dict[str, Any]) -> dict[str, Any]:
        """Hosts and groups, from what ``ansible-inventory --list`` says."""
        listed = dict(value.get("listed") or {})
        variables = (listed.pop("_meta", None) or {}).get("hostvars") or {}
        groups = {
            name: {"hosts": group.get("hosts", []), "children": group.get("children", [])}
            for name, group in listed.items() if isinstance(group, Mapping)
        }
        names = dict.fromkeys(host for group in groups.values() for host in group["hosts"])
        return {
            "status": value["status"], "rc": value["rc"], "message": value["message"],
            "hosts": {name: variables.get(name, {}) for name in names}, "groups": groups,
            "stdout_tail": "" if value["status"] == "successful" else value["stdout_tail"], "duration": value["duration"],
            "cached": value.get("cached", False),
        }


def _with_play(given: Mapping[str, Any]) -> Inputs:
    """The inputs of a playbook of one play that is given as ``play``. Raises TypeError for a ``playbook``."""
    rest = dict(given)
    play = rest.pop("play")
    return Inputs(playbook=[play], **rest)
