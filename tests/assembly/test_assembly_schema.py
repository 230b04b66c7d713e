"""The migrations and the stores' tables are two descriptions of one schema."""

from importlib import import_module
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from database import Database, metadata


def test_the_migrations_make_exactly_the_tables_that_the_stores_declare(tmp_path: Path) -> None:
    import_module("assembly")  # declares every table
    database = Database(f"sqlite:///{tmp_path}/showcall.db")
    database.upgrade()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    database.close()
