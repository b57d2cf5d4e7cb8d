"""ADBC, which reads and writes Arrow tables and no objects: what is a frame already, and what is loaded in bulk."""

from typing import Any
from urllib.parse import urlencode

import pyarrow
from adbc_driver_postgresql import dbapi
from psycopg.conninfo import conninfo_to_dict

from . import statements as sql

COLUMNS = ["user_id", "aim_id", "role", "permissions"]
TYPES = [pyarrow.uuid(), pyarrow.uuid(), pyarrow.string(), pyarrow.list_(pyarrow.string())]


def table(rows: list[Any]) -> pyarrow.Table:
    columns = [pyarrow.array(column, kind) for column, kind in zip(zip(*rows, strict=True), TYPES, strict=True)]
    return pyarrow.table(columns, COLUMNS)


class Adbc:
    asynchronous = False

    def open(self, conninfo: str) -> None:
        uri = f"postgresql:///?{urlencode(conninfo_to_dict(conninfo))}"
        self.conn = dbapi.connect(uri, autocommit=True)
        self.transactional = dbapi.connect(uri)

    def close(self) -> None:
        self.conn.close()
        self.transactional.close()

    def frame_100k(self) -> pyarrow.Table:
        with self.conn.cursor() as cursor:
            cursor.execute(sql.FRAME)
            return cursor.fetch_arrow_table()

    def bulk_100k(self, rows: list[Any]) -> None:
        with self.transactional.cursor() as cursor:
            cursor.execute(sql.STAGE)
            cursor.adbc_ingest("stage", table(rows), mode="append", temporary=True)
            cursor.execute(sql.MERGE_STAGE)
        self.transactional.commit()

    def bulk_1m(self, rows: list[Any]) -> int:
        """A bare COPY, as psycopg's."""
        with self.conn.cursor() as cursor:
            return int(cursor.adbc_ingest("user_aims", table(rows), mode="append"))
