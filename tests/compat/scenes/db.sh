# Databases and servers that keep data in files.

#: sqlite3 fast needs=sqlite3,python3
for mode in delete wal truncate persist; do
    rm -f db db-*; sqlite3 db "pragma journal_mode=$mode; create table log(who, i); create table total(n); insert into total values(0);"
    for who in 1 2 3 4; do python3 $R/writer.py db $who 25 & done; wait
    sqlite3 db 'select count(*), (select n from total) from log; pragma integrity_check; pragma journal_mode;'
done
sqlite3 -readonly $R/data.sqlite 'select count(*), max(square) from numbers; pragma integrity_check'; sqlite3 $R/data.sqlite 'insert into numbers values(0,0,0)' 2>&1
sqlite3 "file:$R/data.sqlite?immutable=1" 'select count(*) from numbers where word = "word7"'; sqlite3 $R/wal.sqlite 'select sum(a) from t' 2>&1
cp $R/data.sqlite .; sqlite3 data.sqlite 'update numbers set square = -square; vacuum; select sum(square) from numbers'; sqlite3 copy <$R/dump.sql; sqlite3 copy .dump | sha256sum

#: sqlite3 load needs=sqlite3,python3 limit=240
sqlite3 db "pragma journal_mode=wal; create table log(who, i); create table total(n); insert into total values(0);"
for who in 1 2 3 4 5 6; do python3 $R/writer.py db $who 150 & done; for i in 1 2 3 4 5; do sqlite3 -cmd '.timeout 60000' db 'select count(*) < 1000 from log; pragma quick_check; pragma wal_checkpoint(passive)' | head -2; done; wait
sqlite3 db 'select count(*), (select n from total) from log; pragma integrity_check; pragma wal_checkpoint(truncate); '; ls
sqlite3 db "attach '$R/data.sqlite' as big; create table mine as select * from big.numbers; select count(*) from mine; create index i on mine(word); analyze; select count(*) from mine where word='word3'; pragma mmap_size=100000000; select sum(square) from mine;"
sqlite3 db ".backup back" ; sqlite3 back 'pragma integrity_check'; cmp <(sqlite3 db .dump) <(sqlite3 back .dump) && echo same

#: redis needs=redis-server,redis-cli limit=180
redis-server --port 0 --unixsocket $W/s --dir $W --appendonly yes --save '60 1' --daemonize yes --pidfile $W/pid --logfile $W/log
cli() { redis-cli -s $W/s "$@"; }
until cli ping 2>/dev/null | grep -q PONG; do sleep 0.05; done
for i in $(seq 1 30); do cli set key$i value$i; done | sort | uniq -c; cli rpush list a b c; cli hset h f v; cli incr n; cli dbsize
redis-benchmark -s $W/s -n 2000 -c 20 -q -t set,get,lpush,incr -P 4 2>&1 | tr '\r' '\n' | grep -c 'requests per second'
cli bgsave; until cli info persistence | grep -q rdb_bgsave_in_progress:0; do sleep 0.05; done; cli bgrewriteaof; until cli info persistence | grep -q aof_rewrite_in_progress:0; do sleep 0.05; done
cli set after rewrite; cli config get dir | sed "s#$W##"; cli eval 'return redis.call("get", KEYS[1])' 1 after; pid=$(cat pid); cli shutdown; while kill -0 $pid 2>/dev/null; do sleep 0.05; done
ls; redis-check-rdb dump.rdb | tail -1 | sed 's/[0-9]//g'
redis-server --port 0 --unixsocket $W/s --dir $W --appendonly yes --daemonize yes --pidfile $W/pid --logfile $W/log; until cli ping 2>/dev/null | grep -q PONG; do sleep 0.05; done
cli get key7; cli lrange list 0 -1; cli get after; cli dbsize | awk '{print $1 > 30}'; pid=$(cat pid); kill -9 $pid; while kill -0 $pid 2>/dev/null; do sleep 0.05; done
rm -r appendonlydir; redis-server --port 0 --unixsocket $W/s --dir $W --daemonize yes --pidfile $W/pid --logfile $W/log; until cli ping 2>/dev/null | grep -q PONG; do sleep 0.05; done; cli get key3; pid=$(cat pid); cli shutdown nosave; while kill -0 $pid 2>/dev/null; do sleep 0.05; done; grep -ciE 'crash|fatal|fail' log

#: postgresql needs=initdb,psql,pgbench limit=300
. $R/start.sh; begin; pg_ctl start -w -l log >/dev/null; echo started $?
psql -Atc 'select 1 + 1, current_user'; pgbench -i -s 1 -q 2>&1 | grep -c done; pgbench -n -c 4 -j 2 -t 50 2>&1 | grep -E 'transactions (actually|type)|failed'
psql -At -c 'select count(*) from pgbench_history' -c 'select sum(abalance) = (select sum(bbalance) from pgbench_branches) from pgbench_accounts' -c 'checkpoint' -c 'vacuum analyze' -c 'create index on pgbench_accounts(abalance)'
pg_dump -t pgbench_branches -s | grep -v -e '^--' -e restrict | sha256sum; pg_dump -Fc -f dump; pg_restore -l dump | grep -c TABLE; pg_dump -Fd -j 2 -f dir; ls dir | wc -l
psql -At <<END
create table big as select g, md5(g::text) m from generate_series(1, 100000) g; create index on big(m); set work_mem = '64kB'; select count(distinct m) from big; copy (select * from big order by m limit 3) to stdout;
set max_parallel_workers_per_gather = 4; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; explain (costs off) select sum(g) from big; select sum(g) from big;
create database other; create tablespace t location '$W/missing'; listen x; notify x; select pg_switch_wal() is not null;
END
kill -9 $(head -1 data/postmaster.pid); until pg_ctl start -w -l log >/dev/null 2>&1; do sleep 0.1; done
pg_ctl status >/dev/null; echo recovered $?; grep -c 'automatic recovery in progress' log; psql -Atc 'select count(*) from big' -c 'select count(*) from pgbench_history'
psql -Atc 'create table gone(a int)' -c 'insert into gone values (1)'; pg_ctl stop -w -m fast >/dev/null; echo stopped $?; grep -cE 'PANIC|could not' log
pg_ctl start -w -l log >/dev/null; psql -Atc 'select count(*) from big'; pg_ctl stop -w -m immediate >/dev/null; pg_ctl start -w -l log >/dev/null; psql -Atc 'select count(*) from big'; pg_amcheck -a 2>&1 | tail -1; pg_basebackup -D back -c fast; pg_verifybackup back; pg_ctl stop -w -m fast >/dev/null; echo $?; pg_checksums -c 2>&1; pg_controldata | grep state; ls

#: postgresql tps needs=initdb,psql,pgbench limit=300
. $R/start.sh; begin; pg_ctl start -w -l log >/dev/null; pgbench -i -s 2 -q >/dev/null 2>&1; pgbench -n -c 4 -j 2 -t 1500 2>&1 | grep -E 'actually|failed'; pgbench -n -S -c 4 -j 2 -t 5000 2>&1 | grep -E 'actually|failed'; pg_ctl stop -w -m fast >/dev/null

#: redis benchmark needs=redis-server,redis-cli limit=300
redis-server --port 0 --unixsocket $W/s --dir $W --appendonly yes --save '' --daemonize yes --pidfile $W/pid --logfile $W/log; until redis-cli -s $W/s ping 2>/dev/null | grep -q PONG; do sleep 0.05; done
redis-benchmark -s $W/s -n 200000 -c 20 -q -t set,get,lpush,incr -P 16 2>&1 | tr '\r' '\n' | grep -c 'requests per second'; redis-cli -s $W/s shutdown; while kill -0 $(cat pid 2>/dev/null) 2>/dev/null; do sleep 0.05; done

#: postgresql files needs=initdb,psql limit=300
. $R/start.sh; begin; pg_ctl start -w -l log >/dev/null; psql -qAt -v ON_ERROR_STOP=0 <<END
create extension file_fdw; create server files foreign data wrapper file_fdw; create foreign table lines(t text) server files options (filename '$R/dump.sql'); select count(*) from lines;
copy (select 1) to '$R/x'; create table words(n int, s int, w text); \copy words from program 'sqlite3 -csv $R/data.sqlite "select * from numbers"' csv
select count(*), max(s) from words; select pg_read_file('$R/start.sh') like '%PGHOST%', (pg_stat_file('$R/dump.sql')).size > 0, count(*) > 3 from pg_ls_dir('$R'); select lo_import('$R/wal.sqlite') > 0;
create unlogged table u as select * from words; cluster words using words_pkey; alter table words add primary key (n); cluster words using words_pkey; create materialized view m as select w, count(*) from words group by w; select count(*) from m; vacuum full words; truncate u; 
END
for i in 1 2 3 4 5 6; do psql -qAtc "insert into words select g, g, 'x' from generate_series(${i}00000, ${i}00000 + 2000) g; update words set s = s + 1 where n / 100000 = $i" & done; wait; psql -Atc 'select count(*), sum(s) from words' -c 'reindex table words' -c "select count(*) from pg_stat_activity where backend_type = 'checkpointer'"; mkdir space; psql -qAtc "create tablespace t location '$W/space'" -c 'create table ts(a int) tablespace t' -c 'insert into ts select 1 from generate_series(1, 10000)' -c 'select count(*) from ts'; pg_ctl restart -w -m fast -l log >/dev/null; psql -Atc 'select count(*) from ts'; pg_dump | sha256sum >/dev/null; pg_ctl promote 2>&1; pg_ctl reload; pg_ctl stop -w >/dev/null; grep -cE 'PANIC|FATAL:  could' log

#: sqlite3 mapped needs=sqlite3,python3
sqlite3 -readonly $R/data.sqlite 'pragma mmap_size = 268435456; select sum(square) from numbers; select count(*) from numbers where word like "word1%"; explain query plan select * from numbers where word = "word3"'; sqlite3 own "attach '$R/data.sqlite' as a; pragma mmap_size = 100000000; create table t as select * from a.numbers; begin; delete from t where n % 2; savepoint s; update t set square = 0; rollback to s; commit; select count(*), sum(square) from t; pragma journal_mode = memory; vacuum into 'copy.db'; pragma optimize;"; sqlite3 copy.db 'pragma integrity_check; select count(*) from t'; sqlite3 own '.recover' | grep -c INSERT; sqlite3 -csv -header $R/data.sqlite 'select * from numbers limit 3' >c.csv; sqlite3 :memory: '.import --csv c.csv c' 'select * from c'; sqlite3 "file:$R/wal.sqlite?immutable=1" 'select sum(a) from t'; sqlite3 "file:own?mode=ro&cache=shared" 'select 1'; python3 -c 'import sqlite3, sys; a = sqlite3.connect("file:" + sys.argv[1] + "/data.sqlite?mode=ro", uri=True); b = sqlite3.connect("b.db"); a.backup(b); print(b.execute("select count(*) from numbers").fetchone(), sqlite3.connect("b.db").execute("pragma integrity_check").fetchone())' $R
