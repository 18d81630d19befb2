# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the connection options for lookups, inventories and callbacks, which read them in their own way."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of the fragment "engine", with the variables, names in the environment and entries of ansible.cfg that set them."""

    DOCUMENTATION = r"""
options:
  cloud:
    description:
      - Name of a cloud in C(clouds.yaml), or the arguments of C(openstack.connect()) as a mapping.
      - Needs the Python package C(openstacksdk) where the module runs.
      - The engine's address comes from the catalog, from C(workflow_endpoint_override) in the file, or from O(endpoint).
    type: raw
    env:
      - name: MAESTRALE_CLOUD
    vars:
      - name: maestrale_cloud
    ini:
      - section: maestrale
        key: cloud
  endpoint:
    description:
      - Address of the engine's API, for example C(http://127.0.0.1:8989/v2). The C(/v2) may be left out.
      - If it is not set, it is taken from Keystone's catalog if O(auth_type=keystone), and is C(http://127.0.0.1:8989/v2) otherwise.
    type: str
    env:
      - name: MAESTRALE_ENDPOINT
      - name: OS_MISTRAL_URL
    vars:
      - name: maestrale_endpoint
    ini:
      - section: maestrale
        key: endpoint
  auth_type:
    description:
      - How to authenticate.
      - If it is not set, it follows from what else is, V(token) with O(token), V(keystone) with O(auth_url), V(basic) with O(username).
    type: str
    choices: [none, token, basic, keystone]
    env:
      - name: MAESTRALE_AUTH_TYPE
    vars:
      - name: maestrale_auth_type
    ini:
      - section: maestrale
        key: auth_type
  token:
    description:
      - A token, sent as C(X-Auth-Token).
    type: str
    env:
      - name: MAESTRALE_TOKEN
      - name: OS_AUTH_TOKEN
      - name: OS_TOKEN
    vars:
      - name: maestrale_token
    ini:
      - section: maestrale
        key: token
  username:
    description:
      - Name of the user.
    type: str
    env:
      - name: MAESTRALE_USERNAME
      - name: OS_USERNAME
    vars:
      - name: maestrale_username
    ini:
      - section: maestrale
        key: username
  password:
    description:
      - Password of the user.
    type: str
    env:
      - name: MAESTRALE_PASSWORD
      - name: OS_PASSWORD
    vars:
      - name: maestrale_password
    ini:
      - section: maestrale
        key: password
  auth_url:
    description:
      - Address of Keystone.
    type: str
    env:
      - name: OS_AUTH_URL
    vars:
      - name: maestrale_auth_url
    ini:
      - section: maestrale
        key: auth_url
  roles:
    description:
      - Roles to claim with O(auth_type=none). An engine without authentication believes that, and wants the role V(admin)
        for what only administrators may do.
    type: list
    elements: str
    env:
      - name: MAESTRALE_ROLES
    vars:
      - name: maestrale_roles
    ini:
      - section: maestrale
        key: roles
  project:
    description:
      - Name of the project to work in, with O(auth_type=keystone).
    type: str
    env:
      - name: MAESTRALE_PROJECT
      - name: OS_PROJECT_NAME
      - name: OS_TENANT_NAME
    vars:
      - name: maestrale_project
    ini:
      - section: maestrale
        key: project
  project_id:
    description:
      - Id of the project to work in; sent as C(X-Project-Id) where Keystone is not used.
    type: str
    env:
      - name: OS_PROJECT_ID
      - name: OS_TENANT_ID
    vars:
      - name: maestrale_project_id
    ini:
      - section: maestrale
        key: project_id
  project_domain:
    description:
      - Name of the domain of the project.
    type: str
    default: Default
    env:
      - name: OS_PROJECT_DOMAIN_NAME
    vars:
      - name: maestrale_project_domain
    ini:
      - section: maestrale
        key: project_domain
  user_domain:
    description:
      - Name of the domain of the user.
    type: str
    default: Default
    env:
      - name: OS_USER_DOMAIN_NAME
    vars:
      - name: maestrale_user_domain
    ini:
      - section: maestrale
        key: user_domain
  application_credential_id:
    description:
      - Id of an application credential, instead of user, password and project.
    type: str
    env:
      - name: OS_APPLICATION_CREDENTIAL_ID
    vars:
      - name: maestrale_application_credential_id
    ini:
      - section: maestrale
        key: application_credential_id
  application_credential_secret:
    description:
      - Secret of the application credential.
    type: str
    env:
      - name: OS_APPLICATION_CREDENTIAL_SECRET
    vars:
      - name: maestrale_application_credential_secret
    ini:
      - section: maestrale
        key: application_credential_secret
  region:
    description:
      - Region of the engine in the catalog.
    type: str
    env:
      - name: OS_REGION_NAME
    vars:
      - name: maestrale_region
    ini:
      - section: maestrale
        key: region
  interface:
    description:
      - Interface of the engine in the catalog.
    type: str
    choices: [public, internal, admin]
    default: public
    env:
      - name: OS_INTERFACE
    vars:
      - name: maestrale_interface
    ini:
      - section: maestrale
        key: interface
  validate_certs:
    description:
      - Whether to check the engine's certificate.
    type: bool
    default: true
    env:
      - name: MAESTRALE_VALIDATE_CERTS
    vars:
      - name: maestrale_validate_certs
    ini:
      - section: maestrale
        key: validate_certs
  ca_cert:
    description:
      - File with the certificates of authorities to trust.
    type: path
    env:
      - name: MAESTRALE_CA_CERT
      - name: OS_CACERT
    vars:
      - name: maestrale_ca_cert
    ini:
      - section: maestrale
        key: ca_cert
  client_cert:
    description:
      - File with the client's certificate.
    type: path
    env:
      - name: OS_CERT
    vars:
      - name: maestrale_client_cert
    ini:
      - section: maestrale
        key: client_cert
  client_key:
    description:
      - File with the key of O(client_cert).
    type: path
    env:
      - name: OS_KEY
    vars:
      - name: maestrale_client_key
    ini:
      - section: maestrale
        key: client_key
  request_timeout:
    description:
      - Seconds that one HTTP request may take.
    type: float
    default: 30.0
    env:
      - name: MAESTRALE_REQUEST_TIMEOUT
    vars:
      - name: maestrale_request_timeout
    ini:
      - section: maestrale
        key: request_timeout
  request_retries:
    description:
      - How often a request is repeated when the engine can't be reached or is busy. Only requests that may be repeated without harm are.
    type: int
    default: 3
    env:
      - name: MAESTRALE_REQUEST_RETRIES
    vars:
      - name: maestrale_request_retries
    ini:
      - section: maestrale
        key: request_retries
"""
