"""Serves an object store with one copy of everything: ``python swift_program FOLDER HOST:PORT IDENTITY``.

Runs in the environment of tools/requirements/swift.txt.
"""

from __future__ import annotations

import eventlet

eventlet.monkey_patch()

# Swift's modules take the parts that are patched as they are imported.
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import eventlet.wsgi  # noqa: E402
from swift.account.server import AccountController  # noqa: E402
from swift.common import utils  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.storage_policy import reload_storage_policies  # noqa: E402
from swift.common.wsgi import SwiftHttpProtocol, loadapp  # noqa: E402
from swift.container.server import ContainerController  # noqa: E402
from swift.obj.server import ObjectController  # noqa: E402

SALT = "tests"
SERVERS = {"account": AccountController, "container": ContainerController, "object": ObjectController}


def main(folder: Path, address: str, identity: str) -> None:
    """Serve until the process is ended."""
    configure(folder)
    for kind, controller in SERVERS.items():
        serve_part(folder, kind, controller)
    text = (Path(__file__).parent / "proxy.conf").read_text().replace("FOLDER", str(folder)).replace("IDENTITY", identity)
    (folder / "proxy.conf").write_text(text)
    host, _, port = address.partition(":")
    serve(eventlet.listen((host, int(port))), loadapp(str(folder / "proxy.conf")))


def configure(folder: Path) -> None:
    """Swift looks for its settings in a fixed place of the machine; these are the tests' own."""
    (folder / "swift.conf").write_text(f"[swift-hash]\nswift_hash_path_suffix = {SALT}\n[storage-policy:0]\nname = only\ndefault = yes\n")
    utils.SWIFT_CONF_FILE = str(folder / "swift.conf")
    utils.HASH_PATH_SUFFIX = SALT.encode()
    reload_storage_policies()
    (folder / "devices" / "d").mkdir(parents=True)


def serve_part(folder: Path, kind: str, controller: type) -> None:
    """One of the three stores behind the proxy, and the ring that leads to it."""
    listener = eventlet.listen(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    builder = RingBuilder(1, 1, 0)
    place = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port, "device": "d"}
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, **place})
    builder.rebalance(seed=1)
    builder.get_ring().save(str(folder / f"{kind}.ring.gz"))
    settings = {"devices": str(folder / "devices"), "mount_check": "false", "swift_dir": str(folder), "fallocate_reserve": "0"}
    eventlet.spawn(serve, listener, controller(settings))


def serve(listener: object, application: object) -> None:
    """Answer requests at a socket."""
    eventlet.wsgi.server(listener, application, protocol=SwiftHttpProtocol, log_output=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
