"""The database of one job: its tables, its settings, and how it says what it is.

Layer: checkpoint. Knows SQL; the disk is passed in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sage_kernel_api.errors import StoreCorruptError, StoreFormatError
from sage_kernel_default.checkpoint.disk import Database

__all__ = [
    "FORMAT_VERSION",
    "check_schema",
    "create_schema",
    "is_blank",
    "prepare",
    "upgrade",
    "version_of",
]

FORMAT_VERSION: Final = 2
_FIRST_VERSION: Final = 1
"""Of a database that no columns of blocks, and no shared keys, were written to."""
_APPLICATION_ID: Final = 0x53414745  # "SAGE"

_TABLES: Final = (
    "CREATE TABLE store (id TEXT NOT NULL, job BLOB NOT NULL) STRICT",
    "CREATE TABLE epoch (epoch INTEGER PRIMARY KEY, manifest BLOB NOT NULL, chain TEXT) STRICT",
    "CREATE TABLE segment (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
)


def prepare(database: Database) -> None:
    """Set what holds for every connection that may write.

    ``EXCLUSIVE``: no second connection, no shared memory, and so none of the trouble that WAL
    has with two connections in SQLite before 3.51.3. ``FULL``: with ``NORMAL``, a power cut can
    take commits back that had returned.
    """
    for setting in (
        "PRAGMA locking_mode = EXCLUSIVE",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA trusted_schema = OFF",
        "PRAGMA temp_store = MEMORY",
    ):
        database.execute(setting)


def create_schema(database: Database, store: str, job: bytes) -> None:
    """Make the tables of a new store, in one transaction."""
    database.execute("BEGIN IMMEDIATE")
    for statement in _TABLES:
        database.execute(statement)
    database.execute("INSERT INTO store VALUES (?, ?)", (store, job))
    database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    database.execute("COMMIT")


def version_of(database: Database) -> int:
    """Return the format of a store."""
    [(version,)] = database.execute("PRAGMA user_version")
    return int(version)


def upgrade(database: Database) -> None:
    """Say, in a transaction that writes something newer, that older releases must not read it."""
    database.execute(f"PRAGMA user_version = {FORMAT_VERSION}")


def is_blank(database: Database) -> bool:
    """True for a database without any table: its making was interrupted."""
    return not database.execute("SELECT 1 FROM sqlite_schema LIMIT 1")


def check_schema(database: Database, path: Path) -> None:
    """Refuse a database that is not ours, newer, or not as we made it.

    Raises:
        StoreFormatError: It is somebody else's, or newer.
        StoreCorruptError: Its tables are not those that we made, or its pages are damaged.
        DatabaseError: It cannot be read.
    """
    if database.execute("PRAGMA application_id") != [(_APPLICATION_ID,)]:
        raise StoreFormatError(
            f"{path} is a database of another program. Choose another directory."
        )
    version = version_of(database)
    if not _FIRST_VERSION <= version <= FORMAT_VERSION:
        raise StoreFormatError(
            f"{path} has the format {version}, this release reads {_FIRST_VERSION} to "
            f"{FORMAT_VERSION}. Use the "
            "release of sage-kernel that wrote it, or a newer one."
        )
    # A trigger or view would run inside of our own statements.
    found = database.execute("SELECT sql FROM sqlite_schema ORDER BY rowid")
    if found != [(statement,) for statement in _TABLES]:
        raise StoreCorruptError(f"{path}: its tables are not those of a checkpoint store.")
    problems = database.execute("PRAGMA integrity_check(3)")
    if problems != [("ok",)]:
        raise StoreCorruptError(f"{path} is damaged: {problems[0][0]}.")
