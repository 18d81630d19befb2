"""From the inputs of ``ansible.playbook`` to a command line, and from what happened on hosts to success or failure."""

from __future__ import annotations

from typing import Any

import pytest

from maestrale.actions.playbook_inputs import Inputs
from maestrale.actions.playbook_options import options_of
from maestrale.actions.playbook_verdict import judged, tolerance_of
from maestrale.errors import InputError


@pytest.mark.parametrize(("given", "options"), [
    ({}, []),
    ({"limit": ["a", "b"], "tags": "x, y", "skip_tags": ["z"]}, ["--limit=a,b", "--tags=x,y", "--skip-tags=z"]),
    ({"check": True, "diff": True, "become": True, "flush_cache": True}, ["--check", "--diff", "--become", "--flush-cache"]),
    ({"start_at_task": "Install it", "remote_user": "admin"}, ["--start-at-task=Install it", "--user=admin"]),
    ({"become_method": "su", "become_user": "db"}, ["--become-method=su", "--become-user=db"]),
    ({"forks": 5, "connection_timeout": 30}, ["--forks=5", "--timeout=30"]),
    ({"remote_user": "--private-key=/etc/key"}, ["--user=--private-key=/etc/key"]),
])
def test_inputs_become_options(given: dict[str, Any], options: list[str]) -> None:
    assert options_of(Inputs(playbook=None, **given), "/room", {}) == options


@pytest.mark.parametrize(("name", "value"), [
    ("limit", "@/etc/passwd"), ("tags", {"a": 1}), ("check", "yes"), ("flush_cache", 1), ("start_at_task", "a\nb"), ("remote_user", ""),
    ("become_method", 7), ("forks", 0), ("forks", True), ("connection_timeout", "10"), ("connection_timeout", 0),
])
def test_inputs_of_another_kind_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"^{name} "):
        options_of(Inputs(playbook=None, **{name: value}), "/room", {})


def test_a_limit_too_long_for_a_command_line_goes_to_a_file() -> None:
    files: dict[str, str] = {}
    hosts = [f"host{number}" for number in range(1000)]
    assert options_of(Inputs(playbook=None, limit=hosts), "/room", files) == ["--limit=@/room/limit"]
    assert files == {"limit": "\n".join(hosts)}


def result(*, failed: int = 0, unreachable: int = 0, ok: int = 0, **others: Any) -> dict[str, Any]:
    """The result of a run with so many hosts of each kind."""
    hosts = {
        "failed": [f"f{number}" for number in range(failed)], "unreachable": [f"u{number}" for number in range(unreachable)],
        "ok": [f"o{number}" for number in range(ok)],
    }
    rc = (2 if failed else 0) + (4 if unreachable else 0)
    stats = {host: {} for some in hosts.values() for host in some}
    return {"status": "failed" if rc else "successful", "rc": rc, "hosts": hosts, "stats": stats, "summary": "PLAY RECAP", **others}


@pytest.mark.parametrize(("given", "run", "status"), [
    ({}, {"failed": 1, "ok": 9}, "failed"),
    ({}, {"ok": 1}, "successful"),
    ({"ignore_failed_hosts": True}, {"failed": 3}, "successful"),
    ({"ignore_failed_hosts": True}, {"failed": 3, "unreachable": 1}, "failed"),
    ({"on_unreachable": "ignore"}, {"unreachable": 2}, "successful"),
    ({"on_unreachable": "ignore"}, {"failed": 1, "unreachable": 2}, "failed"),
    ({"on_unreachable": "fail"}, {"unreachable": 1}, "failed"),
    ({"on_unreachable": "ignore", "ignore_failed_hosts": True}, {"failed": 1, "unreachable": 2}, "successful"),
    ({"max_fail_percentage": 20}, {"failed": 1, "unreachable": 1, "ok": 8}, "successful"),
    ({"max_fail_percentage": 19.9}, {"failed": 1, "unreachable": 1, "ok": 8}, "failed"),
    ({"max_fail_percentage": 0}, {"failed": 1, "ok": 8}, "failed"),
    ({"max_fail_percentage": 10, "on_unreachable": "ignore"}, {"failed": 1, "unreachable": 5, "ok": 4}, "successful"),
    ({"max_fail_percentage": 100}, {"failed": 3}, "successful"),
])
def test_a_run_with_failed_hosts_succeeds_where_its_inputs_let_them_pass(
    given: dict[str, Any], run: dict[str, int], status: str,
) -> None:
    before = result(**run)
    verdict = judged(before, tolerance_of(Inputs(playbook=None, **given)))
    assert verdict["status"] == status
    let_pass = sorted(before["hosts"]["failed"] + before["hosts"]["unreachable"]) if status == "successful" else []
    assert verdict["tolerated"] == let_pass
    assert verdict["rc"] == before["rc"]


@pytest.mark.parametrize("others", [
    {"status": "timeout"}, {"status": "canceled"}, {"rc": 1}, {"rc": 250}, {"rc": None}, {"summary": ""},
    {"hosts": {"failed": [], "unreachable": []}},
])
def test_what_did_not_go_wrong_on_hosts_alone_is_never_let_pass(others: dict[str, Any]) -> None:
    tolerance = tolerance_of(Inputs(playbook=None, ignore_failed_hosts=True, on_unreachable="ignore"))
    before = result(**{"failed": 1, "status": "failed", **others})
    assert judged(before, tolerance) == {**before, "tolerated": []}


@pytest.mark.parametrize(("name", "value"), [
    ("on_unreachable", "x"), ("ignore_failed_hosts", "yes"), ("max_fail_percentage", 101), ("max_fail_percentage", -1),
    ("max_fail_percentage", True), ("max_fail_percentage", "10"),
])
def test_a_tolerance_of_another_kind_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"^{name} must be "):
        tolerance_of(Inputs(playbook=None, **{name: value}))
