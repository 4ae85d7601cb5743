"""A filter of system calls (seccomp, BPF) for a program that only computes: threads, but no other process.

What it refuses: to fork, to make or enter namespaces (also of users), to mount, to look into or trace other processes, keys,
kernel modules, BPF, io_uring, every socket but a local one, and to type on a terminal. Imports nothing of ours.

Sources: seccomp(2), linux/filter.h; numbers of the calls: the kernel's arch/x86/entry/syscalls/syscall_64.tbl and
include/uapi/asm-generic/unistd.h.
"""

import errno
import os
import platform
import struct
from collections.abc import Sequence

Program = list[tuple[int, int, int, int]]  # code, jump if true, jump if false, k

LOAD_WORD, JUMP_EQUAL, JUMP_GREATER_EQUAL, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# Offsets in struct seccomp_data, little-endian
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT, SECOND_ARGUMENT_AT = 0, 4, 16, 24
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
X32_BIT = 0x40000000
CLONE_THREAD = 0x00010000
AF_UNIX = 1
TIOCSTI, TIOCLINUX = 0x5412, 0x541C

# The calls whose arguments are checked; further down, those that are always refused
LOOKED_AT = {
    "x86_64": {"clone": 56, "clone3": 435, "socket": 41, "ioctl": 16},
    "aarch64": {"clone": 220, "clone3": 435, "socket": 198, "ioctl": 29},
}
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# io_uring_*, open_tree to fspick, pidfd_getfd, mount_setattr: the same everywhere
REFUSED_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442)
REFUSED = {
    # fork vfork ptrace process_vm_readv process_vm_writev kcmp bpf perf_event_open userfaultfd add_key request_key keyctl
    # mount umount2 pivot_root chroot unshare setns name_to_handle_at open_by_handle_at init_module finit_module delete_module
    # kexec_load kexec_file_load reboot swapon swapoff acct quotactl syslog personality vmsplice iopl ioperm modify_ldt
    "x86_64": (
        *(57, 58, 101, 310, 311, 312, 321, 298, 323, 248, 249, 250),
        *(165, 166, 155, 161, 272, 308, 303, 304, 175, 313, 176),
        *(246, 320, 169, 167, 168, 163, 179, 103, 135, 278, 172, 173, 154),
    ),
    "aarch64": (  # the same without those that it does not have
        *(117, 270, 271, 272, 280, 241, 282, 217, 218, 219),
        *(40, 39, 41, 51, 97, 268, 264, 265, 105, 273, 106),
        *(104, 294, 142, 224, 225, 89, 60, 116, 92, 75),
    ),
}


# Without namespaces of its own, a program could do these to files and processes of this user that it cannot open: chmod fchmod
# chown fchown lchown fchownat fchmodat fchmodat2 setxattr lsetxattr fsetxattr truncate utime utimes futimesat utimensat kill
# tkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal pidfd_open setpriority ioprio_set process_madvise process_mrelease
REFUSED_BESIDE_LANDLOCK = {
    "x86_64": (
        *(90, 91, 92, 93, 94, 260, 268, 452, 188, 189, 190, 76, 132, 235, 261, 280, 62, 200, 129, 297),
        *(424, 434, 141, 251, 440, 448),
    ),
    "aarch64": (52, 53, 54, 55, 452, 5, 6, 7, 45, 88, 129, 130, 138, 240, 424, 434, 140, 30, 440, 448),
}
# Calls whose first argument is a process, and that a program may use for itself, which is 0: prlimit64 sched_setparam
# sched_setscheduler sched_setaffinity sched_setattr
FOR_ITSELF = {"x86_64": (302, 142, 144, 203, 314), "aarch64": (261, 118, 119, 122, 274)}
TGKILL = {"x86_64": 234, "aarch64": 131}  # a signal to a thread: of its own process, for abort() and the like


def is_known(machine: str = platform.machine()) -> bool:
    """Is there a filter for this kind of machine?"""
    return machine in ARCHITECTURES


def threads_only(machine: str = platform.machine(), *, beside_landlock: int = 0) -> bytes:
    """The filter, as an array of struct sock_filter. `beside_landlock`: the id of the process that it is for, if that has no
    namespaces; it then also refuses what they would keep away, and every socket."""
    looked_at = LOOKED_AT[machine]
    program: Program = [
        (LOAD_WORD, 0, 0, ARCHITECTURE_AT),
        (JUMP_EQUAL, 1, 0, ARCHITECTURES[machine]),
        _refusal(errno.ENOSYS),
        (LOAD_WORD, 0, 0, NUMBER_AT),
        (JUMP_GREATER_EQUAL, 0, 1, X32_BIT),
        _refusal(errno.ENOSYS),
    ]
    more = (*REFUSED_BESIDE_LANDLOCK[machine], looked_at["socket"]) if beside_landlock else ()
    for number in (*REFUSED[machine], *REFUSED_EVERYWHERE, *more):
        program += [(JUMP_EQUAL, 0, 1, number), _refusal(errno.EPERM)]
    # The flags of clone3 are in memory, where a filter cannot read them: after ENOSYS, the C library takes clone
    program += [(JUMP_EQUAL, 0, 1, looked_at["clone3"]), _refusal(errno.ENOSYS)]
    program += _unless(looked_at["clone"], FIRST_ARGUMENT_AT, (JUMP_ANY_BIT, 1, 0, CLONE_THREAD), errno.EPERM)
    program += _unless(looked_at["socket"], FIRST_ARGUMENT_AT, (JUMP_EQUAL, 1, 0, AF_UNIX), errno.EAFNOSUPPORT)
    for number in FOR_ITSELF[machine] if beside_landlock else ():
        program += _unless(number, FIRST_ARGUMENT_AT, (JUMP_EQUAL, 1, 0, 0), errno.EPERM)
    if beside_landlock:
        program += _unless(TGKILL[machine], FIRST_ARGUMENT_AT, (JUMP_EQUAL, 1, 0, beside_landlock), errno.EPERM)
    for wish in (TIOCSTI, TIOCLINUX):
        program += _unless(looked_at["ioctl"], SECOND_ARGUMENT_AT, (JUMP_EQUAL, 0, 1, wish), errno.EPERM)
    program.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("<HBBI", *step) for step in program)


def open_filter(content: bytes) -> int:
    """A descriptor of a file in memory that holds `content`, at its beginning. The caller closes it. Errors: OSError."""
    descriptor = os.memfd_create("seccomp")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _refusal(number: int) -> tuple[int, int, int, int]:
    return RETURN, 0, 0, ERRNO | number


def _unless(
    call: int, argument_at: int, test: tuple[int, int, int, int], number: int
) -> Sequence[tuple[int, int, int, int]]:
    """Refuse `call` unless `test` jumps over the refusal. Afterwards the call's number is loaded again."""
    return [
        (JUMP_EQUAL, 0, 4, call),
        (LOAD_WORD, 0, 0, argument_at),
        test,
        _refusal(number),
        (LOAD_WORD, 0, 0, NUMBER_AT),
    ]
