"""Runs a program that can open only the files it is shown: `python -I -S landlock.py '{"read": [...], ...}' PROGRAM ARGUMENTS…`.

For hosts where bubblewrap does not work. Landlock (Linux 5.13 and newer) restricts which files a process can open, and needs no
right to do so. It does not restrict what is done to a file by its name (its mode, owner, times), local sockets, new processes,
and what is done to others of this user: signals, limits, priorities. The filter of system calls (seccomp.py) refuses these.

It runs as a program of its own between two others, as bwrap does, and imports nothing of ours but seccomp.py beside it.

Source: landlock(7); linux/landlock.h.
"""

import ctypes
import json
import os
import stat
import struct
import sys
from collections.abc import Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # system calls, the same on every machine
VERSION = 1  # flag of CREATE_RULESET: say which version of Landlock the kernel has
PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_DIR, MAKE_REGULAR = 1 << 7, 1 << 8
REFER, TRUNCATE, IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
# the rights that a version of Landlock knows: all of them are refused, except where a rule gives them
KNOWN_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
TCP = 0b11  # to bind and to connect, since version 4
SCOPED = 0b11  # abstract sockets of others, and signals to them, since version 6

READ = EXECUTE | READ_FILE | READ_DIR
WRITE = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REGULAR | REFER
DEVICE = READ_FILE | WRITE_FILE | IOCTL_DEVICE
OF_FILES = EXECUTE | READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEVICE  # the rights that a rule about a file may give

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """The version of Landlock in this kernel; 0 = none."""
    return max(0, int(_libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION))))


def known_bytes(abi: int) -> int:
    """How many bytes of the attributes of a ruleset this version of Landlock knows."""
    return 8 if abi < 4 else 16 if abi < 6 else 24


def restrict(shown: dict[str, Iterable[str]]) -> None:
    """From now on, this process and what it becomes may open only the paths in `shown`: to "read", to "write", "devices", and
    folders to "list". A path that does not exist is left out. Errors: OSError."""
    abi = version()
    known_rights = KNOWN_FILE_RIGHTS[min(max(abi, 1), 5)]
    attributes = struct.pack("=QQQ", known_rights, TCP if abi >= 4 else 0, SCOPED if abi >= 6 else 0)
    size = ctypes.c_size_t(known_bytes(abi))
    ruleset = _checked(_libc.syscall(CREATE_RULESET, attributes, size, ctypes.c_uint32(0)))
    for kind, rights in (("list", READ_DIR), ("read", READ), ("write", WRITE), ("devices", DEVICE)):
        for path in shown.get(kind, ()):
            _allow(ruleset, path, rights & known_rights)
    _checked(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(_libc.syscall(RESTRICT_SELF, ruleset, ctypes.c_uint32(0)))
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(os.fstat(handle).st_mode):
        rights &= OF_FILES
    rule = struct.pack("=Qi", rights, handle)
    _checked(_libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, ctypes.c_uint32(0)))
    os.close(handle)


def apply_filter(content: bytes) -> None:
    """Apply a filter of system calls to this process and what it becomes. Errors: OSError."""
    steps = ctypes.create_string_buffer(content, len(content))
    program = struct.pack("@HP", len(content) // 8, ctypes.addressof(steps))
    _checked(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _seccomp() -> Any:
    """The module beside this one; with -I nothing of ours can be imported by its name."""
    spec = spec_from_file_location("seccomp", Path(__file__).with_name("seccomp.py"))
    if spec is None or spec.loader is None:
        raise ImportError("seccomp.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(shown: str, *argv: str) -> None:
    """Become `argv`. Errors: OSError."""
    content = _seccomp().threads_only(beside_landlock=os.getpid())  # the program keeps the number
    restrict(json.loads(shown))
    apply_filter(content)
    os.execv(argv[0], argv)  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main(*sys.argv[1:])
