"""The commands ``token`` and ``policy`` as processes, and a server process that takes the tokens (2.1, 2.4)."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
import time
from datetime import timedelta

import httpx
import pytest
from live import NOOP, WAIT, Api

from maestrale import bootstrap
from maestrale.api.issued_tokens import TokenRequest
from maestrale.config import load_settings
from maestrale.errors import NotFoundError, RequestError

ACCOUNT = ("--project", "p-ci", "--user", "ci-bot", "--role", "member", "--role", "auditor")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("commands")


@pytest.fixture(scope="module")
def database(folder):
    return f"sqlite:///{folder}/tokens.db"


@pytest.fixture(scope="module")
def maestrale(database):
    """Run the command; the database is named by the environment."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "maestrale.cli", *arguments]
        environment = {**os.environ, "MAESTRALE_DATABASE_URL": database, "COLUMNS": "200"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def secret(maestrale):
    """The token that the command has printed, of a database that it has made."""
    made = maestrale("token", "create", "ci", *ACCOUNT)
    assert made.returncode == 0, made.stderr
    assert "only time" in made.stderr
    return made.stdout.strip()


@pytest.fixture
def issue(database, secret):
    """Issue a further token without a process; its text."""

    def text(**given) -> str:
        with bootstrap.issued_tokens(load_settings(None, {"database_url": database})) as tokens:
            return tokens.issue(TokenRequest(**{"project_id": "p", **given}))

    return text


@pytest.fixture(scope="module")
def url(folder, database, secret):
    """A server process that knows no token but those of the database."""
    command = [sys.executable, "-m", "maestrale.cli", "server", "--port", "0", "--auth", "token", "--database-url", database]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen([*command, "--log-format", "json"], stdout=log, stderr=log)
    try:
        yield _address(folder / "server.log", process)
    finally:
        process.terminate()
        process.wait(WAIT)


def _address(log, process) -> str:
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text().splitlines():
            if '"listening"' in line:
                return json.loads(line)["url"]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def _status(url, **headers: str) -> int:
    return httpx.get(f"{url}/v2/workflows", headers=headers, trust_env=False).status_code


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def test_an_issued_token_works_in_its_project_with_its_roles(url, secret):
    api = Api(url, {"X-Auth-Token": secret})
    execution = api.run(NOOP)

    assert (execution["state"], execution["project_id"]) == ("SUCCESS", "p-ci")
    assert api.get("code_sources").status_code == 403
    api.close()


@pytest.mark.parametrize("user", ["ci-bot", "p-ci"])
def test_http_basic_takes_the_user_or_the_project_and_the_token_as_password(url, secret, user):
    assert _status(url, Authorization=_basic(user, secret)) == 200


def test_http_basic_refuses_another_name_and_another_password(url, secret):
    assert _status(url, Authorization=_basic("somebody", secret)) == 401
    assert _status(url, Authorization=_basic("ci-bot", secret[:-1])) == 401
    assert _status(url, Authorization="Basic !") == 401


def test_a_bearer_token_works_and_none_at_all_is_refused(url, secret):
    assert _status(url, Authorization=f"Bearer {secret}") == 200
    assert _status(url) == 401


def test_the_database_holds_no_token(url, secret, folder):
    with sqlite3.connect(folder / "tokens.db") as conn:
        dump = "\n".join(conn.iterdump())

    assert "ci-bot" in dump
    assert secret not in dump


def test_the_list_names_tokens_without_what_they_are_known_by(maestrale, secret):
    listed = maestrale("token", "list")
    (row,) = [row for row in json.loads(maestrale("token", "list", "--json").stdout) if row["name"] == "ci"]

    assert "ci-bot" in listed.stdout
    assert secret not in listed.stdout
    assert (row["project_id"], row["user_name"], row["roles"], row["is_expired"]) == ("p-ci", "ci-bot", ["member", "auditor"], False)
    assert "digest" not in row


def test_the_role_admin_gives_administrator_rights(url, issue):
    headers = {"X-Auth-Token": issue(name="root", roles=["admin"])}

    assert httpx.get(f"{url}/v2/code_sources", headers=headers, trust_env=False).status_code == 200


def test_a_revoked_token_is_refused(url, maestrale, issue):
    secret = issue(name="gone")

    assert maestrale("token", "revoke", "gone").returncode == 0
    assert _status(url, **{"X-Auth-Token": secret}) == 401


def test_an_expired_token_is_refused_and_listed_as_such(url, maestrale, issue, folder):
    secret = issue(name="short", lasts=timedelta(hours=12))
    with sqlite3.connect(folder / "tokens.db") as conn:
        conn.execute("UPDATE tokens SET expires_at = '2020-01-01 00:00:00.000000' WHERE name = 'short'")
    rows = {row["name"]: row for row in json.loads(maestrale("token", "list", "--json").stdout)}

    assert _status(url, **{"X-Auth-Token": secret}) == 401
    assert (rows["short"]["is_expired"], rows["ci"]["expires_at"]) == (True, None)


@pytest.mark.parametrize(("arguments", "status", "text"), [
    (("create", "ci", "--project", "p"), 1, "exists already"),
    (("create", "x", "--project", "p", "--expires-in", "soon"), 2, "no time span"),
])
def test_what_makes_no_sense_is_refused_in_one_sentence(maestrale, secret, arguments, status, text):
    refused = maestrale("token", *arguments)

    assert (refused.returncode, refused.stdout) == (status, "")
    assert text in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(("given", "text"), [
    ({"lasts": timedelta(0)}, "expired already"),
    ({"lasts": timedelta(weeks=999_999)}, "calendar"),
    ({"project_id": "p" * 81}, "project_id"),
    ({"name": ""}, "name"),
    ({"roles": [" "]}, "role"),
])
def test_a_token_that_can_not_be_is_refused(issue, given, text):
    with pytest.raises(RequestError, match=text):
        issue(**{"name": "x", **given})


def test_a_token_that_is_not_there_can_not_be_revoked(database, secret):
    with bootstrap.issued_tokens(load_settings(None, {"database_url": database})) as tokens, pytest.raises(NotFoundError):
        tokens.revoke("nobody")


def test_the_sample_of_the_policy_is_a_file_that_a_server_takes(maestrale, serve, tmp_path):
    printed = maestrale("policy", "sample").stdout
    closed = printed.replace('#"workflows:create": "rule:admin_or_owner"', '"workflows:create": "role:author"')
    (tmp_path / "policy.yaml").write_text(closed)
    tokens = [{"token": f"the-token-of-{role}", "project_id": "p", "roles": [role]} for role in ("author", "member")]
    author = serve({"X-Auth-Token": "the-token-of-author"}, auth="token", tokens=tokens, api={"policy_file": tmp_path / "policy.yaml"})

    assert closed != printed
    assert author.post("workflows", NOOP.format(name="w")).status_code == 201
    refused = author.call("POST", "workflows", content=NOOP.format(name="v"), headers={"X-Auth-Token": "the-token-of-member"})
    assert refused.status_code == 403
