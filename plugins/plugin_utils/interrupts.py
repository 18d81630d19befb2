# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Interrupts while an execution is followed.

In a worker of ansible-core 2.19 and later, signals end the process at once and never reach a plugin, and the
timeout of a task is not an Exception. Here both reach ``interruptible``, which cancels what is followed, if
that is asked for, or else gives its lease back, and lets the interrupt go on.
"""

from __future__ import annotations

import contextlib
import os
import signal

from ..module_utils.errors import EngineError
from ..module_utils.lease import Lease
from ..module_utils.outcome import cancel

# The parent doesn't wait for a worker to clean up: the request has to be quick.
CANCEL_SECONDS = 2.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal came."""

    def __init__(self, number):
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number


class Orphaned(BaseException):
    """The process that this worker belongs to was killed; workers outlive that, and would follow for ever."""

    def __init__(self):
        super().__init__("the play is gone")


@contextlib.contextmanager
def interruptible(client, params, observer):
    """Cancel the followed execution on an interrupt if the task wants that; the interrupt goes on in any case."""
    before = {number: signal.signal(number, _raise) for number in SIGNALS}
    try:
        yield
    except Exception:
        raise
    except BaseException as interruption:
        if observer.followed:
            execution_id = observer.followed[-1]
            if params["on_interrupt"] == "cancel":
                _cancel(client, execution_id, observer)
            elif not isinstance(interruption, Orphaned):
                Lease(client, execution_id, params, observer.warn).release(CANCEL_SECONDS)
        if isinstance(interruption, Interrupted):
            signal.signal(interruption.number, before[interruption.number])
            os.kill(os.getpid(), interruption.number)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number, frame):
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(number)


def _cancel(client, execution_id, observer):
    try:
        cancel(client, execution_id, "Cancelled: the play that followed it was interrupted", CANCEL_SECONDS)
    except EngineError as error:
        observer.warn(f"Execution {execution_id} could not be cancelled: {error.message}")
    else:
        observer.warn(f"Execution {execution_id} was cancelled")
