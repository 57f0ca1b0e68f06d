"""The calls that the kernel runs untouched: every number without a line in the table, and why it needs none.

A group's calls share a reason.  A number that is nowhere, because the kernel that has it is newer than this list,
passes as well: an unknown call that takes a path shows the job the host's files, and nothing worse.
"""

from __future__ import annotations

from typing import NamedTuple

FULL, PARTIAL, REFUSED = "full", "partial", "refused"
"""Support levels: as on a read-only mount; not in all respects, see the note; not at all for names of ours."""


class Group(NamedTuple):
    """Calls (number → name), the reason why they are native, and how far that makes them right for names of ours."""

    calls: dict[int, str]
    reason: str
    support: str = FULL


def _group(reason: str, text: str, support: str = FULL) -> Group:
    pairs = [word.partition(":") for word in text.split()]
    return Group({int(number): name for number, _, name in pairs}, reason, support)


GROUPS: tuple[Group, ...] = (
    _group(
        "by descriptor, and a descriptor of ours is an open file of the kernel: verified content, never writable",
        """0:read 1:write 3:close 7:poll 8:lseek 17:pread64 18:pwrite64 19:readv 20:writev 22:pipe 23:select 32:dup
        33:dup2 40:sendfile 72:fcntl 73:flock 74:fsync 75:fdatasync 77:ftruncate 187:readahead 213:epoll_create
        221:fadvise64 232:epoll_wait 233:epoll_ctl 270:pselect6 271:ppoll 275:splice 276:tee 277:sync_file_range
        278:vmsplice 281:epoll_pwait 282:signalfd 283:timerfd_create 284:eventfd 285:fallocate 286:timerfd_settime
        287:timerfd_gettime 289:signalfd4 290:eventfd2 291:epoll_create1 292:dup3 293:pipe2 295:preadv 296:pwritev
        306:syncfs 326:copy_file_range 327:preadv2 328:pwritev2 436:close_range 441:epoll_pwait2 451:cachestat""",
    ),
    _group(
        "by descriptor; what no file system answers itself concerns the object in the cache",
        "16:ioctl",
        PARTIAL,
    ),
    _group(
        "memory: a map of a file of ours is a map of the object, made by the kernel",
        """9:mmap 10:mprotect 11:munmap 12:brk 25:mremap 26:msync 27:mincore 28:madvise 149:mlock 150:munlock
        151:mlockall 152:munlockall 216:remap_file_pages 237:mbind 238:set_mempolicy 239:get_mempolicy
        256:migrate_pages 279:move_pages 310:process_vm_readv 311:process_vm_writev 319:memfd_create 323:userfaultfd
        325:mlock2 329:pkey_mprotect 330:pkey_alloc 331:pkey_free 440:process_madvise 447:memfd_secret
        448:process_mrelease 450:set_mempolicy_home_node 453:map_shadow_stack 462:mseal""",
    ),
    _group(
        "processes and threads: the engine follows every new one by itself",
        """24:sched_yield 39:getpid 57:fork 58:vfork 60:exit 61:wait4 63:uname 109:setpgid 110:getppid 111:getpgrp
        112:setsid 121:getpgid 124:getsid 135:personality 140:getpriority 141:setpriority 142:sched_setparam
        143:sched_getparam 144:sched_setscheduler 145:sched_getscheduler 146:sched_get_priority_max
        147:sched_get_priority_min 148:sched_rr_get_interval 154:modify_ldt 158:arch_prctl 186:gettid
        203:sched_setaffinity 204:sched_getaffinity 205:set_thread_area 211:get_thread_area 218:set_tid_address
        231:exit_group 247:waitid 251:ioprio_set 252:ioprio_get 273:set_robust_list 274:get_robust_list 309:getcpu
        312:kcmp 314:sched_setattr 315:sched_getattr 324:membarrier 334:rseq 434:pidfd_open 438:pidfd_getfd""",
    ),
    _group(
        "limits, ids and capabilities are the process's own; set-id programs gain nothing (no_new_privs)",
        """95:umask 97:getrlimit 98:getrusage 102:getuid 104:getgid 105:setuid 106:setgid 107:geteuid 108:getegid
        113:setreuid 114:setregid 115:getgroups 116:setgroups 117:setresuid 118:getresuid 119:setresgid
        120:getresgid 122:setfsuid 123:setfsgid 125:capget 126:capset 160:setrlimit 302:prlimit64""",
    ),
    _group(
        "signals are delivered as they come",
        """13:rt_sigaction 14:rt_sigprocmask 15:rt_sigreturn 34:pause 62:kill 127:rt_sigpending 128:rt_sigtimedwait
        129:rt_sigqueueinfo 130:rt_sigsuspend 131:sigaltstack 200:tkill 219:restart_syscall 234:tgkill
        297:rt_tgsigqueueinfo 424:pidfd_send_signal""",
    ),
    _group(
        "time",
        """35:nanosleep 36:getitimer 37:alarm 38:setitimer 96:gettimeofday 99:sysinfo 100:times 159:adjtimex
        164:settimeofday 201:time 222:timer_create 223:timer_settime 224:timer_gettime 225:timer_getoverrun
        226:timer_delete 227:clock_settime 228:clock_gettime 229:clock_getres 230:clock_nanosleep
        305:clock_adjtime""",
    ),
    _group(
        "synchronisation and IPC without names in the file system",
        """29:shmget 30:shmat 31:shmctl 64:semget 65:semop 66:semctl 67:shmdt 68:msgget 69:msgsnd 70:msgrcv 71:msgctl
        202:futex 220:semtimedop 240:mq_open 241:mq_unlink 242:mq_timedsend 243:mq_timedreceive 244:mq_notify
        245:mq_getsetattr 449:futex_waitv 454:futex_wake 455:futex_wait 456:futex_requeue""",
    ),
    _group(
        "sockets that exist",
        """41:socket 43:accept 45:recvfrom 47:recvmsg 48:shutdown 50:listen 51:getsockname 52:getpeername
        53:socketpair 54:setsockopt 55:getsockopt 288:accept4 299:recvmmsg""",
    ),
    _group(
        "stopping each would slow every local socket down; an address that is a path in a repository is ENOENT",
        "46:sendmsg 307:sendmmsg",
        PARTIAL,
    ),
    _group(
        "asynchronous I/O on descriptors that are open",
        "206:io_setup 207:io_destroy 208:io_getevents 209:io_submit 210:io_cancel 333:io_pgetevents",
    ),
    _group(
        "needs a ring, and there is none: io_uring_setup is refused",
        "426:io_uring_enter 427:io_uring_register",
    ),
    _group(
        "watches and file handles that exist; a handle of ours cannot be made",
        "253:inotify_init 255:inotify_rm_watch 294:inotify_init1 300:fanotify_init 304:open_by_handle_at",
    ),
    _group(
        "a namespace for the process: names lead to the tempdir there, see limits.md",
        "272:unshare 308:setns",
        PARTIAL,
    ),
    _group(
        "a file system by device number: those of repositories have none that the kernel knows (EINVAL)",
        "136:ustat 139:sysfs 162:sync",
    ),
    _group(
        "mount objects without a name yet",
        "430:fsopen 431:fsconfig 432:fsmount 457:statmount 458:listmount 470:listns",
    ),
    _group(
        "restrictions of the process's own; what they forbid they also forbid to what we make of a call",
        """317:seccomp 444:landlock_create_ruleset 446:landlock_restrict_self 459:lsm_get_self_attr
        460:lsm_set_self_attr 461:lsm_list_modules""",
    ),
    _group(
        "a rule for a directory of ours covers its placeholder, not the files in it",
        "445:landlock_add_rule",
        PARTIAL,
    ),
    _group(
        "tracing: a process has one tracer, and that is parrot_run, so a second one gets EPERM",
        "101:ptrace",
        PARTIAL,
    ),
    _group("measuring and filtering by the kernel", "298:perf_event_open 321:bpf"),
    _group("uprobes, used by the kernel itself", "335:uretprobe 336:uprobe"),
    _group(
        "keys and random numbers",
        "248:add_key 249:request_key 250:keyctl 318:getrandom",
    ),
    _group(
        "the machine as a whole: for root, and no path of a job's",
        """103:syslog 153:vhangup 168:swapoff 169:reboot 170:sethostname 171:setdomainname 172:iopl 173:ioperm
        175:init_module 176:delete_module 246:kexec_load 313:finit_module 320:kexec_file_load""",
    ),
    _group(
        "gone from the kernel or never there: ENOSYS",
        """134:uselib 156:_sysctl 174:create_module 177:get_kernel_syms 178:query_module 180:nfsservctl 181:getpmsg
        182:putpmsg 183:afs_syscall 184:tuxcall 185:security 212:lookup_dcookie 214:epoll_ctl_old
        215:epoll_wait_old 236:vserver""",
    ),
)  # fmt: skip
"""Every call that is native, by reason."""


def names() -> dict[int, str]:
    """Number → name of all calls that pass."""
    return {number: name for group in GROUPS for number, name in group.calls.items()}
