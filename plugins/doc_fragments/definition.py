# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the options that give a definition; their spec is module_utils/definitions.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment of the modules that send definitions."""

    DOCUMENTATION = r"""
options:
  definition:
    description:
      - The definition as YAML text.
      - Ansible renders C({{ }}) in it before the module sees it. Where the definition has Jinja of its own, use O(src), or C(!unsafe).
    type: str
  src:
    description:
      - Path of a file with the definition, on the controller. It is looked for as the copy module does, in C(files/) of the role too.
      - Its text is sent as it is, nothing in it is rendered by Ansible. A file encrypted with Ansible Vault is decrypted.
    type: path
requirements:
  - PyYAML (comes with ansible-core)
"""
