# Programs that lie in a repository themselves.

#: git needs=git limit=240
export PATH=$R/usr/bin:$PATH GIT_EXEC_PATH=$R/usr/lib/git-core GIT_TEMPLATE_DIR=$R/usr/share/git-core/templates GIT_CONFIG_GLOBAL=$W/config GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
which git; git config --global user.name A; git config --global user.email a@x; git config --global init.defaultBranch main; git config --global protocol.file.allow always
git init -q a; cd a; for i in 1 2 3; do echo $i >f$i; git add .; git commit -qm $i; done; git checkout -q -b t HEAD~1; echo t >t; git add t; git commit -qm t; git rebase -q main; git gc -q; git fsck; cd ..
git clone -q file://$W/a b; git -C b log --oneline; git -C b submodule add -q $W/a sub 2>&1; git -C b status --short; git --exec-path; readlink /proc/self/exe >/dev/null; git -C b -c alias.me='!readlink /proc/$PPID/exe' me

#: sqlite3 needs=sqlite3
$R/usr/bin/sqlite3 db 'pragma journal_mode=wal; create table t(a);' # changing the mode waits for nobody
for i in 1 2 3 4; do $R/usr/bin/sqlite3 db -cmd '.timeout 60000' "insert into t values($i);" >/dev/null & done; wait; $R/usr/bin/sqlite3 db 'select count(*), sum(a) from t; pragma integrity_check'

#: redis needs=redis-server
$R/usr/bin/redis-server --port 0 --unixsocket $W/s --dir $W --appendonly yes --daemonize yes --pidfile $W/pid --logfile $W/log
cli() { $R/usr/bin/redis-cli -s $W/s "$@"; }; until cli ping 2>/dev/null | grep -q PONG; do sleep 0.05; done; cli set a 1; cli bgrewriteaof; cli incr a; readlink /proc/$(cat pid)/exe; pid=$(cat pid); cli debug restart 2>&1 | head -1; until cli ping 2>/dev/null | grep -q PONG; do sleep 0.05; done; cli get a; cli shutdown; while kill -0 $pid 2>/dev/null; do sleep 0.05; done; ls

#: node needs=node limit=240
export LD_LIBRARY_PATH=$R/usr/lib/x86_64-linux-gnu; $R/usr/bin/node -e 'console.log(process.execPath, require("child_process").execSync(process.execPath + " -p 1+1").toString()); const c = require("child_process").fork("-e", ["1"], {execArgv: ["-e", "process.send(process.argv0)"]}); c.on("message", m => console.log(m)); const {Worker} = require("worker_threads"); new Worker("require(\"worker_threads\").parentPort.postMessage(process.execPath)", {eval: true}).on("message", m => console.log(m))' | sort

#: gcc needs=gcc limit=240
export PATH=$R/usr/bin:$PATH; gcc -print-prog-name=cc1; gcc -print-search-dirs | head -1; gcc -O2 -o h $R/hello.c && ./h; gcc -v -c $R/hello.c 2>&1 | grep -c cvmfs; $R/usr/bin/x86_64-linux-gnu-g++-12 -x c++ -O1 - -o c <<<'#include <iostream>
int main() { std::cout << "c++\n"; }' && ./c; gcc -flto -O2 $R/hello.c -o l && ./l; printf 'all: a.o b.o\n%%.o: %%.c\n\tgcc -c $<\n' >Makefile; cp $R/hello.c a.c; cp $R/hello.c b.c; make -j2; make

#: postgresql needs=initdb limit=400
export PATH=$R/usr/lib/postgresql/15/bin:$PATH PGHOST=$W PGDATA=$W/data PGUSER=tester PGDATABASE=postgres; which postgres
initdb -A trust -U tester -E UTF8 --locale=C >init.log 2>&1 || cat init.log; printf "listen_addresses = ''\nunix_socket_directories = '$W'\nshared_buffers = 16MB\n" >>data/postgresql.conf
pg_ctl start -w -l log >/dev/null; pgbench -i -q 2>&1 | grep -c done; pgbench -n -c 4 -j 2 -t 100 2>&1 | grep -E 'actually|failed'; psql -Atc 'select count(*) from pgbench_history' -c "select setting from pg_config where name = 'BINDIR'" -c 'create extension pgcrypto' -c "select encode(digest('a', 'sha256'), 'hex')"; kill -9 $(head -1 data/postmaster.pid); until pg_ctl start -w -l log >/dev/null 2>&1; do sleep 0.1; done; psql -Atc 'select count(*) from pgbench_history'; pg_dump -s | grep -c 'CREATE TABLE'; pg_ctl stop -w -m fast >/dev/null; grep -c PANIC log; head -1 data/postmaster.opts

#: java needs=java,javac limit=400
export JAVA_HOME=$R/usr/lib/jvm/java-17-openjdk-amd64; export PATH=$JAVA_HOME/bin:$PATH; java -version 2>&1; java -XshowSettings:properties -version 2>&1 | grep 'java.home'; echo 'public class T { public static void main(String[] a) throws Exception { Thread[] t = new Thread[8]; for (int i = 0; i < 8; i++) { t[i] = new Thread(() -> { try { System.out.println(new String(new ProcessBuilder(System.getProperty("java.home") + "/bin/java", "-version").redirectErrorStream(true).start().getInputStream().readAllBytes()).length()); } catch (Exception e) { e.printStackTrace(); } }); t[i].start(); } for (Thread x : t) x.join(); System.out.println(ProcessHandle.current().info().command().get()); } }' >T.java; javac T.java && java T; java -Xshare:off -cp . T | tail -1; jar cf t.jar T.class && jar tf t.jar
