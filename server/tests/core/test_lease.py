from __future__ import annotations

import pytest

from maestrale.core import states
from maestrale.core.lease import Lease, lease_of, read_lease
from maestrale.core.messages import Pause, Stop
from maestrale.errors import InputError


def test_a_lease_cancels_unless_it_says_otherwise():
    assert read_lease({"seconds": 30}) == Lease(30.0, "cancel")
    assert lease_of({"env": {}}) is None


@pytest.mark.parametrize("given", [
    30, [], {}, {"seconds": "30"}, {"seconds": True}, {"seconds": 0}, {"seconds": 1e9}, {"seconds": float("nan")},
    {"seconds": 30, "on_lost": "explode"}, {"seconds": 30, "on_lost": None}, {"seconds": 30, "who": "me"},
])
def test_what_is_no_lease_is_refused(given):
    with pytest.raises(InputError):
        lease_of({"lease": given})


def test_the_verdict_on_a_silent_owner():
    assert isinstance(Lease(5).verdict(), Stop)
    assert Lease(5).verdict().state == states.CANCELLED
    assert isinstance(Lease(5, "pause").verdict(), Pause)
    assert "not heard of for 5 s" in Lease(5, "pause").verdict().message
    assert Lease(5, "leave").verdict() is None
