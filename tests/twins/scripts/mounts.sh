Scripts for test_mounts.py: $M is a writable directory that is mounted there (it really lies at deep/er/real beside it), $O an
ordinary directory beside it.  Each ends up on a bind mount and under parrot_run -M.

#: where-am-i
cd $M; pwd; pwd -P; mkdir -p a/b; cd a/b; pwd -P; cd ..; pwd -P; cd ../..; pwd -P; cd $M/a/../a/b/../..; pwd -P
cd $M/a; (cd b; /bin/pwd); readlink /proc/self/cwd; readlink -f .; realpath . .. ../.. b/../../x; ls ..; ls ../..

#: physical-dotdot
mkdir -p $M/a $O/deep/er; ln -s $O/deep/er $M/a/out; ln -s $M/a $O/in
cat $M/a/out/../../../w/none; cd $M/a/out/..; pwd -P; cd -P $O/in/..; pwd -P; ls $O/in/.. ; cd $O/in; pwd -P; cd -P ..; pwd -P
echo x >$O/in/../via; cat $M/via; stat -c %n $M/a/out/../er $M/a/../via

#: links
mkdir -p $M/d $O/d; echo m >$M/d/f; echo o >$O/d/f
ln -s d/f $M/rel; ln -s $M/d/f $M/abs; ln -s ../$(basename $O)/d/f $M/up; ln -s $O/d $M/out; ln -s $M/d $O/in; ln -s loop $M/loop
for l in rel abs up out/f loop; do cat $M/$l; readlink $M/$l; readlink -f $M/$l; done; cat $O/in/f; realpath $O/in/f
cd $M/d; ln -s ../rel r; cat r; ln -s nowhere n; cat n; ls -F; find . -type l | sort; find -L . | sort

#: across-the-border
echo one >$M/one; echo two >$O/two; mkdir $M/dir $O/dir2
python3 - <<'PY'
import os
M, O = os.environ["M"], os.environ["O"]
def try_(name, call, *args, **kw):
    try:
        print(name, call(*args, **kw))
    except OSError as error:
        print(name, error.errno, os.strerror(error.errno))
try_("rename out", os.rename, f"{M}/one", f"{O}/one")
try_("rename in", os.rename, f"{O}/two", f"{M}/two")
try_("rename dir", os.rename, f"{M}/dir", f"{O}/dir")
try_("rename missing", os.rename, f"{M}/none", f"{O}/none")
try_("rename no parent", os.rename, f"{M}/none/x", f"{O}/none")
try_("rename to no parent", os.rename, f"{M}/one", f"{O}/none/x")
try_("rename file as parent", os.rename, f"{M}/one", f"{O}/two/x")
try_("rename within", os.rename, f"{M}/one", f"{M}/uno")
try_("link out", os.link, f"{M}/uno", f"{O}/uno")
try_("link in", os.link, f"{O}/two", f"{M}/two")
try_("link missing", os.link, f"{O}/none", f"{M}/two")
try_("link exists", os.link, f"{O}/two", f"{M}/uno")
try_("link no parent", os.link, f"{O}/two", f"{M}/none/x")
try_("link within", os.link, f"{M}/uno", f"{M}/dir/uno")
try_("symlink", os.symlink, f"{O}/two", f"{M}/s")
print(os.stat(f"{M}/uno").st_nlink, sorted(os.listdir(M)), sorted(os.listdir(O)))
m, o = os.open(M, os.O_RDONLY), os.open(O, os.O_RDONLY)
try_("renameat", os.rename, "uno", "uno", src_dir_fd=m, dst_dir_fd=o)
try_("linkat", os.link, "two", "two", src_dir_fd=o, dst_dir_fd=m)
os.chdir(M)
try_("rename relative", os.rename, "uno", "../" + os.path.basename(O) + "/uno")
try_("rename relative within", os.rename, "uno", "../mnt/eins")
try_("rename the mount", os.rename, M, M + "2")
try_("rename over the mount", os.rename, f"{O}/dir2", M)
try_("rmdir the mount", os.rmdir, M)
try_("unlink the mount", os.unlink, M)
try_("mkdir the mount", os.mkdir, M)
try_("rename .", os.rename, f"{M}/.", f"{M}/x")
try_("rmdir .", os.rmdir, f"{M}/.")
try_("rmdir ..", os.rmdir, f"{M}/dir/..")
PY
mv $M/eins $O/moved; cat $O/moved; mv $O/dir2 $M/; mv $M/dir $O/; find $M $O | sort

#: writing
cd $M; umask 027; mkdir -p p/q; echo a >p/f; echo b >>p/f; cp p/f p/g; chmod 640 p/g; touch -d @1000000000 p/g; truncate -s 10 p/f
ln p/g p/h; mkfifo p/pipe; ls -l --time-style=+%s p/g p/h | cut -d' ' -f1,2,5-; stat -c '%n %F %a %h %s' p p/* | sed 's/[0-9]*$//'
(echo through >p/pipe &); cat p/pipe; wait; rm -r p/q; rmdir p; rm -rf p; ls -A; : >x; [ -w x ] && [ -r x ] && [ ! -x x ] && echo ok
python3 -c 'import os; os.setxattr("x", "user.a", b"1"); print(os.listxattr("x"), os.getxattr("x", "user.a"))' 2>&1 | sed 's/.*Errno/Errno/'
dd if=/dev/zero of=big bs=64k count=10 status=none; stat -c %s big; cmp big <(head -c 655360 /dev/zero) && echo same; echo y >../side; ls ..

#: temporary-files
cd $M; export TMPDIR=$M; f=$(mktemp); echo ${f%/*}; d=$(mktemp -d); echo ${d%/*}; mktemp -p $M -u x.XX | sed 's/..$//'
python3 - <<'PY'
import os, tempfile
print(tempfile.gettempdir())
with tempfile.NamedTemporaryFile() as f, tempfile.TemporaryDirectory() as d, tempfile.TemporaryFile() as t:
    f.write(b"x"); f.flush(); t.write(b"y")
    print(os.path.dirname(f.name), os.path.dirname(d), os.path.getsize(f.name), os.path.realpath(d) == d)
    print(os.path.dirname(os.readlink(f"/proc/self/fd/{f.fileno()}")))
    print(os.readlink(f"/proc/self/fd/{t.fileno()}").rsplit("/", 1)[0])
fd = os.open(os.environ["M"], os.O_TMPFILE | os.O_RDWR, 0o600)
os.write(fd, b"linked")
os.link(f"/proc/self/fd/{fd}", os.environ["M"] + "/named", follow_symlinks=True)
print(open(os.environ["M"] + "/named").read())
PY
cat <<here
a here document
here
sort -S 1k -T $M <(seq 3000) | md5sum

#: walking
mkdir -p $M/a/b/c $M/x; touch $M/a/1 $M/a/b/2 $M/x/3; cd $M
find . | sort; find $M -name '[0-9]' | sort; du -a --apparent-size . | cut -f2 | sort; ls -R; echo */*; tree 2>/dev/null | head -3 >/dev/null
python3 -c 'import os; [print(*x) for x in sorted((d, sorted(n), sorted(f)) for d, n, f in os.walk("."))]; [print(d) for d, *_ in os.fwalk(os.environ["M"])]' | sort
python3 -c 'import pathlib, glob, os; print(sorted(map(str, pathlib.Path(os.environ["M"]).rglob("*")))); print(sorted(glob.glob("**", recursive=True)))'
rm -r a; find . | sort; find $(dirname $M) -maxdepth 1 -name mnt

#: programs-in-it
cd $M; mkdir bin lib; cp /bin/echo bin/say; cp /usr/bin/env bin/; PATH=$M/bin:$PATH; say hello; $M/bin/say you; bin/say me; ./bin/../bin/say them
printf '#!/bin/sh\necho "$0 $*"; cat /proc/$$/comm; tr "\\0" " " </proc/$$/cmdline; echo\n' >bin/script; chmod +x bin/script
script 1 2; bin/script; ./bin/script x; $M/bin/script; printf '#!%s/bin/say said\n' $M >bin/second; chmod +x bin/second; second a; bin/second b
printf '#!bin/say relative\n' >third; chmod +x third; ./third x; chmod -x bin/say; say no; bin/say no; mkdir bin/dir; bin/dir; bin/none
cp /bin/readlink bin/rl; $M/bin/rl /proc/self/exe; bin/rl /proc/self/exe; ln -s rl bin/rl2; bin/rl2 /proc/self/exe; cd bin; ./rl2 /proc/self/exe
cp /bin/cat c; ./c /proc/self/comm; ./c /proc/self/maps | grep -o "$M.*" | sort -u; ./c /proc/self/cmdline | tr '\0' ' '

#: shared-library
cd $M; printf 'int answer(void) { return 42; }\n' >a.c; gcc -shared -fPIC -o libanswer.so a.c
printf '#include <stdio.h>\nint answer(void);\nint main(void) { return printf("%%d\\n", answer()) < 0; }\n' >m.c
gcc -o m m.c -L. -lanswer -Wl,-rpath,'$ORIGIN'; ./m; $M/m; cd /; $M/m; LD_LIBRARY_PATH=$M $M/m; mv $M/libanswer.so $M/lib2.so; LD_PRELOAD=$M/lib2.so $M/m 2>&1
python3 -c 'import ctypes, os; print(ctypes.CDLL(os.environ["M"] + "/lib2.so").answer())'; ldd $M/m | sed 's/ (0x.*//' | grep answer

#: sockets
cd $M; python3 - <<'PY'
import os, socket, threading
M = os.environ["M"]
def server(path):
    s = socket.socket(socket.AF_UNIX); s.bind(path); s.listen(); return s
def client(path):
    c = socket.socket(socket.AF_UNIX)
    try:
        c.connect(path); c.sendall(b"hello"); return c
    except OSError as error:
        return error.errno
a = server(f"{M}/a"); c = client(f"{M}/a"); print(a.accept()[0].recv(9))
b = server("b"); c = client(f"{M}/b"); print(b.accept()[0].recv(9)); c = client("../mnt/b"); print(b.accept()[0].recv(9))
print(client(f"{M}/none"), client(f"{M}/none/x"))
for again in ("a", f"{M}/a", f"{M}/none/x"):
    try:
        server(again)
    except OSError as error:
        print(error.errno)
d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); d.bind(f"{M}/d"); e = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
e.sendto(b"datagram", f"{M}/d"); print(d.recv(20))
print(sorted(os.listdir(M)))
PY
stat -c '%n %F' a b d; rm a b d; ls

#: inotify
cd $M; mkdir w; python3 - <<'PY'
import ctypes, os, struct
libc = ctypes.CDLL(None)
fd = libc.inotify_init1(os.O_NONBLOCK)
M = os.environ["M"].encode()
print(libc.inotify_add_watch(fd, M + b"/w", 0xfff) > 0, libc.inotify_add_watch(fd, b"w", 0xfff) > 0, libc.inotify_add_watch(fd, M + b"/none", 0xfff))
open(M + b"/w/new", "w").write("x"); os.rename("w/new", M + b"/w/old"); os.unlink("w/old"); os.mkdir(M + b"/w/d"); os.rmdir("w/d")
data = os.read(fd, 65536)
while data:
    wd, mask, cookie, n = struct.unpack("iIII", data[:16])
    print(hex(mask), data[16:16 + n].rstrip(b"\0")); data = data[16 + n:]
PY

#: descriptors
cd $M; echo text >f; exec 3<f 4>g 5<.; readlink /proc/self/fd/3 /proc/self/fd/4 /proc/self/fd/5 /proc/$$/fd/3; cat /dev/fd/3 /proc/self/fd/5/f; echo written >&4; cat g
ls /proc/self/fd/5/; rm f; readlink /proc/self/fd/3; (cd /proc/self/fd/5/..; /bin/pwd | tr -d 0-9); (cd /proc/self/cwd/; /bin/pwd); cd /proc/$$/cwd/mnt 2>&1 | sed 's/[0-9]*//g'; pwd -P | sed 's/[0-9]*//g'; cd $M
python3 - <<'PY'
import os
M = os.environ["M"]
d = os.open(M, os.O_RDONLY); os.mkdir("sub", dir_fd=d); s = os.open("sub", os.O_RDONLY, dir_fd=d)
print(os.stat("../g", dir_fd=s).st_size, os.path.samefile(M, d), sorted(os.listdir(d)), os.access("../g", os.W_OK, dir_fd=s))
os.fchdir(s); print(os.getcwd()); os.rmdir(M + "/sub")
try:
    print(os.getcwd())
except OSError as error:
    print(error)
os.chdir(".."); print(os.getcwd()); os.fchdir(d); print(os.getcwd(), os.path.exists("g"), os.path.exists("../mnt/g"))
PY

#: mount-tables
cd $M; grep -c " $M " /proc/self/mountinfo /proc/mounts; df --output=target . | tail -1; findmnt -n -o TARGET -T . ; mountpoint -q $M; echo $?

#: git
cd $M; export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_DATE=@1e9 GIT_COMMITTER_DATE=@1e9; export GIT_AUTHOR_DATE='2001-01-01T00:00:00Z' GIT_COMMITTER_DATE='2001-01-01T00:00:00Z'
git init -q -b main repo; cd repo; git config user.name n; git config user.email e; echo 1 >f; git add f; git commit -qm one; git rev-parse HEAD --show-toplevel --git-dir
git checkout -qb side; echo 2 >f; git commit -qam two; git checkout -q main; echo 3 >g; git add .; git commit -qm three; git rebase -q side; git log --format='%h %s'
cd ..; git clone -q repo copy; cd copy; git log --format=%h | tail -1; git worktree add -q ../tree side 2>&1; git -C ../tree status -sb; git gc -q; git fsck; cd ..; git clone -q $M/repo $O/clone; git -C $O/clone rev-parse HEAD

#: sqlite
cd $M; sqlite3 a.db 'create table t(x); insert into t values (1), (2); select sum(x) from t'; sqlite3 $M/w.db 'pragma journal_mode=wal; create table t(x); insert into t values (5); select * from t'
ls *.db; sqlite3 a.db .databases | sed 's/^seq.*//'

#: make
cd $M; printf 'all: out/a out/b\n\t@cat $^\nout/%%: %%.in | out\n\t@cp $< $@\nout:\n\t@mkdir $@\n' >Makefile; echo a >a.in; echo b >b.in
make -j2; touch -d @1 out/a; make; make -C $M; make -q; echo $?; printf 'int main(void) { return 7; }\n' >p.c; make -s p CC=gcc; ./p; echo $?

#: tar-and-rsync
cd $M; mkdir -p src/d; echo f >src/f; ln -s f src/l; ln src/f src/d/hard; chmod 600 src/f; tar cf a.tar src; tar tf a.tar; mkdir out; tar xf a.tar -C out; find out | sort; tar cf - -C $M src | tar xf - -C $O; find $O | sort
rsync -a src/ $M/copy/; rsync -a $M/src $O/r; find copy | sort; find $O/r | sort; stat -c %a copy/f; echo new >src/f; rsync -ai src/ copy/ | cut -c1-2,13-

#: locks-and-maps
cd $M; python3 - <<'PY'
import fcntl, mmap, os, multiprocessing
M = os.environ["M"]
with open(M + "/f", "w+b") as f:
    f.write(b"\0" * 4096); f.flush()
    m = mmap.mmap(f.fileno(), 4096); m[0:5] = b"maped"; m.flush()
    print(open("f", "rb").read(5), [l.split(None, 5)[5].strip() for l in open("/proc/self/maps") if l.rstrip().endswith("/f")])
    fcntl.flock(f, fcntl.LOCK_EX)
    g = open(f"{M}/../mnt/f")
    try:
        fcntl.flock(g, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        print(error)
    fcntl.lockf(f, fcntl.LOCK_EX)
    if os.fork() == 0:
        try:
            fcntl.lockf(open(f"{M}/f", "r+"), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            print(error, flush=True)
        os._exit(0)
    os.wait()
PY

#: openat2
cd $M; mkdir -p d/e; echo f >f; ln -s ../f d/l; ln -s /etc d/abs; ln -s $M/f d/m; python3 - <<'PY'
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
M = os.environ["M"].encode()
def openat2(d, path, resolve, flags=os.O_RDONLY):
    how = struct.pack("QQQ", flags, 0, resolve)
    fd = libc.syscall(437, d, path, how, len(how))
    if fd < 0:
        return os.strerror(ctypes.get_errno())
    text = os.readlink(f"/proc/self/fd/{fd}"); os.close(fd); return text
dirs = {"cwd": -100, "M": os.open(M, os.O_RDONLY), "d": os.open(M + b"/d", os.O_RDONLY)}
for name, d in dirs.items():
    for path in (b"f", b"d/l", b"l", b"m", b"abs", b"..", b"../f", b"../../etc/passwd", b"e/../l", b"/etc/passwd", b"/f", M + b"/f", b"."):
        for resolve in (0, 1, 2, 4, 8, 16):
            if path[:1] == b"/" and resolve == 1:
                continue  # where the machine has its mounts does not matter here
            print(name, path, resolve, openat2(d, path, resolve))
PY
