# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

"""Which workflow is shared: members are reached by the workflow's id only."""

from __future__ import annotations

import uuid

from .kinds import WORKFLOW


def workflow_id(client, params):
    """The id of the workflow that the options name; a project that it is offered to can't see it by name yet."""
    try:
        return str(uuid.UUID(params["workflow"]))
    except ValueError:
        return client.get(WORKFLOW, params["workflow"], {"namespace": params["namespace"]})["id"]
