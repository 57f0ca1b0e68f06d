"""Probes of the machine: kernel, tracing, filters."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Iterator

from parrot_py.doctor.finding import BAD, GOOD, NOTE, POOR, Finding
from parrot_py.process import proc_trouble, read_status

PTRACE_SCOPE = "/proc/sys/kernel/yama/ptrace_scope"
_CAP_SYS_PTRACE = 19
_NR_PIDFD_GETFD, _NR_PROCESS_VM_READV = 438, 310
_PTRACE_REMEDY = (
    "ask for kernel.yama.ptrace_scope 0 or 1; in a container for CAP_SYS_PTRACE (docker run --cap-add SYS_PTRACE) or a "
    "seccomp profile that allows ptrace"
)


def probes() -> Iterator[Finding]:
    """Every probe of this module."""
    for probe in (_machine, _python, _proc, _tracing, _tracer, _filters, _memory, _descriptors, _host_cvmfs):
        yield probe()
    yield _alternatives()


def _machine() -> Finding:
    system = os.uname()
    text = f"{system.sysname} {system.release} {system.machine}"
    if system.sysname != "Linux" or system.machine != "x86_64":
        return Finding("machine", BAD, text, "parrot_run needs Linux on x86_64")
    return Finding("machine", GOOD, text)


def _python() -> Finding:
    text = f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})"
    try:
        import parrot_py.engine._core  # noqa: F401
    except ImportError as error:
        return Finding("engine", BAD, f"{text}: {error}", "install again; compiling the engine needs a C compiler")
    return Finding("engine", GOOD, text)


def _proc() -> Finding:
    trouble = proc_trouble()
    if trouble:
        return Finding("/proc", BAD, trouble, "mount it: mount -t proc proc /proc, bwrap --proc /proc")
    return Finding("/proc", GOOD, "shows our processes")


def _tracing() -> Finding:
    """Yama's switch; what it means for us is tried by the trial run."""
    try:
        with open(PTRACE_SCOPE) as file:
            scope = int(file.read())
    except (OSError, ValueError):
        return Finding("ptrace_scope", GOOD, "no Yama in this kernel: every process may trace its children")
    return yama(scope, capable=_capable(_CAP_SYS_PTRACE))


def yama(scope: int, *, capable: bool) -> Finding:
    """What a level of Yama means for a user with or without CAP_SYS_PTRACE."""
    meaning = {
        0: "a user may trace all own processes",
        1: "a process may trace its children",
        2: "only with CAP_SYS_PTRACE",
        3: "nobody may trace",
    }.get(scope, "unknown")
    allowed = scope < 2 or (scope == 2 and capable)
    return Finding("ptrace_scope", GOOD if allowed else BAD, f"{scope}: {meaning}", "" if allowed else _PTRACE_REMEDY)


def _capable(capability: int) -> bool:
    return bool(int(_status().get("CapEff", "0"), 16) >> capability & 1)


def _status() -> dict[str, str]:
    """What /proc tells of this process; nothing where it is not there, which has a line of its own."""
    try:
        return read_status(os.getpid())
    except OSError:
        return {}


def _tracer() -> Finding:
    # The engine may be what does not work here.
    from parrot_py.joining import inside

    status = _status()
    tracer = status.get("TracerPid", "0").strip()
    if inside(os.environ):
        return Finding("tracer", NOTE, "inside another parrot_run: jobs started here join it")
    if tracer == "0":
        return Finding("tracer", GOOD, "nobody traces us")
    return Finding("tracer", BAD, f"process {tracer} traces us", "start parrot_run without strace or gdb around it")


def _filters() -> Finding:
    mode = _status().get("Seccomp", "").strip()
    if not mode and proc_trouble():
        return Finding("seccomp", NOTE, "cannot be told without /proc")
    if not mode:
        text = "the kernel has no seccomp: every system call of a job stops twice"
        return Finding("seccomp", POOR, text, "a kernel with CONFIG_SECCOMP_FILTER")
    outer = {"0": "no filter around us", "1": "strict mode", "2": "a filter is around us (container)"}.get(mode, mode)
    return Finding("seccomp", GOOD, outer)


def _memory() -> Finding:
    """process_vm_readv on ourselves."""

    class Span(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    source, target = ctypes.create_string_buffer(b"probe"), ctypes.create_string_buffer(8)
    local, remote = Span(ctypes.addressof(target), 5), Span(ctypes.addressof(source), 5)
    libc = ctypes.CDLL(None, use_errno=True)
    # The seventh argument lies on the stack, where half of an int is what was there before.
    one, flags = ctypes.c_ulong(1), ctypes.c_ulong(0)
    got = libc.syscall(
        _NR_PROCESS_VM_READV, os.getpid(), ctypes.byref(local), one, ctypes.byref(remote), one, flags
    )
    if got == 5:
        return Finding("process_vm_readv", GOOD, "works")
    text = f"{os.strerror(ctypes.get_errno())}: paths are read word by word, slowly"
    return Finding("process_vm_readv", POOR, text, "allow it where ptrace is allowed (CONFIG_CROSS_MEMORY_ATTACH)")


def _descriptors() -> Finding:
    """pidfd_getfd on ourselves."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        pidfd = os.pidfd_open(os.getpid())
    except (AttributeError, OSError) as error:
        return Finding("pidfd_getfd", NOTE, f"no pidfd_open ({error}): listing our directories takes two stops")
    try:
        got = libc.syscall(_NR_PIDFD_GETFD, pidfd, pidfd, 0)
    finally:
        os.close(pidfd)
    if got < 0:
        reason = os.strerror(ctypes.get_errno())
        return Finding("pidfd_getfd", NOTE, f"{reason}: listing our directories takes two stops")
    os.close(got)
    return Finding("pidfd_getfd", GOOD, "works")


def _host_cvmfs() -> Finding:
    if not os.path.isdir("/cvmfs"):
        return Finding("/cvmfs of the host", GOOD, "there is none: everything below /cvmfs is ours")
    try:
        names = sorted(os.listdir("/cvmfs"))
    except OSError as error:
        return Finding("/cvmfs of the host", NOTE, f"cannot be listed: {error.strerror}")
    shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    return Finding("/cvmfs of the host", NOTE, f"is there ({shown or 'empty'}); built-in repositories use it first")


def _alternatives() -> Finding:
    """What this machine would allow besides: nobody needs it here."""
    fuse = os.access("/dev/fuse", os.R_OK | os.W_OK)
    try:
        with open("/proc/sys/user/max_user_namespaces") as file:
            namespaces = int(file.read()) > 0
    except (OSError, ValueError):
        namespaces = False
    text = f"FUSE {'may' if fuse else 'may not'} be used, user namespaces are {'on' if namespaces else 'off'}"
    return Finding("not needed", GOOD, text)
