"""Which authentication and policy the settings choose, and the cache of validated tokens; no server needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from maestrale.api import access
from maestrale.api.auth import OpenAccess, TokenAuthentication, TokenCache
from maestrale.api.policy import DefaultPolicy
from maestrale.caller import Caller
from maestrale.clock import monotonic, now
from maestrale.config import ConfigurationError, Settings
from maestrale.errors import UnauthorizedError

TOKEN = "0123456789abcdef-token"


class Tokens:
    """A store of one token, which counts how often it is asked."""

    def __init__(self, caller: Caller | None = None) -> None:
        self.caller, self.asked = caller, 0

    def caller_of(self, digest: str) -> Caller | None:
        self.asked += 1
        return self.caller


def authenticator(**options):
    return access.authenticator_for(Settings(**options), Tokens(), now=now, monotonic=monotonic)


def test_a_start_without_keystone_and_policy_file_loads_neither_library():
    code = "import sys, maestrale.bootstrap; print([name for name in ('oslo_policy', 'keystoneauth1') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_settings_choose_the_authentication():
    assert isinstance(authenticator(), OpenAccess)
    tokens = [{"token": TOKEN, "project_id": "p"}]
    assert isinstance(authenticator(auth="token", tokens=tokens), TokenAuthentication)
    assert authenticator(auth="keystone", keystone={"auth_url": "http://id.example.org"}).challenge == 'Keystone uri="http://id.example.org"'


def test_a_missing_library_is_named_with_the_remedy(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named '{name}'", name="keystoneauth1")

    monkeypatch.setattr(access, "import_module", missing)

    with pytest.raises(ConfigurationError, match=r"auth 'keystone' needs the package 'keystoneauth1'.*maestrale\[keystone\]"):
        authenticator(auth="keystone", keystone={"auth_url": "http://id.example.org"})


def test_settings_choose_the_policy(tmp_path):
    assert isinstance(access.policy_for(Settings().api), DefaultPolicy)
    path = tmp_path / "policy.yaml"
    path.write_text('"executions:create": "!"')
    assert not access.policy_for(Settings(api={"policy_file": path}).api).allows("executions:create", Caller(is_admin=True))
    assert access.trusts_for(Settings()) is None


def test_a_stored_token_is_asked_for_once_and_then_remembered():
    time = [0.0]
    store = Tokens(Caller(project_id="p", authenticated=True))
    authentication = TokenAuthentication((), store, TokenCache(10, 5, lambda: time[0]))
    headers = {"x-auth-token": TOKEN}

    assert authentication.recall(headers) is None
    assert authentication.authenticate(headers).project_id == "p"
    assert authentication.recall(headers).project_id == "p"
    time[0] = 11.0
    assert authentication.recall(headers) is None
    store.caller = None
    with pytest.raises(UnauthorizedError):
        authentication.authenticate(headers)
    assert store.asked == 2


def test_the_cache_is_bounded():
    cache = TokenCache(10, 2, lambda: 0.0)
    for key in ("a", "b", "c"):
        cache.put(key, Caller(project_id=key))

    assert cache.get("a") is None
    assert cache.get("c").project_id == "c"
    cache.put("d", Caller(), seconds=0)
    assert cache.get("d") is None


def test_A305_a_region_of_the_request_is_kept():
    """A305: the default region of actions."""
    tokens = [{"token": TOKEN, "project_id": "p"}]
    headers = {"x-auth-token": TOKEN, "x-region-name": "North"}

    assert authenticator(auth="token", tokens=tokens).recall(headers).region == "North"
    assert OpenAccess().recall({"x-region-name": "North"}).region == "North"


def test_a_token_never_shows_in_a_repr():
    assert "secret" not in repr(Caller(token="secret", service_catalog=["secret"]))
    assert TOKEN not in repr(Settings(auth="token", tokens=[{"token": TOKEN}]))
