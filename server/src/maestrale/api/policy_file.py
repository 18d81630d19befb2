"""The operator's policy file over the defaults, through oslo.policy.

Imported only where ``api.policy_file`` is set. The file is read again when it changes.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from oslo_config import cfg
from oslo_policy import opts, policy

from maestrale.api.policy import BASE_RULES, DEFAULT_RULES
from maestrale.caller import Caller
from maestrale.config import ConfigurationError


class FilePolicy:
    """Rules of a YAML or JSON file; a rule that it doesn't name keeps its default."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigurationError if the file can't be read or holds an unknown or broken rule."""
        _check_shape(path)
        settings = cfg.ConfigOpts()
        settings([], default_config_files=[], default_config_dirs=[])
        opts.set_defaults(settings, policy_file=str(path.resolve()))
        self._enforcer = policy.Enforcer(settings, policy_file=str(path.resolve()))
        self._enforcer.suppress_default_change_warnings = True
        self._enforcer.suppress_deprecation_warnings = True
        for name, check in {**BASE_RULES, **DEFAULT_RULES}.items():
            self._enforcer.register_default(policy.RuleDefault(name, check))
        try:
            self._enforcer.load_rules()
            self._enforcer.check_rules(raise_on_violation=True)
        except (ValueError, policy.InvalidDefinitionError, policy.InvalidRuleDefault, cfg.Error) as error:
            raise ConfigurationError(f"api.policy_file: {path}: {error}") from error

    def allows(self, rule: str, caller: Caller) -> bool:
        """Whether the file's or the default rule lets the caller through."""
        target = {"project_id": caller.project_id, "user_id": caller.user_id}
        credentials = {
            "project_id": caller.project_id, "user_id": caller.user_id, "roles": list(caller.roles), "is_admin": caller.is_admin,
            "project_name": caller.project_name, "user_name": caller.user_name,
        }
        return bool(self._enforcer.enforce(rule, target, credentials))


def _check_shape(path: Path) -> None:
    """Raises ConfigurationError unless the file holds a mapping; oslo.policy takes that for granted."""
    if not path.is_file():
        raise ConfigurationError(f"api.policy_file: there is no file {path}.")
    try:
        content = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise ConfigurationError(f"api.policy_file: {path}: {error}") from error
    if not isinstance(content, dict | None):
        raise ConfigurationError(f"api.policy_file: {path} must hold a mapping of rule names to checks.")
