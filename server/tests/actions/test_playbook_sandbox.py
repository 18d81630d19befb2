"""Playbooks in a sandbox of bubblewrap."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk import IDENT, play

from maestrale.actions import PlaybookSettings, process_tree

ONE = "web1 ansible_connection=local"
needs_tool = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@needs_tool
@pytest.mark.parametrize(("least", "asked"), [("none", "sandbox"), ("sandbox", None), ("sandbox", "none")])
def test_it_sees_no_other_process_and_no_file_that_it_was_not_given(
    make_desk: Callable[..., Any], tmp_path: Path, least: str, asked: str | None,
) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "other.txt").write_text("not for playbooks", encoding="utf-8")
    (tmp_path / "books/given.txt").write_text("given", encoding="utf-8")
    command = f"cat given.txt; touch given.txt || echo read-only; cat {tmp_path}/other.txt; ls -d /proc/{os.getpid()}"
    look = {"ansible.builtin.shell": command, "register": "seen", "failed_when": False}
    (tmp_path / "books/site.yml").write_text(str(play({**look, "args": {"chdir": "{{ playbook_dir }}"}})), encoding="utf-8")
    desk = make_desk(playbooks=PlaybookSettings(
        roots={"books": str(tmp_path / "books")}, work_dir=str(tmp_path / "work"), isolation=least))
    result = desk.run(
        "ansible.playbook", playbook="site.yml", project="books", inventory=ONE, registered=["seen"],
        **({} if asked is None else {"isolation": asked}))
    assert result.state == "SUCCESS", result
    seen = result.value["registered"]["web1"]["seen"]
    assert seen["stdout_lines"] == ["givenread-only"]
    assert seen["stderr"].count("No such file or directory") == 2
    assert list((tmp_path / "work").iterdir()) == []


@needs_tool
def test_it_sees_the_variables_beside_an_inventory_of_another_project(make_desk: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "sites/group_vars").mkdir(parents=True)
    (tmp_path / "sites/hosts").write_text(ONE, encoding="utf-8")
    (tmp_path / "sites/group_vars/all.yml").write_text("port: 5432\n", encoding="utf-8")
    desk = make_desk(playbooks=PlaybookSettings(roots={"sites": str(tmp_path / "sites")}))
    tasks = play({"ansible.builtin.set_stats": {"data": {"port": "{{ port }}"}}})
    result = desk.run("ansible.playbook", playbook=tasks, inventory=f"{tmp_path}/sites/hosts", isolation="sandbox")
    assert result.value["artifacts"] == {"port": 5432}, result


@needs_tool
def test_secrets_reach_it_and_cancel_ends_all_of_it(make_desk: Callable[..., Any], tmp_path: Path) -> None:
    desk = make_desk(playbooks=PlaybookSettings(work_dir=str(tmp_path / "work"), grace=1.0))
    desk.secrets["site/db"] = "s3cr3t"
    tasks = play({"ansible.builtin.debug": {"msg": "{{ password | length }} signs"}},
                 {"ansible.builtin.shell": "trap '' TERM HUP INT; (setsid sleep 98769 &); sleep 98769"})
    desk.submit("ansible.playbook", playbook=tasks, inventory=ONE, isolation="sandbox", secrets={"password": "site/db"})

    def sleeping() -> bool:
        return any("sleep 98769" in line for line in process_tree.command_lines(process_tree.descendants(os.getpid())).values())

    desk.wait_for(lambda: any("6 signs" in event["stdout"] for event in desk.events) or bool(desk.results), 60)
    while not sleeping():
        assert not desk.results, desk.results
    assert desk.runner.cancel(IDENT)
    assert desk.wait().state == "CANCELLED"
    assert not sleeping()


def test_without_the_tool_a_sandbox_is_refused(make_desk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = make_desk().run("ansible.playbook", playbook=play(), inventory=ONE, isolation="sandbox")
    assert "bubblewrap is not installed" in result.value
    result = make_desk().run("ansible.playbook", playbook=play(), inventory=ONE, isolation="x")
    assert "isolation must be one of none, sandbox" in result.value
