"""The migrations and the stores' tables are two descriptions of one schema."""

from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from database import Database, SchemaError, metadata, schema_revisions


def test_the_migrations_make_exactly_the_tables_that_the_stores_declare(tmp_path: Path) -> None:
    import_module("assembly")  # declares every table
    database = Database(f"sqlite:///{tmp_path}/showcall.db")
    database.upgrade()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    database.close()


def test_the_files_of_the_migrations_begin_with_their_revisions() -> None:
    script = ScriptDirectory(str(Path(__file__).parents[2] / "migrations"))
    assert schema_revisions() == {each.revision for each in script.walk_revisions()}
    assert script.get_heads() == [max(schema_revisions())]


def test_a_database_of_a_newer_showcall_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/showcall.db")
    database.upgrade()
    with database.transaction() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(
        SchemaError, match=r"its schema is '9999', of a newer Showcall \(want one up to 0004\)"
    ):
        database.upgrade()
    with database.reading() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == ["9999"]
    database.close()
