"""Trusts for what runs without its caller: lent to single executions, and ended when nothing needs them any more (2.6).

A trust that the identity service has made is noted in the database before it is used, so that it ends however the process does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from maestrale.caller import Caller
from maestrale.catalog.triggers import Trusts
from maestrale.errors import IdentityUnavailableError, UnauthorizedError
from maestrale.store import Database, trusts

log = structlog.get_logger(__name__)

START_MAY_TAKE = timedelta(minutes=10)
"""After that an execution that doesn't exist won't come into being any more."""

AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegations:
    """See the module. With ``for_executions`` each one that is started gets a trust of its own."""

    database: Database
    trusts: Trusts
    now: Callable[[], datetime]
    for_executions: bool = False

    def lend(self, caller: Caller, execution_id: str) -> Caller:
        """The caller with a trust for that execution, or as before where it can't or needn't have one.

        Raises IdentityUnavailableError.
        """
        if not self.for_executions or caller.trust_id is not None or caller.token is None:
            return caller
        try:
            trust_id = self.trusts.create(caller)
        except UnauthorizedError as error:
            log.warning("an execution runs without a trust, so its actions can't outlive the token", execution_id=execution_id,
                        reason=error.message)
            return caller
        self.database.run_write(lambda conn: trusts.add(conn, trust_id, execution_id, self.now()))
        return replace(caller, trust_id=trust_id)

    def end(self, trust_id: str) -> None:
        """End a trust. Raises IdentityUnavailableError; it is tried again by ``end_unneeded`` then."""
        self.trusts.delete(trust_id)
        self.database.run_write(lambda conn: trusts.remove(conn, trust_id))

    def end_unneeded(self) -> None:
        """End the trusts whose executions are over. Called from time to time, by any number of processes."""
        before = self.now() - START_MAY_TAKE
        for trust_id in self.database.run_read(lambda conn: trusts.unneeded(conn, before, AT_ONCE)):
            try:
                self.end(trust_id)
            except IdentityUnavailableError as error:
                log.warning("trusts can't be ended at the moment", reason=error.message)
                return
