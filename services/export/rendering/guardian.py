"""Runs a child process that leaves nothing behind: no process of its own, no directory, however it or its parent ends.

    python -I -S guardian.py '{"argv": [...], "lifeline": 5, ...}'

A program of its own, with the standard library only: it starts in a few hundredths of a second, has one thread, and is
still there when the worker is killed with SIGKILL. The worker holds the other end of a pipe (`lifeline`); when that
closes, for any reason, the guardian kills the child with all processes that it has started, removes the given
directories, and ends.

Exit status: that of the child; 128 + n if signal n ended it; OUT_OF_MEMORY if it was killed for its memory; CANNOT_RUN
if it could not be started.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

OUT_OF_MEMORY = 97
CANNOT_RUN = 98
READY = b"."
"""Written to the status pipe when the child is about to be started; before it, one line per missing protection."""

_LOOK_S = 0.5
"""Interval between two looks at the memory of the processes."""
_FAR_FD = 64
_TRIES, _TRY_S = 40, 0.05
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h


def main(task: dict[str, Any]) -> int:
    """Runs the child until it ends or the lifeline closes; returns the exit status.

    Two processes watch, one the other: each of them may be killed.

    Args:
        task: `argv`; `lifeline` and `status`, open file descriptors; `fds`, the child's further descriptors by number;
            `remove`, directories that end with the child; `owned`, those of them that belong to its user;
            `memory_bytes`, of all its processes together; `file_bytes`, largest file that it may write; `cpu_s`, of
            each process; `nice`; `user`, the numeric user that it runs as (null: this one); `has_network`.
    """
    return _guard(task, lambda: os._exit(_guard_child(task)), sys.maxsize)


def _guard_child(task: dict[str, Any]) -> int:
    for problem in _shut_in(task):
        os.write(task["status"], f"{problem}\n".encode())
    os.write(task["status"], READY)
    return _guard(task, lambda: _become(task), task["memory_bytes"])


def _guard(task: dict[str, Any], become: Callable[[], None], memory_bytes: int) -> int:
    """Forks a process, and ends with it, and all that it has left with this process; returns its exit status."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # children of a dead descendant become children of this process
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == parent:
            become()
        os._exit(CANNOT_RUN)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    status = CANNOT_RUN
    try:
        # Holders of the other ends must notice the child's end.
        for fd in {*task["fds"].values(), 0, 1, task["status"]}:
            os.close(fd)
        status = _watch(child, task["lifeline"], woken, memory_bytes)
    finally:
        _end_all()
        for directory in task["remove"]:
            _remove(directory)
    return status


def _remove(directory: str) -> None:
    """Removes a directory, into which processes of another guardian may still write for a moment."""
    for _ in range(_TRIES):
        shutil.rmtree(directory, ignore_errors=True)
        if not Path(directory).exists():
            return
        time.sleep(_TRY_S)


def _shut_in(task: dict[str, Any]) -> list[str]:
    """Takes the network away; returns sentences about protections that this system does not give."""
    if task["has_network"] or sys.platform != "linux":
        return [] if task["has_network"] else ["no network namespace: this is not Linux"]
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNET) == 0:
        return []
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return [f"no network namespace: {os.strerror(ctypes.get_errno())}"]
    # The process keeps its user.
    for name, content in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        Path(f"/proc/self/{name}").write_text(content)
    return []


def _become(task: dict[str, Any]) -> None:
    """Becomes the child; does not return."""
    try:
        guardian = os.getppid()
        # Descriptors may lie where others have to go.
        moved = {int(number): fcntl.fcntl(fd, fcntl.F_DUPFD, _FAR_FD) for number, fd in task["fds"].items()}
        for number, fd in moved.items():
            os.dup2(fd, number)
        os.closerange(max(2, *moved, 2) + 1, 4096)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (task["file_bytes"],) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (task["cpu_s"],) * 2)
        os.nice(task["nice"])
        if task["user"] is not None:
            for directory in task["owned"]:
                os.chown(directory, task["user"], task["user"])
            os.setgroups([])
            os.setresgid(*(task["user"],) * 3)
            os.setresuid(*(task["user"],) * 3)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of user, which clears it
        if os.getppid() != guardian:
            os._exit(CANNOT_RUN)
        os.execve(task["argv"][0], task["argv"], task["environment"])  # noqa: S606 - no shell is wanted
    except BaseException as error:  # noqa: BLE001 - in a forked child, nothing may pass
        os.write(2, f"cannot start {task['argv'][0]}: {error}\n".encode())
    os._exit(CANNOT_RUN)


def _watch(child: int, lifeline: int, woken: int, memory_bytes: int) -> int:
    while True:
        ready, _, _ = select.select([lifeline, woken], [], [], _LOOK_S)
        if lifeline in ready:
            return 128 + signal.SIGKILL
        if woken in ready and {signal.SIGTERM, signal.SIGINT} & set(os.read(woken, 512)):
            return 128 + signal.SIGKILL
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return CANNOT_RUN
            if pid == child:
                return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
            if pid == 0:
                break
        if sum(map(_memory_of, _descendants(os.getpid()))) > memory_bytes:
            return OUT_OF_MEMORY


def _end_all() -> None:
    """Kills all descendants and waits for their ends: orphans become children of this process."""
    while True:
        for pid in _descendants(os.getpid()):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _descendants(parent: int) -> list[int]:
    found: list[int] = []
    pending = [parent]
    while pending:
        try:
            tasks = list(Path(f"/proc/{pending.pop()}/task").iterdir())
        except OSError:
            continue
        for task in tasks:
            try:
                children = [int(pid) for pid in (task / "children").read_text().split()]
            except OSError:
                continue
            found += children
            pending += children
    return found


def _memory_of(pid: int) -> int:
    """Returns the bytes that a process has for itself or shares by shared memory; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon:", "RssShmem:")))


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
