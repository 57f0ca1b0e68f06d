Scripts for test_mounts.py, as mounts.sh: the ways that lead into mounts and out of them.  Directories are mounted at $M, at
$M/sub, at $O/in and at $R/emptydir, in a repository; $O is beside $M, and what is mounted lies elsewhere.

#: from-outside
mkdir -p $M/bin/deep $M/d; cp /bin/true $M/bin/t; echo hi >$M/d/f; ln -s bin/t $M/lt; cd $O; mkdir -p x/y; ln -s ../mnt om; ln -s ../mnt/bin ob
cat ../mnt/d/f x/../../mnt/d/f om/d/f om/../mnt/d/f $O/../mnt/d/f; ls ../mnt/bin/deep om/bin; for p in ../mnt/bin/t om/bin/t ob/t x/y/../../../mnt/bin/t $O/../mnt/lt; do $p; echo $?; done
cd x/y; cat ../../../mnt/d/f; ../../../mnt/bin/t; echo $?; cd /; cat .$M/d/f; .$M/bin/t; echo $?; cd /usr/bin; cat ../..$M/d/f; cd $O
mkdir ../mnt/d/new; echo x >../mnt/d/new/f; mv ../mnt/d/new om/d/old; ln om/d/old/f ../mnt/d/hard; ls om/d; cat om/d/hard om/d/none 2>&1; rmdir ../mnt/d/old 2>&1; rm -r om/d; ls om

#: up-and-out
cd $M; echo x >f; mkdir d; ls ..; ls ../other; ls -d ../mnt; cat ../mnt/f; (cd -P ..; pwd -P); echo y >../side; cat ../side $O/../side; mkdir ../made; ls ..; mv f ../made/ 2>&1; cat ../made/f; ln ../side l 2>&1
cd d; cat ../../side; ls ../..; realpath ../.. ../../side; cd $M/sub; ls .. | sort; cat ../../side; cd ..; pwd -P; cd $O/in; cat ../../side; ls ..; python3 - <<'PY'
import os, socket
d = os.open(".", os.O_RDONLY); u = os.open("..", os.O_RDONLY); uu = os.open("..", os.O_RDONLY, dir_fd=u)
print(os.readlink(f"/proc/self/fd/{uu}"), os.path.exists("../../side"), os.stat("../side", dir_fd=u).st_size)
os.fchdir(u); print(os.getcwd(), sorted(os.listdir("..")) == sorted(os.listdir(uu)))
os.chdir(f"/proc/self/fd/{d}/.."); print(os.getcwd(), os.path.realpath(f"/proc/self/fd/{d}/../.."))
os.chdir(os.environ["M"]); s = socket.socket(socket.AF_UNIX); s.bind("../sk"); s.listen(); socket.socket(socket.AF_UNIX).connect("../mnt/../sk")
os.symlink("../side", "ln"); print(open("ln").read()); os.truncate("../side", 1); print(os.path.getsize("../side"))
PY

#: in-a-repository
cd $R/emptydir; pwd -P; echo 1 >f; mkdir -p d/e; ls $R/emptydir; cat ../emptydir/f ../hello.txt; cd d/e; cd ../../..; pwd -P; touch x 2>&1; python3 - <<'PY'
import os
def try_(name, call, *args):
    try:
        print(name, call(*args))
    except OSError as error:
        print(name, os.strerror(error.errno))
R, O = os.environ["R"], os.environ["O"]
T = f"{R}/emptydir"
os.chdir(T)
for name in (T, f"{T}/", f"{R}/dir/../emptydir", f"{T}/none/x", f"{T}/f/x"):
    try_("rmdir", os.rmdir, name); try_("unlink", os.unlink, name)
    for other in (f"{R}/x", f"{R}/none/x", f"{R}/dir/..", "../hello.txt", "/cvmfs/x", f"{O}/x", f"{O}/none/x", T):
        try_(f"rename {other}", os.rename, name, other); try_(f"from {other}", os.rename, other, name)
try_("mkdir", os.mkdir, T); try_("symlink", os.symlink, "x", T); try_("link", os.link, "../hello.txt", T); try_("in", os.link, "../hello.txt", "h")
try_("out", os.rename, "f", "../f"); try_("within", os.rename, "f", "d/f"); try_("mount?", os.path.ismount, "."); try_("list", lambda: sorted(os.listdir(T)))
PY
find $R/emptydir | sort; rm -r d; ls -A; mkdir $O/empty; rmdir $O/empty

#: what-has-no-name
cd $M; python3 - <<'PY'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
M, O = os.fsencode(os.environ["M"]), os.fsencode(os.environ["O"])
FOLLOW, EMPTY = 0x400, 0x1000
def link(name, fd, old, new, flags):
    print(name, new.replace(M, b"M").replace(O, b"O"), os.strerror(ctypes.get_errno()) if libc.linkat(fd, old, -100, new, flags) else "")
for way in (b".", M, b"../mnt", O, O + b"/in", b"sub"):
    fd = os.open(way, os.O_TMPFILE | os.O_RDWR, 0o600)
    for place in (b"", M + b"/", O + b"/", O + b"/in/", b"sub/", b"../"):
        link(f"{way.decode()} by link", -100, b"/proc/self/fd/%d" % fd, place + b"link%d" % fd, FOLLOW)
        link(f"{way.decode()} by number", fd, b"", place + b"number%d" % fd, EMPTY)
    print(os.fstat(fd).st_nlink, os.readlink(f"/proc/self/fd/{fd}").partition("/#")[0])
fd = os.open("gone", os.O_CREAT | os.O_RDWR); os.unlink("gone")
link("removed", -100, b"/proc/self/fd/%d" % fd, b"again", FOLLOW); link("removed", -100, b"/proc/self/fd/%d" % fd, O + b"/again", FOLLOW)
link("slash", -100, b"link3", O + b"/x/", 0); link("slash", -100, b"link3", b"x/", 0); link("there", -100, b"link3", O + b"/in", 0)
for name in (M, M + b"/", b"../mnt", O + b"/in"):
    for other in (M, b"../mnt", O + b"/in", M + b"2"):
        for flags in (0, 1, 2):
            print(name[-3:], other[-3:], flags, os.strerror(ctypes.get_errno()) if libc.renameat2(-100, name, -100, other, flags) else "")
PY

#: messages
cd $M; mkdir s; python3 - <<'PY'
import array, os, socket
M, O = os.environ["M"], os.environ["O"]
def try_(name, call, *args):
    try:
        print(name, call(*args))
    except OSError as error:
        print(name, os.strerror(error.errno))
make = lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
to, by = make(), make()
to.bind("s/to"); to.settimeout(60); by.bind(f"{M}/s/by"); os.symlink(f"{M}/s/to", f"{O}/link"); open("s/file", "w").close()
rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [os.open("s/file", os.O_RDONLY)]))]
for i, name in enumerate((f"{M}/s/to", "s/to", "../mnt/s/to", f"{O}/link", f"{O}/../mnt/s/to", "/proc/self/cwd/s/to")):
    try_(name, by.sendmsg, [b"%d" % i, b"!"], rights, 0, name)
    told, descriptors, _, _ = socket.recv_fds(to, 9, 9)
    print(told, [os.readlink(f"/proc/self/fd/{fd}") for fd in descriptors])
for name in (f"{M}/s/none", f"{M}/none/x", f"{M}/s/file", f"{M}/s", f"{M}/s/to/"):
    try_(name, by.sendmsg, [b"x"], [], 0, name)
by.connect(f"{M}/s/to"); try_("connected", by.sendmsg, [b"y"], rights); print(to.recv(9))
PY
