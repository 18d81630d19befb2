"""An HTTP client for actions: pooled connections, redirects, proxies, and the egress policy on every address.

It belongs to one event loop. Connections are kept by scheme, host, port, TLS verification and proxy; each was made to an address
that the policy let through. Not for streaming: a response is read whole, up to a limit.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, cast
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit, urlunsplit

from maestrale import clock
from maestrale.actions.egress import DEFAULT_PORTS, EgressPolicy
from maestrale.actions.http_wire import Connection, HttpFailure, RawResponse

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 30
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
_IDLE_MAX = 15.0
_IDLE_MAX_UNREPEATABLE = 1.0
_URL_SAFE = "!#$%&'()*+,/:;=?@[]~"


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. ``headers`` are final but for Host, Content-Length and Authorization from the URL or ``auth``.

    ``timeout``: seconds for connecting, and then without any byte moving. ``verify``: True, False, or a CA file.
    ``proxies``: scheme to proxy URL. ``auth``: ``user:password``.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout: float = 60.0
    follow: bool = False
    verify: bool | str = True
    proxies: Mapping[str, str] = field(default_factory=dict)
    auth: str | None = None
    limit: int = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Response:
    """A response, with the address that it finally came from and the statuses of the redirects before."""

    raw: RawResponse
    url: str
    history: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Peer:
    """Where a connection goes to, as the key of the pool."""

    scheme: str
    host: str
    port: int
    verify: bool | str = True
    proxy: str = ""


class HttpClient:
    """See the module. Its methods are called on its event loop only."""

    def __init__(self, policy: EgressPolicy, *, connections: int = 200, ca_file: str | None = None) -> None:
        self.policy = policy
        self._ca_file = ca_file
        self._idle: dict[_Peer, deque[Connection]] = {}
        self._room = asyncio.Semaphore(connections)

    async def send(self, request: Request) -> Response:
        """The response, whatever its status.

        Raises EgressError, ResponseTooLargeError and HttpFailure; the last also stands for time-outs and what the system says.
        """
        history: list[int] = []
        while True:
            parts = self.policy.check_url(request.url)
            async with self._room:
                raw = await self._attempt(parts, request)
            location = raw.header("location")
            if not request.follow or raw.status not in REDIRECTS or location is None:
                return Response(raw, _public_url(parts), tuple(history))
            history.append(raw.status)
            if len(history) > MOST_REDIRECTS:
                raise HttpFailure(f"Exceeded {MOST_REDIRECTS} redirects.")
            request = _redirected(request, parts, raw.status, location)

    def close(self) -> None:
        """End all idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    async def _attempt(self, parts: SplitResult, request: Request) -> RawResponse:
        """Send once; once more if a kept connection turned out to be closed and repeating is harmless."""
        host = _ascii_host(parts)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        proxy = request.proxies.get(parts.scheme, "")
        peer = _Peer(parts.scheme, host, port, request.verify if parts.scheme == "https" else True, proxy)
        head = _head(parts, request, host, port, absolute=bool(proxy) and parts.scheme == "http")
        may_repeat = request.method in _REPEATABLE
        is_repeated = False
        while True:
            # not again on a kept one: who hangs up on each request would see this one as often as there are kept ones
            connection = None if is_repeated else self._take(peer, _IDLE_MAX if may_repeat else _IDLE_MAX_UNREPEATABLE)
            is_kept = connection is not None
            try:
                if connection is None:
                    # not wait_for, which before Python 3.12 loses a cancellation that comes together with the connection
                    async with asyncio.timeout(request.timeout):
                        connection = await self._connect(peer)
            except TimeoutError:
                raise HttpFailure(f"Connection to {host}:{port} timed out. (connect timeout={request.timeout:g})") from None
            except (OSError, UnicodeError) as error:
                raise HttpFailure(f"Connection to {host}:{port} failed: {error}") from error
            try:
                raw = await connection.request(
                    head, request.body or b"", is_head=request.method == "HEAD", limit=request.limit, timeout=request.timeout)
            except TimeoutError:
                raise HttpFailure(f"{host}:{port}: Read timed out. (read timeout={request.timeout:g})") from None
            except HttpFailure as failure:
                if is_kept and failure.fresh and may_repeat:
                    is_repeated = True
                    continue
                raise
            self._keep(peer, connection)
            return raw

    def _take(self, peer: _Peer, idle_max: float) -> Connection | None:
        """The kept connection used last, unless it has been idle for too long."""
        idle = self._idle.get(peer)
        while idle:
            connection = idle.pop()
            if connection.usable and clock.monotonic() - connection.idle_since <= idle_max:
                return connection
            connection.close()
        return None

    def _keep(self, peer: _Peer, connection: Connection) -> None:
        if not connection.usable:
            return
        now = connection.idle_since = clock.monotonic()
        idle = self._idle.get(peer)
        if idle is None:
            self._drop_idle(now)
            idle = self._idle[peer] = deque()
        idle.append(connection)
        while idle and (not idle[0].usable or now - idle[0].idle_since > _IDLE_MAX):
            idle.popleft().close()

    def _drop_idle(self, now: float) -> None:
        """Close what has been idle for too long, anywhere; done when a new peer comes."""
        for peer, idle in list(self._idle.items()):
            while idle and (not idle[0].usable or now - idle[0].idle_since > _IDLE_MAX):
                idle.popleft().close()
            if not idle:
                del self._idle[peer]

    async def _connect(self, peer: _Peer) -> Connection:
        tls = _tls(peer.verify, self._ca_file) if peer.scheme == "https" else None
        if peer.proxy:
            return await self._connect_by_proxy(peer, tls)
        return await self._open(peer.host, peer.port, tls)

    async def _open(self, host: str, port: int, tls: ssl.SSLContext | None) -> Connection:
        """A connection to one of the host's addresses, all of which the policy was asked about."""
        loop = asyncio.get_running_loop()
        addresses = await _resolve(loop, host, port)
        self.policy.check_addresses(host, addresses)
        error: OSError | None = None
        for address in addresses:
            try:
                _, protocol = await loop.create_connection(
                    Connection, address, port, ssl=tls, server_hostname=host if tls else None)
            except OSError as problem:
                error = problem
            else:
                return protocol
        raise error or OSError(f"no address for {host}")

    async def _connect_by_proxy(self, peer: _Peer, tls: ssl.SSLContext | None) -> Connection:
        """A connection through an HTTP proxy. The target's own addresses are judged too, as far as they are known here."""
        loop = asyncio.get_running_loop()
        proxy = self.policy.check_url(peer.proxy if "://" in peer.proxy else f"http://{peer.proxy}")
        with contextlib.suppress(OSError):  # it may be that only the proxy knows the name
            self.policy.check_addresses(peer.host, await _resolve(loop, peer.host, peer.port))
        proxy_tls = _tls(verify=True, ca_file=self._ca_file) if proxy.scheme == "https" else None
        connection = await self._open(proxy.hostname or "", proxy.port or DEFAULT_PORTS[proxy.scheme], proxy_tls)
        if tls is None:
            return connection
        target = f"{peer.host}:{peer.port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if credentials := _credentials(proxy):
            lines.append(f"Proxy-Authorization: {_basic(credentials)}")
        answer = await connection.request(
            "\r\n".join([*lines, "", ""]).encode("latin-1"), b"", is_tunnel=True, limit=65536, timeout=60)
        if answer.status != 200:
            raise OSError(f"the proxy answered {answer.status} {answer.reason}")
        return await connection.start_tls(tls, peer.host)


async def _resolve(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[str]:
    """The addresses of a host, without asking anyone if it is one. Raises OSError."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(cast("str", info[4][0]) for info in found))


@lru_cache(maxsize=32)
def _tls(verify: bool | str, ca_file: str | None) -> ssl.SSLContext:
    """TLS settings. Raises OSError for a CA file that can't be read."""
    if verify is False:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    return ssl.create_default_context(cafile=verify if isinstance(verify, str) else ca_file)


def _head(parts: SplitResult, request: Request, host: str, port: int, *, absolute: bool) -> bytes:
    """The request line and headers. Raises HttpFailure for what can't be sent."""
    netloc = f"[{host}]" if ":" in host else host
    if port != DEFAULT_PORTS[parts.scheme]:
        netloc = f"{netloc}:{port}"
    target = urlunsplit((parts.scheme if absolute else "", netloc if absolute else "", parts.path or "/", parts.query, ""))
    if not target.startswith(("/", "http")):
        target = f"/{target}"
    headers = dict(request.headers)
    names = {name.lower() for name in headers}
    lines = [f"{request.method} {quote(target, safe=_URL_SAFE)} HTTP/1.1"]
    if "host" not in names:
        lines.append(f"Host: {netloc}")
    credentials = request.auth or _credentials(parts)
    if credentials is not None and "authorization" not in names:
        lines.append(f"Authorization: {_basic(credentials)}")
    if absolute and (proxy_credentials := _credentials(urlsplit(request.proxies["http"]))):
        lines.append(f"Proxy-Authorization: {_basic(proxy_credentials)}")
    lines.extend(f"{name}: {value}" for name, value in headers.items() if name.lower() != "content-length")
    if request.body is not None or request.method in {"POST", "PUT", "PATCH"}:
        lines.append(f"Content-Length: {len(request.body or b'')}")
    if any(sign in line for line in lines for sign in "\r\n\0"):
        raise HttpFailure("A header or the address holds a line break, which is not allowed.")
    if not request.method.isalpha():
        raise HttpFailure(f"'{request.method}' is not a method.")
    try:
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
    except UnicodeEncodeError:
        return "\r\n".join([*lines, "", ""]).encode()


def _ascii_host(parts: SplitResult) -> str:
    """The host as it goes over the wire. Raises HttpFailure."""
    host = parts.hostname or ""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError as error:
        raise HttpFailure(f"The host '{host}' is not valid: {error}") from None


def _credentials(parts: SplitResult) -> str | None:
    """``user:password`` of an address, decoded."""
    if parts.username is None:
        return None
    return f"{unquote(parts.username)}:{unquote(parts.password or '')}"


def _basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode("utf-8")).decode()


def _public_url(parts: SplitResult) -> str:
    """The address without credentials and fragment."""
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, netloc, quote(parts.path or "/", safe=_URL_SAFE), quote(parts.query, safe=_URL_SAFE), ""))


def _redirected(request: Request, parts: SplitResult, status: int, location: str) -> Request:
    """The request to where a redirect points: method and body by the habit of clients, credentials for the same host only."""
    url = urljoin(urlunsplit(parts), location.encode("latin-1", "replace").decode("utf-8", "replace"))
    target = urlsplit(url)
    headers: dict[str, str] = dict(request.headers)
    changes: dict[str, Any] = {}
    becomes_get = (status in {302, 303} and request.method != "HEAD") or (status == 301 and request.method == "POST")
    if becomes_get:
        changes = {"method": "GET", "body": None}
        headers = {k: v for k, v in headers.items() if k.lower() not in {"content-length", "content-type", "transfer-encoding"}}
    if (target.hostname, target.scheme, target.port) != (parts.hostname, parts.scheme, parts.port):
        changes["auth"] = None
        headers = {k: v for k, v in headers.items() if k.lower() not in {"authorization", "cookie"}}
    return replace(request, url=url, headers=headers, **changes)
