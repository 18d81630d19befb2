# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the options that say how to reach an engine; their spec is module_utils/connection.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment of all modules."""

    DOCUMENTATION = r"""
options:
  cloud:
    description:
      - Name of a cloud in C(clouds.yaml), or the arguments of C(openstack.connect()) as a mapping.
      - Needs the Python package C(openstacksdk) where the module runs.
      - The engine's address comes from the catalog, from C(workflow_endpoint_override) in the file, or from O(endpoint).
      - If neither O(cloud) nor O(endpoint) is set, the environment variables E(MAESTRALE_CLOUD) and E(OS_CLOUD) are looked at.
    type: raw
  endpoint:
    description:
      - Address of the engine's API, for example C(http://127.0.0.1:8989/v2). The C(/v2) may be left out.
      - If it is not set, the environment variables E(MAESTRALE_ENDPOINT) and E(OS_MISTRAL_URL) are looked at.
      - With neither, it is taken from Keystone's catalog if O(auth_type=keystone), and is C(http://127.0.0.1:8989/v2) otherwise.
    type: str
  auth_type:
    description:
      - How to authenticate. If it is not set, the environment variables E(MAESTRALE_AUTH_TYPE) and E(OS_AUTH_TYPE) are looked at.
      - With none of them it follows from what else is set, V(token) with O(token), V(keystone) with O(auth_url),
        V(basic) with O(username), V(none) otherwise.
    type: str
    choices: [none, token, basic, keystone]
  token:
    description:
      - A token, sent as C(X-Auth-Token).
      - If it is not set, the environment variables E(MAESTRALE_TOKEN), E(OS_AUTH_TOKEN) and E(OS_TOKEN) are looked at.
    type: str
  username:
    description:
      - Name of the user.
      - If it is not set, the environment variables E(MAESTRALE_USERNAME) and E(OS_USERNAME) are looked at.
    type: str
  password:
    description:
      - Password of the user.
      - If it is not set, the environment variables E(MAESTRALE_PASSWORD) and E(OS_PASSWORD) are looked at.
    type: str
  auth_url:
    description:
      - Address of Keystone.
      - If it is not set, the environment variable E(OS_AUTH_URL) is looked at.
    type: str
  roles:
    description:
      - Roles to claim with O(auth_type=none). An engine without authentication believes that, and wants the role V(admin)
        for what only administrators may do, such as a public scope.
      - If it is not set, the environment variable E(MAESTRALE_ROLES) is looked at.
    type: list
    elements: str
  project:
    description:
      - Name of the project to work in, with O(auth_type=keystone).
      - If it is not set, the environment variables E(MAESTRALE_PROJECT), E(OS_PROJECT_NAME) and E(OS_TENANT_NAME) are looked at.
    type: str
  project_id:
    description:
      - Id of the project to work in; sent as C(X-Project-Id) where Keystone is not used.
      - If it is not set, the environment variables E(OS_PROJECT_ID) and E(OS_TENANT_ID) are looked at.
    type: str
  project_domain:
    description:
      - Name of the domain of the project.
      - If it is not set, the environment variable E(OS_PROJECT_DOMAIN_NAME) is looked at.
    type: str
    default: Default
  user_domain:
    description:
      - Name of the domain of the user.
      - If it is not set, the environment variable E(OS_USER_DOMAIN_NAME) is looked at.
    type: str
    default: Default
  application_credential_id:
    description:
      - Id of an application credential, instead of user, password and project.
      - If it is not set, the environment variable E(OS_APPLICATION_CREDENTIAL_ID) is looked at.
    type: str
  application_credential_secret:
    description:
      - Secret of the application credential.
      - If it is not set, the environment variable E(OS_APPLICATION_CREDENTIAL_SECRET) is looked at.
    type: str
  region:
    description:
      - Region of the engine in the catalog.
      - If it is not set, the environment variable E(OS_REGION_NAME) is looked at.
    type: str
  interface:
    description:
      - Interface of the engine in the catalog.
      - If it is not set, the environment variable E(OS_INTERFACE) is looked at.
    type: str
    choices: [public, internal, admin]
    default: public
  validate_certs:
    description:
      - Whether to check the engine's certificate.
      - If it is not set, the environment variable E(MAESTRALE_VALIDATE_CERTS) is looked at.
    type: bool
    default: true
  ca_cert:
    description:
      - File with the certificates of authorities to trust.
      - If it is not set, the environment variables E(MAESTRALE_CA_CERT) and E(OS_CACERT) are looked at.
    type: path
  client_cert:
    description:
      - File with the client's certificate.
      - If it is not set, the environment variable E(OS_CERT) is looked at.
    type: path
  client_key:
    description:
      - File with the key of O(client_cert).
      - If it is not set, the environment variable E(OS_KEY) is looked at.
    type: path
  request_timeout:
    description:
      - Seconds that one HTTP request may take.
      - If it is not set, the environment variable E(MAESTRALE_REQUEST_TIMEOUT) is looked at.
    type: float
    default: 30.0
  request_retries:
    description:
      - How often a request is repeated when the engine can't be reached or is busy. Only requests that may be
        repeated without harm are.
      - If it is not set, the environment variable E(MAESTRALE_REQUEST_RETRIES) is looked at.
    type: int
    default: 3
notes:
  - The module talks to the engine from the host that the task runs on. Use a play for C(localhost), or C(delegate_to).
  - It works with Maestrale and with OpenStack Mistral.
"""
