"""Options: where they come from, which source wins, and what an error says."""

from __future__ import annotations

import json

import pytest

from maestrale.action_options import action_settings_of
from maestrale.config import ConfigurationError, Settings, is_loopback, load_settings, option_names


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith("MAESTRALE_"):
            monkeypatch.delenv(name)


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path, monkeypatch):
    file = tmp_path / "config.yaml"
    file.write_text("port: 1\nworkers: 2\nlog_format: json\nengine: {batch_size: 5, step_budget: 6}\n")
    monkeypatch.setenv("MAESTRALE_WORKERS", "3")
    monkeypatch.setenv("MAESTRALE_PORT", "2")
    monkeypatch.setenv("MAESTRALE_ENGINE__BATCH_SIZE", "7")

    settings = load_settings(file, {"port": 9})

    assert (settings.port, settings.workers, settings.log_format) == (9, 3, "json")
    assert (settings.engine.batch_size, settings.engine.step_budget) == (7, 6)


def test_lists_come_as_json(monkeypatch):
    monkeypatch.setenv("MAESTRALE_HTTP_DENIED_CIDRS", json.dumps(["10.0.0.0/8"]))

    settings = load_settings()

    assert settings.http_denied_cidrs == ["10.0.0.0/8"]
    assert action_settings_of(settings).http_denied_cidrs == ("10.0.0.0/8",)


def test_the_default_database_is_a_file_in_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert load_settings().database_url == f"sqlite:///{tmp_path}/maestrale/maestrale.db"


@pytest.mark.parametrize(("overrides", "texts"), [
    ({"port": "many"}, ["port:", "many"]),
    ({"auth": "magic"}, ["auth:", "'none', 'token' or 'keystone'"]),
    ({"engine": {"no_such": 1}}, ["engine.no_such", "no such option"]),
    ({"host": "0.0.0.0"}, ["without authentication", "auth"]),
    ({"auth": "keystone"}, ["keystone.auth_url"]),
    ({"http_denied_cidrs": ["nonsense"]}, ["http_denied_cidrs", "nonsense"]),
    ({"engine": {"node_heartbeat": 6, "node_timeout": 10}}, ["node_timeout must be at least twice"]),
    ({"expiration": {"ignored_states": ["RUNNING"]}}, ["expiration.ignored_states", "RUNNING"]),
    ({"port": "many", "workers": 0}, ["port:", "workers:"]),
])
def test_an_error_names_the_option_and_what_is_right(overrides, texts):
    with pytest.raises(ConfigurationError) as error:
        load_settings(None, overrides)
    for text in texts:
        assert text in str(error.value)


def test_an_error_never_shows_a_secret():
    with pytest.raises(ConfigurationError) as error:
        load_settings(None, {"auth": "token", "tokens": [{"token": "short-secret"}]})

    assert "short-secret" not in str(error.value)


@pytest.mark.parametrize("content", ["- a list", ": :", "{"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    file = tmp_path / "config.yaml"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match="config.yaml"):
        load_settings(file)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="nowhere"):
        load_settings(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(("host", "loopback"), [
    ("127.0.0.1", True), ("127.0.0.2", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("10.1.2.3", False),
    ("example.org", False),
])
def test_what_only_this_machine_reaches(host, loopback):
    assert is_loopback(host) is loopback


def test_every_option_is_described():
    assert [name for name, text in option_names(Settings).items() if not text] == []


def test_what_runs_code_is_closed_by_default_where_others_may_ask_for_it():
    tokens = [{"token": "x" * 20}]
    assert action_settings_of(load_settings()).playbooks.inline is True
    guarded = action_settings_of(load_settings(None, {"auth": "token", "tokens": tokens}))
    assert (guarded.playbooks.inline, guarded.playbooks.any_path) == (False, False)
    opened = action_settings_of(load_settings(None, {"auth": "token", "tokens": tokens, "playbooks": {"inline": True}}))
    assert opened.playbooks.inline is True
