"""One writer, many readers, one Showcall per data directory."""

from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from database import Database, DataDirectoryInUseError, DataDirectoryLock


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path}/some.db")
    with made.transaction() as tx:
        tx.execute(text("create table things (name text)"))
    return made


def names(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(text("select name from things")).scalars())


def test_a_transaction_is_kept_whole_or_not_at_all(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute(text("insert into things values ('kept')"))
    with suppress(ZeroDivisionError), database.transaction() as tx:
        tx.execute(text("insert into things values ('lost')"))
        raise ZeroDivisionError
    assert names(database) == ["kept"]


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(database: Database) -> None:
    with database.reading() as connection:
        assert connection.execute(text("select count(*) from things")).scalar() == 0
        with database.transaction() as tx:
            tx.execute(text("insert into things values ('new')"))
        assert connection.execute(text("select count(*) from things")).scalar() == 0
    assert names(database) == ["new"]


def test_what_is_written_through_a_reader_is_rolled_back(database: Database) -> None:
    with database.reading() as connection:
        connection.execute(text("insert into things values ('stray')"))
    assert names(database) == []


def test_f28_a_second_holder_of_a_data_directory_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    first = DataDirectoryLock(tmp_path)
    with pytest.raises(DataDirectoryInUseError, match="already used by another Showcall"):
        DataDirectoryLock(tmp_path)
    first.release()
    DataDirectoryLock(tmp_path).release()
