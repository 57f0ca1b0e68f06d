"""The calls that the kernel runs untouched: every number without a line in the table, and why it needs none.

A group's calls share a reason.  A number that is nowhere, because the kernel that has it is newer than this list,
passes as well: an unknown call that takes a path shows the job the host's files, and nothing worse.
"""

from __future__ import annotations

from typing import NamedTuple

FULL, PARTIAL, REFUSED = "full", "partial", "refused"
"""Support levels: as on a read-only mount; not in all respects, see the note; not at all for names of ours."""


class Group(NamedTuple):
    """Calls (number → name) by ABI, the reason why they are native, and how far that makes them right."""

    x86_64: dict[int, str]
    reason: str
    support: str
    i386: dict[int, str]

    @property
    def calls(self) -> tuple[dict[int, str], dict[int, str]]:
        """The calls, to be indexed by :class:`parrot_py.engine.kinds.Abi`."""
        return self.x86_64, self.i386


def _calls(text: str) -> dict[int, str]:
    pairs = [word.partition(":") for word in text.split()]
    return {int(number): name for number, _, name in pairs}


def _group(reason: str, x86_64: str, support: str = FULL, *, i386: str = "") -> Group:
    return Group(_calls(x86_64), reason, support, _calls(i386))


GROUPS: tuple[Group, ...] = (
    _group(
        "by descriptor, and a descriptor of ours is an open file of the kernel: verified content, never writable",
        """0:read 1:write 3:close 7:poll 8:lseek 17:pread64 18:pwrite64 19:readv 20:writev 22:pipe 23:select 32:dup
        33:dup2 40:sendfile 72:fcntl 73:flock 74:fsync 75:fdatasync 77:ftruncate 187:readahead 213:epoll_create
        221:fadvise64 232:epoll_wait 233:epoll_ctl 270:pselect6 271:ppoll 275:splice 276:tee 277:sync_file_range
        278:vmsplice 281:epoll_pwait 282:signalfd 283:timerfd_create 284:eventfd 285:fallocate 286:timerfd_settime
        287:timerfd_gettime 289:signalfd4 290:eventfd2 291:epoll_create1 292:dup3 293:pipe2 295:preadv 296:pwritev
        306:syncfs 326:copy_file_range 327:preadv2 328:pwritev2 436:close_range 441:epoll_pwait2 451:cachestat""",
        i386="""3:read 4:write 6:close 19:lseek 41:dup 42:pipe 55:fcntl 63:dup2 82:select 93:ftruncate 118:fsync
        140:_llseek 142:_newselect 143:flock 145:readv 146:writev 148:fdatasync 168:poll 180:pread64 181:pwrite64
        187:sendfile 194:ftruncate64 221:fcntl64 225:readahead 239:sendfile64 250:fadvise64 254:epoll_create
        255:epoll_ctl 256:epoll_wait 272:fadvise64_64 308:pselect6 309:ppoll 313:splice 314:sync_file_range 315:tee
        316:vmsplice 319:epoll_pwait 321:signalfd 322:timerfd_create 323:eventfd 324:fallocate 325:timerfd_settime
        326:timerfd_gettime 327:signalfd4 328:eventfd2 329:epoll_create1 330:dup3 331:pipe2 333:preadv 334:pwritev
        344:syncfs 377:copy_file_range 378:preadv2 379:pwritev2 410:timerfd_gettime64 411:timerfd_settime64
        413:pselect6_time64 414:ppoll_time64 436:close_range 441:epoll_pwait2 451:cachestat""",
    ),
    _group(
        "by descriptor; what no file system answers itself concerns the object in the cache",
        "16:ioctl",
        PARTIAL,
        i386="54:ioctl",
    ),
    _group(
        "memory: a map of a file of ours is a map of the object, made by the kernel",
        """9:mmap 10:mprotect 11:munmap 12:brk 25:mremap 26:msync 27:mincore 28:madvise 149:mlock 150:munlock
        151:mlockall 152:munlockall 216:remap_file_pages 237:mbind 238:set_mempolicy 239:get_mempolicy
        256:migrate_pages 279:move_pages 310:process_vm_readv 311:process_vm_writev 319:memfd_create 323:userfaultfd
        325:mlock2 329:pkey_mprotect 330:pkey_alloc 331:pkey_free 440:process_madvise 447:memfd_secret
        448:process_mrelease 450:set_mempolicy_home_node 453:map_shadow_stack 462:mseal""",
        i386="""45:brk 90:mmap 91:munmap 125:mprotect 144:msync 150:mlock 151:munlock 152:mlockall 153:munlockall
        163:mremap 192:mmap2 218:mincore 219:madvise 257:remap_file_pages 274:mbind 275:get_mempolicy 276:set_mempolicy
        294:migrate_pages 317:move_pages 347:process_vm_readv 348:process_vm_writev 356:memfd_create 374:userfaultfd
        376:mlock2 380:pkey_mprotect 381:pkey_alloc 382:pkey_free 440:process_madvise 447:memfd_secret
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
        i386="""1:exit 2:fork 7:waitpid 20:getpid 34:nice 57:setpgid 59:oldolduname 64:getppid 65:getpgrp 66:setsid
        96:getpriority 97:setpriority 109:olduname 113:vm86old 114:wait4 122:uname 123:modify_ldt 132:getpgid
        136:personality 147:getsid 154:sched_setparam 155:sched_getparam 156:sched_setscheduler 157:sched_getscheduler
        158:sched_yield 159:sched_get_priority_max 160:sched_get_priority_min 161:sched_rr_get_interval 166:vm86
        190:vfork 224:gettid 241:sched_setaffinity 242:sched_getaffinity 243:set_thread_area 244:get_thread_area
        252:exit_group 258:set_tid_address 284:waitid 289:ioprio_set 290:ioprio_get 311:set_robust_list
        312:get_robust_list 318:getcpu 349:kcmp 351:sched_setattr 352:sched_getattr 375:membarrier 384:arch_prctl
        386:rseq 423:sched_rr_get_interval_time64 434:pidfd_open 438:pidfd_getfd""",
    ),
    _group(
        "limits, ids and capabilities are the process's own; set-id programs gain nothing (no_new_privs)",
        """95:umask 97:getrlimit 98:getrusage 102:getuid 104:getgid 105:setuid 106:setgid 107:geteuid 108:getegid
        113:setreuid 114:setregid 115:getgroups 116:setgroups 117:setresuid 118:getresuid 119:setresgid
        120:getresgid 122:setfsuid 123:setfsgid 125:capget 126:capset 160:setrlimit 302:prlimit64""",
        i386="""23:setuid 24:getuid 46:setgid 47:getgid 49:geteuid 50:getegid 60:umask 70:setreuid 71:setregid
        75:setrlimit 76:getrlimit 77:getrusage 80:getgroups 81:setgroups 138:setfsuid 139:setfsgid 164:setresuid
        165:getresuid 170:setresgid 171:getresgid 184:capget 185:capset 191:ugetrlimit 199:getuid32 200:getgid32
        201:geteuid32 202:getegid32 203:setreuid32 204:setregid32 205:getgroups32 206:setgroups32 208:setresuid32
        209:getresuid32 210:setresgid32 211:getresgid32 213:setuid32 214:setgid32 215:setfsuid32 216:setfsgid32
        340:prlimit64""",
    ),
    _group(
        "signals are delivered as they come",
        """13:rt_sigaction 14:rt_sigprocmask 15:rt_sigreturn 34:pause 62:kill 127:rt_sigpending 128:rt_sigtimedwait
        129:rt_sigqueueinfo 130:rt_sigsuspend 131:sigaltstack 200:tkill 219:restart_syscall 234:tgkill
        297:rt_tgsigqueueinfo 424:pidfd_send_signal""",
        i386="""0:restart_syscall 29:pause 37:kill 48:signal 67:sigaction 68:sgetmask 69:ssetmask 72:sigsuspend
        73:sigpending 119:sigreturn 126:sigprocmask 173:rt_sigreturn 174:rt_sigaction 175:rt_sigprocmask
        176:rt_sigpending 177:rt_sigtimedwait 178:rt_sigqueueinfo 179:rt_sigsuspend 186:sigaltstack 238:tkill
        270:tgkill 335:rt_tgsigqueueinfo 421:rt_sigtimedwait_time64 424:pidfd_send_signal""",
    ),
    _group(
        "time",
        """35:nanosleep 36:getitimer 37:alarm 38:setitimer 96:gettimeofday 99:sysinfo 100:times 159:adjtimex
        164:settimeofday 201:time 222:timer_create 223:timer_settime 224:timer_gettime 225:timer_getoverrun
        226:timer_delete 227:clock_settime 228:clock_gettime 229:clock_getres 230:clock_nanosleep
        305:clock_adjtime""",
        i386="""13:time 25:stime 27:alarm 43:times 78:gettimeofday 79:settimeofday 104:setitimer 105:getitimer
        116:sysinfo 124:adjtimex 162:nanosleep 259:timer_create 260:timer_settime 261:timer_gettime
        262:timer_getoverrun 263:timer_delete 264:clock_settime 265:clock_gettime 266:clock_getres 267:clock_nanosleep
        343:clock_adjtime 403:clock_gettime64 404:clock_settime64 405:clock_adjtime64 406:clock_getres_time64
        407:clock_nanosleep_time64 408:timer_gettime64 409:timer_settime64""",
    ),
    _group(
        "synchronisation and IPC without names in the file system",
        """29:shmget 30:shmat 31:shmctl 64:semget 65:semop 66:semctl 67:shmdt 68:msgget 69:msgsnd 70:msgrcv 71:msgctl
        202:futex 220:semtimedop 240:mq_open 241:mq_unlink 242:mq_timedsend 243:mq_timedreceive 244:mq_notify
        245:mq_getsetattr 449:futex_waitv 454:futex_wake 455:futex_wait 456:futex_requeue""",
        i386="""117:ipc 240:futex 277:mq_open 278:mq_unlink 279:mq_timedsend 280:mq_timedreceive 281:mq_notify
        282:mq_getsetattr 393:semget 394:semctl 395:shmget 396:shmctl 397:shmat 398:shmdt 399:msgget 400:msgsnd
        401:msgrcv 402:msgctl 418:mq_timedsend_time64 419:mq_timedreceive_time64 420:semtimedop_time64 422:futex_time64
        449:futex_waitv 454:futex_wake 455:futex_wait 456:futex_requeue""",
    ),
    _group(
        "sockets that exist",
        """41:socket 43:accept 45:recvfrom 47:recvmsg 48:shutdown 50:listen 51:getsockname 52:getpeername
        53:socketpair 54:setsockopt 55:getsockopt 288:accept4 299:recvmmsg""",
        i386="""337:recvmmsg 359:socket 360:socketpair 363:listen 364:accept4 365:getsockopt 366:setsockopt
        367:getsockname 368:getpeername 371:recvfrom 372:recvmsg 373:shutdown 417:recvmmsg_time64""",
    ),
    _group(
        "stopping each would slow every local socket down, so it is done only where parrot_run is given mounts or "
        "--dynamic-mounts; without, an address that is a path in a repository is ENOENT",
        "46:sendmsg",
        PARTIAL,
        i386="370:sendmsg",
    ),
    _group(
        "stopping each would slow sockets down; an address that is a path in a repository or of a mount is ENOENT",
        "307:sendmmsg",
        PARTIAL,
        i386="345:sendmmsg",
    ),
    _group(
        "asynchronous I/O on descriptors that are open",
        "206:io_setup 207:io_destroy 208:io_getevents 209:io_submit 210:io_cancel 333:io_pgetevents",
        i386="""245:io_setup 246:io_destroy 247:io_getevents 248:io_submit 249:io_cancel 385:io_pgetevents
        416:io_pgetevents_time64""",
    ),
    _group(
        "needs a ring, and there is none: io_uring_setup is refused",
        "426:io_uring_enter 427:io_uring_register",
        i386="426:io_uring_enter 427:io_uring_register",
    ),
    _group(
        "watches and file handles that exist; a handle of ours cannot be made",
        "253:inotify_init 255:inotify_rm_watch 294:inotify_init1 300:fanotify_init 304:open_by_handle_at",
        i386="291:inotify_init 293:inotify_rm_watch 332:inotify_init1 338:fanotify_init 342:open_by_handle_at",
    ),
    _group(
        "a namespace for the process: names lead to the tempdir there, see limits.md",
        "272:unshare 308:setns",
        PARTIAL,
        i386="310:unshare 346:setns",
    ),
    _group(
        "a file system by device number: those of repositories have none that the kernel knows (EINVAL)",
        "136:ustat 139:sysfs 162:sync",
        i386="36:sync 62:ustat 135:sysfs",
    ),
    _group(
        "mount objects without a name yet",
        "430:fsopen 431:fsconfig 432:fsmount 457:statmount 458:listmount 470:listns",
        i386="430:fsopen 431:fsconfig 432:fsmount 457:statmount 458:listmount 470:listns",
    ),
    _group(
        "restrictions of the process's own; what they forbid they also forbid to what we make of a call",
        """444:landlock_create_ruleset 446:landlock_restrict_self 459:lsm_get_self_attr
        460:lsm_set_self_attr 461:lsm_list_modules""",
        i386="""444:landlock_create_ruleset 446:landlock_restrict_self 459:lsm_get_self_attr
        460:lsm_set_self_attr 461:lsm_list_modules""",
    ),
    _group(
        "a rule for a directory of ours covers its placeholder, not the files in it",
        "445:landlock_add_rule",
        PARTIAL,
        i386="445:landlock_add_rule",
    ),
    _group("a process has one tracer, and that is parrot_run: EPERM", "", PARTIAL, i386="26:ptrace"),
    _group(
        "measuring and filtering by the kernel",
        "298:perf_event_open 321:bpf",
        i386="336:perf_event_open 357:bpf",
    ),
    _group("uprobes, used by the kernel itself", "335:uretprobe 336:uprobe"),
    _group(
        "keys and random numbers",
        "248:add_key 249:request_key 250:keyctl 318:getrandom",
        i386="286:add_key 287:request_key 288:keyctl 355:getrandom",
    ),
    _group(
        "the machine as a whole: for root, and no path of a job's",
        """103:syslog 153:vhangup 168:swapoff 169:reboot 170:sethostname 171:setdomainname 172:iopl 173:ioperm
        175:init_module 176:delete_module 246:kexec_load 313:finit_module 320:kexec_file_load""",
        i386="""74:sethostname 88:reboot 101:ioperm 103:syslog 110:iopl 111:vhangup 115:swapoff 121:setdomainname
        128:init_module 129:delete_module 283:kexec_load 350:finit_module""",
    ),
    _group(
        "gone from the kernel or never there: ENOSYS",
        """134:uselib 156:_sysctl 174:create_module 177:get_kernel_syms 178:query_module 180:nfsservctl 181:getpmsg
        182:putpmsg 183:afs_syscall 184:tuxcall 185:security 212:lookup_dcookie 214:epoll_ctl_old
        215:epoll_wait_old 236:vserver""",
        i386="""17:break 31:stty 32:gtty 35:ftime 44:prof 53:lock 56:mpx 58:ulimit 86:uselib 98:profil 112:idle
        127:create_module 130:get_kernel_syms 134:bdflush 137:afs_syscall 149:_sysctl 167:query_module 169:nfsservctl
        188:getpmsg 189:putpmsg 253:lookup_dcookie 273:vserver""",
    ),
)  # fmt: skip
"""Every call that is native, by reason."""


def names(abi: int) -> dict[int, str]:
    """Number → name of all calls of *abi* that pass."""
    return {number: name for group in GROUPS for number, name in group.calls[abi].items()}
