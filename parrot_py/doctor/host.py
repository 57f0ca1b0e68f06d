"""Probes of the machine: kernel, tracing, filters, limits."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import sys
from collections.abc import Callable, Iterator

from parrot_py.doctor.finding import BAD, GOOD, NOTE, POOR, Finding
from parrot_py.process import read_status

_NR_PIDFD_GETFD, _NR_PROCESS_VM_READV = 438, 310
_PTRACE_REMEDY = (
    "ask for kernel.yama.ptrace_scope 0 or 1; in a container for CAP_SYS_PTRACE (docker run --cap-add SYS_PTRACE) or a "
    "seccomp profile that allows ptrace"
)
_FEW_DESCRIPTORS = 256
_LITTLE_MEMORY = 1 << 30


def probes() -> Iterator[Finding]:
    """Every probe of this module."""
    for probe in (_machine, _python, _tracing, _tracer, _filters, _memory, _descriptors, _host_cvmfs, _alternatives):
        yield probe()
    for limit in _LIMITS:
        yield limit()


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


def _tracing() -> Finding:
    """Yama's switch; what it means for us is tried by the trial run."""
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope") as file:
            scope = int(file.read())
    except (OSError, ValueError):
        return Finding("ptrace_scope", GOOD, "no Yama in this kernel: every process may trace its children")
    meaning = {
        0: "a user may trace all own processes",
        1: "a process may trace its children",
        2: "only with CAP_SYS_PTRACE",
        3: "nobody may trace",
    }.get(scope, "unknown")
    allowed = scope < 2 or (scope == 2 and _capable(19))
    return Finding("ptrace_scope", GOOD if allowed else BAD, f"{scope}: {meaning}", "" if allowed else _PTRACE_REMEDY)


def _capable(capability: int) -> bool:
    return bool(int(read_status(os.getpid()).get("CapEff", "0"), 16) >> capability & 1)


def _tracer() -> Finding:
    status = read_status(os.getpid())
    tracer = status.get("TracerPid", "0").strip()
    if tracer == "0":
        return Finding("tracer", GOOD, "nobody traces us")
    if os.environ.get("PARROT_ENABLED"):
        return Finding("tracer", NOTE, "inside another parrot_run: jobs started here join it")
    return Finding("tracer", BAD, f"process {tracer} traces us", "start parrot_run without strace or gdb around it")


def _filters() -> Finding:
    mode = read_status(os.getpid()).get("Seccomp", "").strip()
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
    got = libc.syscall(_NR_PROCESS_VM_READV, os.getpid(), ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
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


def _descriptor_limit() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FEW_DESCRIPTORS:
        text = f"{soft} open files at most"
        return Finding("ulimit -n", POOR, text, f"raise it (the hard limit is {_named(hard)}): many catalogs are open")
    return Finding("ulimit -n", GOOD, f"{_named(soft)} open files at most")


def _address_space() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return Finding("ulimit -v", GOOD, "no limit on the address space")
    text = f"{soft >> 20} MiB of address space at most"
    if soft < _LITTLE_MEMORY:
        return Finding("ulimit -v", POOR, text, "parrot_run itself takes some 200 MiB: set the limit inside the job")
    return Finding("ulimit -v", NOTE, text)


def _processes() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    return Finding("ulimit -u", GOOD, f"{_named(soft)} processes and threads at most")


def _named(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)


_LIMITS: tuple[Callable[[], Finding], ...] = (_descriptor_limit, _address_space, _processes)
