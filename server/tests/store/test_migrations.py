from __future__ import annotations

import threading
from datetime import datetime

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from maestrale.errors import DatabaseUnavailableError
from maestrale.store import Database, migrate, schema
from maestrale.store.dialects import dialect_of
from maestrale.store.schema import upgrade
from maestrale.store.tables import metadata


@pytest.fixture
def fresh(kind, new_database):
    return new_database(kind)


@pytest.fixture
def engine(fresh):
    engine = sa.create_engine(dialect_of(fresh)[1], poolclass=sa.NullPool)
    yield engine
    engine.dispose()


def revisions():
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    config.set_main_option("path_separator", "os")
    return [script.revision for script in reversed(list(ScriptDirectory.from_config(config).walk_revisions()))]


def shape(engine):
    """Everything that the database tells about its tables."""
    inspector = sa.inspect(engine)
    return {
        table: {
            "columns": [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "uniques": sorted((u["name"], u["column_names"]) for u in inspector.get_unique_constraints(table)),
            "indexes": sorted((i["name"], i["column_names"], bool(i["unique"])) for i in inspector.get_indexes(table)),
            "foreign": sorted((f["name"], f["constrained_columns"], f["referred_table"]) for f in inspector.get_foreign_keys(table)),
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def test_the_newest_revision_is_the_one_that_is_asked_for():
    assert revisions()[-1] == schema.REVISION


def test_the_migrated_schema_is_that_of_the_tables(kind, fresh, engine, new_database):
    upgrade(fresh)
    direct = sa.create_engine(dialect_of(new_database(kind))[1], poolclass=sa.NullPool)
    metadata.create_all(direct)

    assert shape(engine) == shape(direct)
    with engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata) == []


def test_upgrading_twice_does_nothing(fresh):
    assert upgrade(fresh)
    assert not upgrade(fresh)


def test_processes_that_upgrade_at_once_do_it_once(fresh):
    done, barrier = [], threading.Barrier(4)

    def work():
        barrier.wait()
        done.append(upgrade(fresh))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(done) == [False, False, False, True]


def test_a_migration_that_was_killed_half_way_is_finished(fresh, engine):
    upgrade(fresh)
    before = shape(engine)
    with engine.begin() as conn:
        conn.exec_driver_sql("DROP TABLE alembic_version")
        conn.exec_driver_sql("DROP TABLE tokens")
        on = " ON jobs" if engine.dialect.name in {"mysql", "mariadb"} else ""
        conn.exec_driver_sql(f"DROP INDEX ix_jobs_owner{on}")

    assert upgrade(fresh)
    assert shape(engine) == before


@pytest.mark.parametrize("revision", revisions())
def test_rows_survive_the_way_from_every_revision(fresh, engine, revision):
    dialect, address = dialect_of(fresh)
    migrate.run(dialect, address, revision)
    old = sa.MetaData()
    old.reflect(engine)
    with engine.begin() as conn:
        for table in old.sorted_tables:
            if table.name != "alembic_version":
                conn.execute(table.insert(), {column.name: sample(column) for column in table.columns})

    upgrade(fresh)

    with engine.connect() as conn:
        for name in old.tables:
            assert conn.exec_driver_sql(f"SELECT COUNT(*) FROM {name}").scalar() == 1


def sample(column):
    if isinstance(column.type, sa.DateTime):
        return datetime(2026, 1, 1)
    return 1 if isinstance(column.type, sa.Integer | sa.Boolean | sa.Float | sa.Numeric) else "x"


def test_text_compares_by_code_point(database):
    names = ["b", "B", "a", "\u00e4", "a ", "A", "\U0001f600"]
    with database.write() as conn:
        for name in names:
            conn.execute(metadata.tables["settings"].insert(), {"name": name, "value": name, "updated_at": datetime(2026, 1, 1)})

    with database.read() as conn:
        found = [row[0] for row in conn.exec_driver_sql("SELECT name FROM settings ORDER BY name")]

    assert found == sorted(names)


def test_a_database_that_does_not_answer_is_unavailable(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(DatabaseUnavailableError):
        upgrade(f"sqlite:///{tmp_path}/folder")
    with pytest.raises(DatabaseUnavailableError), Database(f"sqlite:///{tmp_path}/folder").read():
        pass
