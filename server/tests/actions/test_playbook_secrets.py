"""Secrets of playbooks: how ansible gets them, and that they show nowhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from desk import play

from maestrale.actions import PlaybookSettings

ONE = "web1 ansible_connection=local"


@pytest.fixture
def desk(make_desk: Callable[..., Any], work: Path) -> Any:
    return make_desk(playbooks=PlaybookSettings(work_dir=str(work), grace=2.0))


def test_secrets_are_variables_that_show_nowhere(desk: Any, work: Path) -> None:
    desk.secrets["site/db"] = 's3cr3t-"quoted"'
    look = (
        f"(grep -la 's3cr[3]t' /proc/[0-9]*/cmdline /proc/[0-9]*/environ; find {work} -type f | xargs grep -l 's3cr[3]t')"
        f" | sed s/^/found:/; find {work}")
    tasks = play(
        {"ansible.builtin.shell": look, "register": "around"},
        {"name": "say {{ password }}", "ansible.builtin.debug": {"var": "password"}},
        {"ansible.builtin.set_stats": {"data": {"leak": "{{ password }}", "length": "{{ password | length }}"}}},
        {"ansible.builtin.fail": {"msg": "wrong {{ password }}"}})
    result = desk.run(
        "ansible.playbook", playbook=tasks, inventory=ONE, secrets={"password": "site/db"}, verbosity=3, registered=["around"])
    assert "s3cr3t" not in json.dumps([result.value, desk.events])
    assert result.value["message"].endswith("wrong ********")
    assert result.value["artifacts"] == {"leak": "********", "length": 15}
    around = result.value["registered"]["web1"]["around"]["stdout"]
    assert "/pipes" in around
    assert "found:" not in around
    assert list(work.iterdir()) == []


def test_secrets_are_masked_where_results_are_shown_as_yaml(make_desk: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\ncallback_result_format = yaml\n", encoding="utf-8")
    said = [{"ansible.builtin.debug": {"msg": ["it's {{ phrase }}", "x " * 30 + "{{ phrase }}" + " y" * 30]}}]
    (tmp_path / "say.yml").write_text(json.dumps(play(*said)), encoding="utf-8")
    desk = make_desk(playbooks=PlaybookSettings(roots={"books": str(tmp_path)}))
    desk.secrets["site/phrase"] = "horse's battery: and staple"
    result = desk.run("ansible.playbook", playbook="say.yml", project="books", inventory=ONE, secrets={"phrase": "site/phrase"})
    assert result.state == "SUCCESS"
    told = json.dumps([result.value, desk.events])
    assert "it''s ********" in told
    assert not any(word in told for word in ("horse", "battery", "staple"))


def encrypted(text: str, vault_id: str, password: str, folder: Path) -> str:
    """A text as ``ansible-vault`` encrypts it."""
    (folder / vault_id).write_text(password, encoding="utf-8")
    tool = Path(sys.executable).parent / "ansible-vault"
    done = subprocess.run(
        [str(tool), "encrypt_string", "--vault-id", f"{vault_id}@{folder / vault_id}", "--encrypt-vault-id", vault_id, text],
        capture_output=True, text=True, check=True)
    return "\n".join(line.strip() for line in done.stdout.splitlines()[1:]) + "\n"


def test_vaults_are_opened_by_their_ids(desk: Any, tmp_path: Path) -> None:
    desk.secrets |= {"site/one": "first-password", "site/two": "second-password"}
    values = {
        name: {"__ansible_vault": encrypted(f"text of {name}", name, password, tmp_path)}
        for name, password in (("dev", "first-password"), ("prod", "second-password"))}
    tasks = play({"ansible.builtin.set_stats": {"data": {"both": "{{ dev }}, {{ prod }}"}}}, vars=values)
    result = desk.run("ansible.playbook", playbook=tasks, inventory=ONE, vault_passwords={"dev": "site/one", "prod": "site/two"})
    assert result.value["artifacts"] == {"both": "text of dev, text of prod"}, result
    wrong = desk.run("ansible.playbook", playbook=tasks, inventory=ONE, vault_passwords="site/one")
    assert wrong.state == "ERROR"


def test_passwords_for_becoming_and_connecting_reach_ansible(desk: Any) -> None:
    desk.secrets |= {"site/root": "become-me", "site/login": "connect-me"}
    told = {"become": "{{ lookup('vars', 'ansible_become_password', default='none') | length }}"}
    tasks = play({"ansible.builtin.set_stats": {"data": told}})
    result = desk.run(
        "ansible.playbook", playbook=tasks, inventory=ONE, become_password="site/root", connection_password="site/login")
    assert result.state == "SUCCESS", result
    empty = desk.run("ansible.playbook", playbook=tasks, inventory=ONE)
    desk.secrets["site/root"] = "\n"
    refused = desk.run("ansible.playbook", playbook=tasks, inventory=ONE, become_password="site/root")
    assert empty.state == "SUCCESS"
    assert "Empty password was provided from file" in refused.value["message"]


@pytest.mark.parametrize("passphrase", [None, "open-sesame"])
def test_an_ssh_key_is_held_by_an_agent_of_the_run_s_own(desk: Any, work: Path, passphrase: str | None) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    seal = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, seal).decode()
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    desk.secrets |= {"site/key": text, "site/phrase": passphrase or ""}
    tasks = play({"ansible.builtin.command": "ssh-add -L", "register": "held"}, {"ansible.builtin.command": f"grep -r PRIV[A]TE {work}"})
    result = desk.run("ansible.playbook", playbook=tasks, inventory=ONE, registered=["held"], ssh_key="site/key",
                      **({"ssh_key_passphrase": "site/phrase"} if passphrase else {}))
    assert result.value["registered"]["web1"]["held"]["stdout"].startswith(public), result
    assert [failure["rc"] for failure in result.value["failed_tasks"]] == [1]
    assert list(work.iterdir()) == []


def test_a_key_that_is_none_is_a_failure_that_says_so(desk: Any) -> None:
    desk.secrets |= {"site/key": "no key at all", "site/phrase": "x"}
    result = desk.run("ansible.playbook", playbook=play(), inventory=ONE, ssh_key="site/key")
    assert "ssh-agent doesn't take the SSH key" in result.value
    result = desk.run("ansible.playbook", playbook=play(), inventory=ONE, ssh_key="site/key", ssh_key_passphrase="site/phrase")
    assert "The SSH key can't be opened with its passphrase." in result.value


@pytest.mark.parametrize(("inputs", "text"), [
    ({"secrets": {"password": {"value": "in clear"}}}, "secrets.password must be the name of a secret"),
    ({"secrets": ["a"]}, "secrets must be a mapping"), ({"ssh_key": 5}, "ssh_key must be the name of a secret"),
    ({"vault_passwords": {"a b": "site/db"}}, "'a b' can't be the id of a vault"),
])
def test_secrets_are_given_by_name_only(desk: Any, inputs: dict[str, Any], text: str) -> None:
    desk.secrets["site/db"] = "s3cr3t"
    assert text in desk.run("ansible.playbook", playbook=play(), inventory=ONE, **inputs).value
