#!/usr/bin/env python3
"""Makes a SQLite database of ten times as many customers out of one that was imported.

    benches/tenfold.py FROM.db TO.db

Each customer comes nine times more with everything that is hers: tags, consents, custom values, purchases, segments. Only
what must be unique is told apart: emails, phones, external ids. Every filter then finds exactly ten times as many. An
import of ten million lines would take an hour; this takes minutes and leaves the same tables, indexes and triggers.
"""
import shutil
import sqlite3
import sys

TIMES = 10
# Tables, and what their columns are in the copy of number :k; columns that are not named stay as they are.
APART = {
    "customers": {
        "id": "id + :k * :most",
        "email": "'k' || :k || '-' || email", "email_folded": "'k' || :k || '-' || email_folded",
        "external_id": "external_id || '-' || :k", "external_id_folded": "external_id_folded || '-' || :k",
        "phone": "phone || :k",
    },
    "taggings": {"customer_id": "customer_id + :k * :most"},
    "consents": {"customer_id": "customer_id + :k * :most"},
    "segment_members": {"customer_id": "customer_id + :k * :most"},
    "custom_values": {"customer_id": "customer_id + :k * :most"},
    "purchases": {
        "id": "id + :k * :sales", "customer_id": "customer_id + :k * :most", "external_id": "external_id || '-' || :k",
    },
}


def main():
    source, target = sys.argv[1:]
    with sqlite3.connect(source) as whole:
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(source, target)
    db = sqlite3.connect(target, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-2000000", "temp_store=MEMORY", "foreign_keys=OFF"):
        db.execute(f"PRAGMA {pragma}")
    # Indexes are quicker made at the end, and nobody reads a log of this.
    aside = db.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND type IN ('index', 'trigger') "
                       f"AND tbl_name IN ({','.join('?' * len(APART))})", list(APART)).fetchall()
    for kind, name, _ in aside:
        db.execute(f'DROP {kind} "{name}"')
    most = db.execute("SELECT max(id) FROM customers").fetchone()[0]
    sales = db.execute("SELECT max(id) FROM purchases").fetchone()[0] or 0
    last = {table: db.execute(f"SELECT max({column}) FROM {table}").fetchone()[0] or 0
            for table, column in (("customers", "id"), ("purchases", "id"))}
    for table, apart in APART.items():
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        # Rows come in the order of their key, so that each copy is appended.
        first = "id" if "id" in columns else "customer_id"
        limit = f"WHERE {first} <= {last.get(table, most)}"
        order = "ORDER BY customer_id" if table in ("taggings", "consents", "custom_values") else ""
        for k in range(1, TIMES):
            values = ", ".join(apart.get(column, column) for column in columns)
            db.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} {limit} {order}",
                       {"k": k, "most": most, "sales": sales})
        print(f"{table}: {db.execute(f'SELECT count(*) FROM {table}').fetchone()[0]}", flush=True)
    for _, _, sql in sorted(aside, key=lambda one: one[0] == "trigger"):
        db.execute(sql)
    db.execute("DELETE FROM changes")
    db.execute("ANALYZE")
    db.execute("PRAGMA journal_mode=WAL")
    db.close()


if __name__ == "__main__":
    main()
