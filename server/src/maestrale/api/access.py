"""Which authentication and which policy the settings ask for.

What only some deployments need (keystoneauth1, oslo.policy) is imported here, when it is asked for: the two
would add half a second to every start.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib import import_module

from maestrale.api.auth import Authenticator, OpenAccess, TokenAuthentication, TokenCache, TokenStore
from maestrale.api.policy import DefaultPolicy, Policy
from maestrale.catalog.triggers import Trusts
from maestrale.config import ApiSettings, ConfigurationError, Settings

STORED_TOKEN_SECONDS = 10
STORED_TOKEN_COUNT = 1000


def authenticator_for(
    settings: Settings, tokens: TokenStore, *, now: Callable[[], datetime], monotonic: Callable[[], float],
) -> Authenticator:
    """The authentication of ``settings.auth``. Raises ConfigurationError where its library is missing."""
    if settings.auth == "none":
        return OpenAccess()
    if settings.auth == "token":
        return TokenAuthentication(settings.tokens, tokens, TokenCache(STORED_TOKEN_SECONDS, STORED_TOKEN_COUNT, monotonic))
    try:
        keystone = import_module("maestrale.api.keystone")
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"auth 'keystone' needs the package '{error.name}': install it with pip install 'maestrale[keystone]'",
        ) from error
    cache = TokenCache(settings.keystone.token_cache_seconds, settings.keystone.token_cache_size, monotonic)
    made: Authenticator = keystone.KeystoneAuthentication(settings.keystone, cache, now)
    return made


def trusts_for(settings: Settings) -> Trusts | None:
    """The delegations of triggers, None where there is no identity service. Call it after ``authenticator_for``."""
    if settings.auth != "keystone":
        return None
    made: Trusts = import_module("maestrale.api.keystone").Trusts(settings.keystone)
    return made


def policy_for(settings: ApiSettings) -> Policy:
    """The defaults, or the operator's file over them. Raises ConfigurationError for a file that can't be used."""
    if settings.policy_file is None:
        return DefaultPolicy()
    made: Policy = import_module("maestrale.api.policy_file").FilePolicy(settings.policy_file)
    return made
