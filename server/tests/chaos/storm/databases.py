"""Databases to work against: an SQLite file, a new database on a running server, a PostgreSQL server of our own.

``MAESTRALE_TEST_POSTGRESQL_URL`` and ``MAESTRALE_TEST_MARIADB_URL`` name servers on which databases may be created.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from uuid import uuid4

from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from storm.servers import free_port

POSTGRESQL_BINARIES = "usr/lib/postgresql/*/bin"


class UnreachableError(Exception):
    """This kind of database isn't here."""


class Database(ABC):
    """A database for one run; a context manager that drops it at the end. Raises UnreachableError when entered."""

    name: ClassVar[str]
    servers: ClassVar[int] = 3
    workers: ClassVar[int] = 1
    url: str = ""

    @abstractmethod
    def __enter__(self) -> Database:
        ...

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ...

    def ask(self, statement: str, **values: Any) -> Sequence[Any]:
        """Run a statement in it, past the service; the first column of its rows."""
        url = make_url(self.url)
        drivers = {"postgresql": "postgresql+psycopg"}
        return ask(url.set(drivername=drivers.get(url.drivername, url.drivername)), statement, **values)

    def cut(self, most: int) -> int:
        """Break up to ``most`` connections of the servers; how many it were."""
        del most
        return 0

    def can_be_killed(self) -> bool:
        """Whether ``kill`` and ``start`` work."""
        return False

    def kill(self) -> None:
        """End the database's processes at once."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it again."""
        raise NotImplementedError


class Sqlite(Database):
    """A file."""

    name = "sqlite"
    servers = 1

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        self.url = f"sqlite:///{self._folder / f'{uuid4().hex}.db'}"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for path in self._folder.glob(f"{Path(make_url(self.url).database or '').name}*"):
            path.unlink()


class SharedSqlite(Sqlite):
    """A file that the workers of one server share."""

    name = "sqlite-workers"
    workers = 3


def ask(url: URL, statement: str, **values: Any) -> Sequence[Any]:
    """Run a statement of its own accord; the first column of its rows."""
    wait = {} if url.drivername.startswith("sqlite") else {"connect_timeout": 3}
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args=wait)
    try:
        with engine.connect() as conn:
            result = conn.execute(text(statement), values)
            return result.scalars().all() if result.returns_rows else ()
    finally:
        engine.dispose()


class _OnServer(Database):
    """A new database on a server that runs."""

    variable: ClassVar[str]
    default: ClassVar[str]
    drop: ClassVar[str]

    def __init__(self) -> None:
        given = make_url(os.environ.get(self.variable, self.default))
        self._server = given.set(drivername=make_url(self.default).drivername)
        self._database = f"maestrale_chaos_{uuid4().hex[:10]}"

    def __enter__(self) -> Self:
        try:
            ask(self._server, f"CREATE DATABASE {self._database}")
        except (SQLAlchemyError, ImportError) as error:
            raise UnreachableError(str(error).splitlines()[0]) from error
        self.url = self._server.set(database=self._database).render_as_string(hide_password=False)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ask(self._server, self.drop.format(self._database))


class Postgresql(_OnServer):
    """PostgreSQL that runs already."""

    name = "postgresql"
    variable = "MAESTRALE_TEST_POSTGRESQL_URL"
    default = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
    drop = "DROP DATABASE {} WITH (FORCE)"
    cut_some = (
        "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()"
        " ORDER BY random() LIMIT :most) AS chosen")

    def cut(self, most: int) -> int:
        """Any connections, in the middle of whatever they do."""
        return len(ask(self._server, self.cut_some, name=self._database, most=most))


class Mariadb(_OnServer):
    """MariaDB that runs already."""

    name = "mariadb"
    variable = "MAESTRALE_TEST_MARIADB_URL"
    default = "mysql+pymysql://root@127.0.0.1:3306/"
    drop = "DROP DATABASE {}"

    def cut(self, most: int) -> int:
        """Any connections, in the middle of whatever they do."""
        broken = 0
        some = "SELECT id FROM information_schema.processlist WHERE db = :name ORDER BY rand() LIMIT :most"
        for one in ask(self._server, some, name=self._database, most=most):
            with contextlib.suppress(SQLAlchemyError):
                ask(self._server, f"KILL CONNECTION {int(one)}")
                broken += 1
        return broken


class OwnPostgresql(Database):
    """A PostgreSQL server of our own, which can be killed. Its processes run as an unprivileged user."""

    name = "own-postgresql"
    servers = 2

    def __init__(self) -> None:
        # not below a folder of this user's own, since its processes run as another one
        self._folder = Path(tempfile.mkdtemp(prefix="maestrale-chaos-postgresql-"))
        self._data = self._folder / "data"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        found = sorted(str(path) for path in Path("/").glob(f"{POSTGRESQL_BINARIES}/initdb"))
        if not found and shutil.which("initdb") is None:
            raise UnreachableError("the programs of a PostgreSQL server are not installed")
        self._binaries = Path(found[-1] if found else str(shutil.which("initdb"))).parent
        user = _unprivileged()
        if user is not None:
            shutil.chown(self._folder, user)
        self._user = user
        subprocess.run(
            [self._binaries / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8"], user=user,
            check=True, stdout=subprocess.DEVNULL, cwd=self._folder)
        self.start()
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def cut(self, most: int) -> int:
        """As on a server that isn't ours."""
        return len(self.ask(Postgresql.cut_some, name="postgres", most=most))

    def can_be_killed(self) -> bool:
        """It is ours."""
        return True

    def kill(self) -> None:
        """SIGKILL to the postmaster, and SIGQUIT to its children, which would go on for a while."""
        if self._process is not None:
            children = _children(self._process.pid)
            self._process.kill()
            self._process.wait()
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)

    def start(self) -> None:
        """Start it, which includes the recovery of what was committed."""
        deadline = time.monotonic() + 30
        while True:
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            with (self._folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [self._binaries / "postgres", "-D", self._data, "-p", str(self._port), "-k", self._folder, "-h", "127.0.0.1"],
                    user=self._user, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            while self._process.poll() is None:
                ready = subprocess.run(
                    [self._binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port)], check=False)
                if ready.returncode == 0:
                    return
                time.sleep(0.1)
            # children of the one before may still hold its memory
            if time.monotonic() > deadline:
                raise UnreachableError(f"PostgreSQL doesn't start: {self._folder / 'log'}")
            time.sleep(0.2)


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root: another user's name for that case."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise UnreachableError("PostgreSQL doesn't run as root, and there is no other user")


def _children(pid: int) -> list[int]:
    return [int(one) for path in Path(f"/proc/{pid}/task").glob("*/children") for one in path.read_text(encoding="ascii").split()]
