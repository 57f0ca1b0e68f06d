Scripts for test_mounts.py, as mounts_ways.sh: directories of a repository and single files are mounted.  $R/dir is shown at
$O/sw, $R/nested at $R/dir/sub; the file far/f.txt is mounted at $O/f.txt, far/g.txt at $R/hello.txt; far/s at $M/sub.

#: what-is-missing-in-a-repository-shown-elsewhere
cd $O/sw; python3 - <<'PY'
import os
def try_(name, call, *args):
    try:
        print(name, call(*args))
    except OSError as error:
        print(name, os.strerror(error.errno))
M, O, R = (os.environ[name] for name in "MOR")
for name in ("none", "one", "none/", "none/x", "one/x", f"{O}/sw/none", f"{O}/sw/none/", f"{O}/sw/../sw/none", "sub/none", f"{R}/dir/sub/none", f"{R}/dir/sub"):
    try_(f"unlink {name[-9:]}", os.unlink, name); try_("rmdir", os.rmdir, name); try_("mkdir", os.mkdir, name)
    try_("open", os.open, name, os.O_CREAT | os.O_RDWR); try_("link", os.link, name, "new"); try_("symlink", os.symlink, "x", name)
os.mkfifo(f"{O}/pipe"); try_("rename", os.rename, "none", f"{O}/pipe"); try_("back", os.rename, f"{O}/pipe", "none")
PY

#: two-mounts-of-one-tree
python3 - <<'PY'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
M, O, R = (os.fsencode(os.environ[name]) for name in "MOR")
names = (O + b"/sw", O + b"/sw/one", O + b"/sw/none", O + b"/sw/sub/leaf", R + b"/dir", R + b"/dir/one", R + b"/dir/sub", R + b"/dir/sub/sub", R + b"/dir/sub/none", R + b"/big.bin", R + b"/none/x", O + b"/sw/..")
for name in names:
    for other in (*names, O + b"/new"):
        told = [os.strerror(ctypes.get_errno()) if libc.renameat2(-100, name, -100, other, flags) else "" for flags in (0, 1, 2)]
        linked = os.strerror(ctypes.get_errno()) if libc.link(name, other) else ""
        print(name[-9:], other[-9:], told, linked)
PY

#: renames-at-mount-points
cd $O; echo x >file; mkdir dir full full/x; mkdir $M/dir; echo y >$M/file; python3 - <<'PY'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
names = [b"in", b"in/", b"f.txt", b"f.txt/", b"sw", b"file", b"file/", b"dir", b"full", b"none", b"none/", b".", b"..", b"in/.."]
at = {b"in", b"f.txt", b"sw"}
for place in ("O", "M"):
    os.chdir(os.environ[place])
    for name in [b"sub"] + names:
        for other in [b"sub"] + names:
            if {name.strip(b"/"), other.strip(b"/")} & (at if place == "O" else {b"sub"}):
                told = [os.strerror(ctypes.get_errno()) if libc.renameat2(-100, name, -100, other, flags) else "" for flags in (0, 1, 2)]
                print(place, name, other, told)
os.chdir(os.environ["O"])
for name in (b"in", b"in/", b"f.txt", b"f.txt/", b"sw", b"sw/"):
    print(name, *(os.strerror(ctypes.get_errno()) if call(name) else "" for call in (libc.unlink, libc.rmdir)))
os.chmod("../other", 0o555)
for name, other in ((b"in", b"dir"), (b"in", b"f.txt"), (b"file", b"in"), (b"sw", b"none"), (b"in", b"in")):
    print(name, other, os.strerror(ctypes.get_errno()) if libc.rename(name, other) else "")
os.chmod("../other", 0o755)
PY
find . | sort

#: files-that-are-mounted
cat $O/f.txt $R/hello.txt; cd $O; echo more >>f.txt; cat f.txt; wc -c <f.txt; stat -c '%n %F %s %h' f.txt $R/hello.txt; ln f.txt hard 2>&1; mv f.txt moved 2>&1; rm f.txt 2>&1; realpath f.txt; echo x >$R/hello.txt; cat $R/hello.txt; rm -f $R/hello.txt 2>&1
python3 -c 'import os; f = os.open("f.txt", os.O_RDONLY); print(os.readlink(f"/proc/self/fd/{f}") == os.environ["O"] + "/f.txt", os.path.exists("f.txt/"), os.path.exists("f.txt/.."))'
chmod 640 f.txt; stat -c %a f.txt; truncate -s 1 f.txt; wc -c f.txt; cp f.txt $R/hello.txt; cat $R/hello.txt | wc -c; ls $O; touch -d @5 f.txt; stat -c %Y f.txt; sed -i s/x/y/ f.txt 2>&1 | sed 's/sed[A-Za-z0-9]*//g'

#: links-that-are-open
ln -s $M $O/to; ln -s ../mnt $O/near; ln -s f.txt $O/file; python3 - <<'PY'
import os
def try_(name, call, *args, **more):
    try:
        print(name, call(*args, **more))
    except OSError as error:
        print(name, os.strerror(error.errno))
O, R = os.environ["O"], os.environ["R"]
os.chdir(O)
for name in ("to", "near", "file", "sw", "/proc/self/cwd", "/proc/self/root", f"{R}/links/dir", "sw/one"):
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW)
    for below in ("sub", "x/y", "..", ".", "sub/../..", "sub/"):
        try_(f"{name[-9:]} {below}", lambda: os.stat(below, dir_fd=fd).st_mode)
    try_("mkdir", os.mkdir, "sub/new", dir_fd=fd); try_("open", os.open, "sub/f", os.O_CREAT | os.O_RDWR, dir_fd=fd); try_("readlink", os.readlink, "", dir_fd=fd)
PY

#: scripts-by-links-of-proc
cp /bin/dash $M/sub/sh; printf '#!%s/sub/sh\necho script $0; readlink /proc/$$/exe\n' $M >$O/s.sh; printf '#!%s/bin/report-static\n' $R >$O/r.sh; chmod 755 $O/*.sh; cd $O; python3 - <<'PY'
import os, re, subprocess
me, O = os.getpid(), os.environ["O"]
here = os.open(".", os.O_RDONLY)
for script in ("s.sh", "r.sh"):
    fd = os.open(script, os.O_PATH)
    for name in (f"/proc/self/cwd/{script}", f"/proc/{me}/cwd/{script}", f"/proc/{me}/fd/{fd}", f"/proc/{me}/fd/{here}/{script}", f"/proc/self/root{O}/{script}", f"/proc/thread-self/cwd/{script}"):
        told = subprocess.run([name], capture_output=True)
        print(name.replace(str(me), "PID"), told.returncode, re.sub(rb"/proc/\d+", b"/proc/N", told.stdout[:60]), told.stderr[-40:])
PY
