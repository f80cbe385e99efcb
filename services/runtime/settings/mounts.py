"""File systems of directories, from the kernel's list of mounts (Linux only)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mountinfo")

_NETWORK: Final = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|lustre|gpfs|beegfs|ncpfs|coda|davfs"
    r"|fuse\.(sshfs|s3fs|glusterfs|juicefs|rclone|gcsfuse|goofys|davfs2?|cephfs|blobfuse2?|curlftpfs|mount-s3|nfs.*)"
)
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def network_file_system(directory: Path, mounts: Path = MOUNTS) -> str | None:
    """Returns the type of a directory's file system if that is on another machine, such as "nfs4".

    Args:
        directory: It need not exist.
        mounts: A list of mounts, in the format of /proc/self/mountinfo (man 5 proc).
    """
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    place = directory.resolve()
    found, depth = None, -1
    for line in lines:
        before, _, after = line.partition(" - ")
        words = before.split()
        if len(words) < 5 or not after:
            continue
        point = Path(_ESCAPED.sub(lambda code: chr(int(code[1], 8)), words[4]))
        if place.is_relative_to(point) and len(point.parts) >= depth:  # a later mount covers an earlier one
            found, depth = after.split()[0], len(point.parts)
    return found if found and _NETWORK.fullmatch(found) else None
