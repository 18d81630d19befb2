"""The rules of section 2.4: their defaults, and an operator's file over them."""

from __future__ import annotations

import pytest
import yaml

from maestrale.api.policy import BASE_RULES, DEFAULT_RULES, DefaultPolicy, sample
from maestrale.api.policy_file import FilePolicy
from maestrale.caller import Caller
from maestrale.config import ConfigurationError

CALLERS = [
    Caller(project_id="p1", user_id="u", roles=("member",), authenticated=True),
    Caller(project_id="p1", user_id="u", roles=("admin",), is_admin=True, authenticated=True),
    Caller(project_id="p1", user_id="u", roles=("reader",), authenticated=True),
    Caller(),
]

ADMIN_RULES = {
    *(f"code_sources:{verb}" for verb in ("create", "delete", "get", "list", "update", "publicize")),
    *(f"dynamic_actions:{verb}" for verb in ("create", "delete", "get", "list", "update", "publicize")),
    *(
        f"{name}:publicize"
        for name in ("actions", "cron_triggers", "environments", "event_triggers", "project_sources", "workbooks", "workflows")
    ),
    *(f"{name}:list:all_projects" for name in ("cron_triggers", "event_triggers", "executions", "project_sources", "workflows")),
    "maintenance:update",
}

OWNER_RULES = {
    *(
        f"{name}:{verb}"
        for name in (
            "actions", "action_executions", "environments", "event_triggers", "executions", "members", "project_sources", "workbooks",
            "workflows",
        )
        for verb in ("create", "delete", "get", "list", "update")
    ),
    *(f"cron_triggers:{verb}" for verb in ("create", "delete", "get", "list")),
    *(f"tasks:{verb}" for verb in ("get", "list", "update")),
    "services:list", "maintenance:get",
}


@pytest.fixture
def policy_file(tmp_path):
    def write(text: str) -> FilePolicy:
        path = tmp_path / "policy.yaml"
        path.write_text(text)
        return FilePolicy(path)

    return write


def test_A294_every_rule_exists_with_its_default():
    assert {rule for rule in DEFAULT_RULES if DEFAULT_RULES[rule] == "rule:admin_only"} == ADMIN_RULES
    assert {rule for rule in DEFAULT_RULES if DEFAULT_RULES[rule] == "rule:admin_or_owner"} == OWNER_RULES


@pytest.mark.parametrize("caller", CALLERS, ids=["member", "admin", "reader", "anyone"])
def test_A294_defaults_are_what_oslo_policy_says_of_them(policy_file, caller):
    from_file = policy_file("")

    assert {rule: from_file.allows(rule, caller) for rule in DEFAULT_RULES} == {
        rule: DefaultPolicy().allows(rule, caller) for rule in DEFAULT_RULES
    }


def test_A294_a_rule_can_be_overridden_by_file(policy_file):
    policy = policy_file('"executions:create": "role:operator"\n"workflows:publicize": "rule:admin_or_owner"\n')

    assert not policy.allows("executions:create", CALLERS[0])
    assert policy.allows("executions:create", Caller(roles=("operator",)))
    assert policy.allows("workflows:publicize", CALLERS[0])
    assert policy.allows("executions:get", CALLERS[0])


def test_A294_json_files_of_old_deployments_are_read(policy_file):
    assert not policy_file('{"executions:create": "!"}').allows("executions:create", CALLERS[1])


def test_a_changed_file_counts_without_restart(policy_file, tmp_path):
    import os

    policy = policy_file('"executions:create": "@"')
    assert policy.allows("executions:create", CALLERS[0])

    path = tmp_path / "policy.yaml"
    path.write_text('"executions:create": "!"')
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime + 10))

    assert not policy.allows("executions:create", CALLERS[0])


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", '"executions:create": "rule:nowhere"\n'])
def test_a_broken_file_is_refused_at_start(policy_file, text):
    with pytest.raises(ConfigurationError, match=r"api\.policy_file"):
        policy_file(text)


def test_a_missing_file_is_refused_at_start(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no file"):
        FilePolicy(tmp_path / "none.yaml")


def test_the_sample_names_every_rule_and_changes_nothing(policy_file):
    text = sample()

    assert yaml.safe_load(text) is None
    rules = yaml.safe_load("".join(line.removeprefix("#") + "\n" for line in text.splitlines()[1:]))
    assert rules == {**BASE_RULES, **DEFAULT_RULES}
