"""Where outgoing requests may go (4.3): schemes, hosts and addresses. The refusals are Mistral's sentences.

Addresses are judged when a connection is made, on the very addresses that are then connected to, so a name
that answers differently the next time gains nothing. Opens no connection itself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from maestrale.errors import ActionError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNSPECIFIED = {
    ipaddress.ip_address("0.0.0.0"): ipaddress.ip_address("127.0.0.1"),  # noqa: S104 - compared, not bound
    ipaddress.ip_address("::"): ipaddress.ip_address("::1"),
}
DEFAULT_PORTS = {"http": 80, "https": 443}


class EgressError(ActionError):
    """The egress policy refuses a request."""


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """``denied`` networks, and the only ``allowed_hosts`` (lower case; empty: all; ``*.a.b`` is every name below ``a.b``)."""

    denied: tuple[Network, ...] = ()
    allowed_hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, denied_cidrs: Iterable[str], allowed_hosts: Iterable[str] = ()) -> EgressPolicy:
        """A policy from texts. Raises ValueError for one that is no network."""
        networks = tuple(ipaddress.ip_network(cidr, strict=False) for cidr in denied_cidrs)
        return cls(networks, frozenset(host.lower() for host in allowed_hosts))

    def check_url(self, url: str) -> SplitResult:
        """The parts of an address that may be asked as far as its text tells. Raises EgressError."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise EgressError(f"URL is not valid: {error}") from None
        if parts.scheme not in DEFAULT_PORTS:
            raise EgressError(f"URL scheme '{parts.scheme}' is not allowed (only http and https are).")
        if not host:
            raise EgressError("URL does not contain a host.")
        self.check_host(host)
        return parts

    def check_host(self, host: str) -> None:
        """Refuse a host that isn't among those allowed. Raises EgressError."""
        if self.allowed_hosts and not self._names(host.lower()):
            raise EgressError(f"Host '{host}' is not in [action_std_http] allowed_hosts.")

    def _names(self, host: str) -> bool:
        labels = host.split(".")
        return host in self.allowed_hosts or any(f"*.{'.'.join(labels[cut:])}" in self.allowed_hosts for cut in range(1, len(labels)))

    def check_addresses(self, host: str, addresses: Iterable[str]) -> None:
        """Refuse a host if any of the addresses that it resolves to is denied. Raises EgressError."""
        for text in addresses:
            address = ipaddress.ip_address(text.partition("%")[0])
            if any(form in network for form in _forms(address) for network in self.denied if form.version == network.version):
                raise EgressError(f"URL host '{host}' resolves to a blocked address ({text}).")


def _forms(address: Address) -> list[Address]:
    """The address and what it stands for: an embedded IPv4 address, or this host for the unspecified one."""
    forms = [address]
    if isinstance(address, ipaddress.IPv6Address):
        if embedded := address.ipv4_mapped or address.sixtofour:
            forms.append(embedded)
        elif address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
            forms.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    forms.extend(_UNSPECIFIED[form] for form in tuple(forms) if form in _UNSPECIFIED)
    return forms
