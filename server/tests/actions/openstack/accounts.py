"""Tokens of the accounts that the identity service of the tests is seeded with."""

from __future__ import annotations

import requests


def token_of(url, user, project):
    who = {"name": user, "password": "secret", "domain": {"name": "Default"}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": who}},
                     "scope": {"project": {"name": project, "domain": {"name": "Default"}}}}}
    answer = requests.post(f"{url}/auth/tokens", json=body, timeout=60)
    assert answer.status_code == 201, answer.text
    return answer.headers["X-Subject-Token"]
