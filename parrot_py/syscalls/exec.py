"""execve(2), execveat(2): programs, scripts and loaders of ours.

The kernel resolves ``#!`` and PT_INTERP by itself, so both are settled here, before it runs.  What it is given is a
path in the session directory that ends in the job's own name for the program (the process name comes from it) and is at
least as long as the job's path, so that AT_EXECFN can be corrected in place once the program is loaded.
"""

from __future__ import annotations

import errno
import logging
import os
import stat as st
import struct
from typing import NamedTuple

from parrot_py.fdtable import Node
from parrot_py.places import Native, Target, fail
from parrot_py.process import X, file_flags
from parrot_py.syscalls.call import AT_FDCWD, PASS, Answer, Call, Place, Rewrite, handles
from parrot_py.syscalls.early import AT_EXECVE_CHECK

HEAD = 256  # BINPRM_BUF_SIZE
MAX_SCRIPTS = 5
_ARGV_LIMIT = 1 << 20

log = logging.getLogger("parrot_py.process")


class _Program(NamedTuple):
    """A program to start: a node of ours, or (``node is None``) a native file that needs another loader or none."""

    node: Node | None
    file: str  # what it is read from
    ready: bool = False  # the kernel can start it as it is
    name: bytes | None = None  # what the job calls a native one


def _program(call: Call, place: Place) -> _Program:
    """What *place* is as a program; raises EACCES as the kernel does for anything that may not be executed."""
    if isinstance(place, Native):
        if place.magic is not None:
            fail(errno.ELOOP)
        executable = os.path.isfile(place.path) and os.access(place.path, os.X_OK)
        if not executable and os.path.exists(place.path):
            fail(errno.EACCES)  # the kernel is given the interpreter, and does not see this file
        return _Program(None, os.fsdecode(place.path), name=place.name)
    inode = place.found()
    if st.S_ISLNK(inode.mode):
        fail(errno.ELOOP)
    if not st.S_ISREG(inode.mode) or not call.may(inode, X):
        fail(errno.EACCES)
    node = call.node(place)
    return _Program(node, os.fsdecode(call.file_of(node)))


def script_line(head: bytes) -> tuple[bytes, bytes | None]:
    """Interpreter and its one optional argument from the first bytes of a script; ENOEXEC as load_script() says."""
    line, newline, _ = head[2:].partition(b"\n")
    line = line.split(b"\0", 1)[0].strip(b" \t")
    name = line.replace(b"\t", b" ").split(b" ", 1)[0]
    cut_off = not newline and len(head) == HEAD and name == line
    if not name or cut_off:
        fail(errno.ENOEXEC)
    return name, line[len(name) :].strip(b" \t") or None


def _read_head(program: _Program) -> bytes:
    """The first bytes of *program*; those of a node are remembered, for they never change."""
    if program.node is not None and program.node.head is not None:
        return program.node.head
    with open(program.file, "rb") as file:
        head = file.read(HEAD)
    if program.node is not None:
        program.node.head = head
    return head


def _interpreter(call: Call, name: bytes) -> tuple[_Program, bytes]:
    """The interpreter *name* of a script, and its first bytes if it may be a script, too."""
    if call.context.engine.is_native_program(name):
        return _Program(None, os.fsdecode(name), ready=True), b""
    program = _program(call, resolve_interpreter(call, name))
    try:
        return program, _read_head(program)
    except PermissionError:
        return program, b""  # not readable, perhaps still executable: the kernel will tell


def _argv(call: Call, address: int) -> list[int | bytes]:
    """The pointers of the job's argv."""
    pointers: list[int | bytes] = []
    layout = call.layout
    while address and len(pointers) < _ARGV_LIMIT:
        count = max(1, (4096 - address % 4096) // layout.width)  # never past the page that is known to be there
        values = struct.unpack(f"<{count}{layout.pointer}", call.read(address, layout.width * count))
        for value in values:
            if not value:
                return pointers
            pointers.append(value)
        address += layout.width * count
    if address:
        fail(errno.E2BIG)
    return pointers


def resolve_interpreter(call: Call, name: bytes) -> Place:
    """What *name*, which a program has for its interpreter, stands for."""
    base = None if name.startswith(b"/") else os.readlink(b"/proc/%d/cwd" % call.tid)
    return call.resolve(name, base, follow=True)


def _loadable(call: Call, program: _Program) -> tuple[str, bool]:
    """The file that the kernel can load for *program*, and whether it is a copy with another loader."""
    if program.ready:
        return program.file, False
    from parrot_py import elf

    ask = call.context.namespace.ask
    wanted = ask(elf.interpreter, program.file)
    if wanted is not None and call.context.loader is not None:
        loader = _local_loader(call, resolve_interpreter(call, call.context.loader))
        if elf.are_alike(program.file, loader):
            return ask(elf.with_interpreter, program.file, loader, call.context.derived), True
        log.info("%s: not for the loader of -l", program.file)
    if wanted is None or not wanted.startswith(b"/") or call.context.engine.is_native(wanted):
        return program.file, False
    place = resolve_interpreter(call, wanted)
    if isinstance(place, Native) and not place.touched:
        return program.file, False
    return ask(elf.with_interpreter, program.file, _local_loader(call, place), call.context.derived), True


def _local_loader(call: Call, place: Place) -> bytes:
    """The loader at *place* as a file of the host.  Not its object of this session: the copy of the program that names
    it serves later sessions, too.
    """
    if isinstance(place, Native):
        return place.path
    from parrot_py import derived

    node = _program(call, place).node
    assert node is not None
    local: str = call.context.namespace.ask(derived.executable, call.materialise(node), call.context.derived)
    call.context.fdtable.loaders[os.path.realpath(os.fsencode(local))] = node
    return os.fsencode(local)


def _start(call: Call, place: Place, filename: bytes, argv: int, envp: int, closes: bool = False) -> Answer:
    """Start *place*, which the job calls *filename*; *closes*: it is a descriptor that exec closes."""
    program = _program(call, place)
    new_argv: list[int | bytes] | None = None
    script = filename
    head = _read_head(program)
    depth = 0
    while head.startswith(b"#!"):
        depth += 1
        if depth > MAX_SCRIPTS:
            fail(errno.ELOOP)
        if depth == 1 and closes:
            fail(errno.ENOENT)  # the interpreter could not open /dev/fd/N any more
        name, argument = script_line(head)
        rest = new_argv if new_argv is not None else _argv(call, argv)
        new_argv = [name, *([argument] if argument else []), script, *rest[1:]]
        script = name
        program, head = _interpreter(call, name)
    path = _kernel_path(call, program, place, filename)
    arguments: int | list[int | bytes] = argv if new_argv is None else new_argv
    return Rewrite((path, arguments, envp, 0, 0, 0), nr=call.number("execve"), exec_name=filename)


def _kernel_path(call: Call, program: _Program, place: Place, filename: bytes) -> bytes:
    """The path to give the kernel: ends in the job's name for the program, at least as long as *filename*."""
    fdtable, ask = call.context.fdtable, call.context.namespace.ask
    name = os.path.basename(filename.rstrip(b"/")) or b"program"
    if call.name == "execveat" and not call.stop.path[0]:
        # Since Linux 6.14 a program started by descriptor has its own name, or its interpreter's.
        called = program.node.path if program.node is not None else os.fsencode(program.file)
        if called.startswith(b"/proc/") and program.name:  # the descriptor of a file without a name
            called = program.name.rpartition(b" (deleted)")[0] or called
        name = os.path.basename(called)
    file, copied = _loadable(call, program)
    if program.node is not None:
        path: bytes = ask(fdtable.program_of, program.node, file, name)
    else:
        owner = call.node(place) if isinstance(place, Target) else fdtable.native_node(place.path, place.name)
        # A copy is what /proc/PID/exe leads to: the name of the program, which is another one's than a script's.
        itself = fdtable.native_node(os.fsencode(program.file), program.name) if copied else owner
        path = ask(fdtable.program_of, itself, file, name) if copied else fdtable.alias(owner, name, os.fsencode(file))
    folder, base = os.path.split(path)
    return folder + b"/" * max(1, len(filename) - len(folder) - len(base)) + base


def _kernel_knows(place: Place) -> bool:
    """Whether a native name is no file at all: what is wrong with it the kernel finds itself."""
    return isinstance(place, Native) and not place.touched and not os.path.isfile(place.path)


@handles("execve")
def execve(call: Call, place: Place) -> Answer:
    """execve(path, argv, envp): ENOENT, EACCES, ENOEXEC, ELOOP, E2BIG."""
    if _kernel_knows(place):
        return PASS
    return _start(call, place, call.stop.path[0] or b"", call.args[1], call.args[2])


def _check(call: Call, place: Place) -> Answer:
    """Whether *place* may be executed, which is all that is asked; a kernel that does not know the question says so."""
    if isinstance(place, Native) and place.magic is None:
        return Rewrite((AT_FDCWD, place.path, call.args[2], call.args[3], AT_EXECVE_CHECK, 0))
    _program(call, place)
    args = (AT_FDCWD, b"/", call.args[2], call.args[3], AT_EXECVE_CHECK, 0)
    return Rewrite(args, instead_of=errno.EACCES, result=0)


@handles("execveat")
def execveat(call: Call, place: Place) -> Answer:
    """execveat(dirfd, path, argv, envp, flags); with AT_EMPTY_PATH the descriptor itself (fexecve)."""
    flags, path = call.flags(4), call.stop.path[0] or b""
    if not path and _kernel_knows(place):  # a file without a name: of memfd_create, or removed
        assert isinstance(place, Native)
        place = place._replace(path=b"/proc/%d/fd/%d" % (call.tid, call.int32(0)), name=place.path)
    if _kernel_knows(place):
        return PASS
    if path and isinstance(place, Native) and os.path.islink(place.path):
        fail(errno.ELOOP)  # AT_SYMLINK_NOFOLLOW, else the walk had followed it
    if flags & AT_EXECVE_CHECK:
        return _check(call, place)
    closes = False
    if not path.startswith(b"/") and call.int32(0) >= 0:
        closes = bool(file_flags(call.tid, call.int32(0)) & os.O_CLOEXEC)
        path = b"/dev/fd/%d" % call.int32(0) + (b"/" + path if path else b"")
    return _start(call, place, path, call.args[2], call.args[3], closes)
