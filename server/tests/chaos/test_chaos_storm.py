"""A short storm: what ``make chaos`` does for minutes."""

from __future__ import annotations

from run import parsed, storm


def test_nothing_is_lost_stuck_wrong_or_done_twice_while_servers_are_killed(database, tmp_path):
    options = parsed(["--seconds", "7", "--executions", "34", "--servers", str(min(2, database.servers)), "--pause", "1.5", "--seed", "5"])

    figures, made = storm(database, tmp_path, options)

    assert figures.is_clean, figures.lines
    assert figures.executions >= 20
    assert made["servers killed"]
    assert not made["of these without Retry-After"]
