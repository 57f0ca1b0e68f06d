# A database file, its dump, and scripts for the servers.
sqlite3 data.sqlite "create table numbers(n integer primary key, square integer, word text);
with recursive c(n) as (select 1 union all select n + 1 from c where n < 20000)
insert into numbers select n, n * n, printf('word%d', n % 100) from c; create index word on numbers(word);"
sqlite3 wal.sqlite "pragma journal_mode=wal; create table t(a); insert into t values(1), (2); " >/dev/null
sqlite3 data.sqlite .dump >dump.sql
cat >writer.py <<'END'
"""One of several writers to one database: N rows of its own, each in a transaction of its own."""
import sqlite3, sys
path, who, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
db = sqlite3.connect(path, timeout=60, isolation_level=None)
for i in range(count):
    db.execute("begin immediate")
    db.execute("insert into log values(?, ?)", (who, i))
    db.execute("update total set n = n + 1")
    db.execute("commit")
    if i % 10 == 0:
        n, t = db.execute("select (select count(*) from log), (select n from total)").fetchone()
        assert n == t, (n, t)
END
cat >start.sh <<'END'
# Sourced: a PostgreSQL server of this directory, on a socket only.
export PGHOST=$W PGDATA=$W/data PGUSER=tester PGDATABASE=postgres
begin() { initdb -A trust -U tester -E UTF8 --locale=C >init.log 2>&1 || cat init.log
          printf "listen_addresses = ''\nunix_socket_directories = '$W'\nfsync = on\nshared_buffers = 16MB\nmax_connections = 30\n" >>data/postgresql.conf; }
END
