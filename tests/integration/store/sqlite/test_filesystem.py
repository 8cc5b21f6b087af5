"""The bot checks by name and by trial whether a file system may hold the store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import StoreError
from bot.store.sqlite import check_folder
from bot.store.sqlite.filesystem import Mounted, _shared, mounted

FIT = ["ext4", "ext3", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "f2fs", "bcachefs", "jfs", "fuseblk"]
FIT += ["apfs", "fuse.fuse-overlayfs", "ramfs", "reiserfs", "aufs"]
UNFIT = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "fuse",
    "fuse.sshfs",
    "fuse.s3fs",
    "fuse.gcsfuse",
    "fuse.rclone",
    "9p",
]
UNFIT += ["virtiofs", "ceph", "fuse.ceph", "fuse.glusterfs", "fuse.grpcfuse", "lustre", "vboxsf", "davfs"]


def mounts(tmp_path: Path, kind: str, *, at: Path | str | None = None, options: str = "rw") -> Path:
    """Write a mountinfo in which the folder lies on a file system of this type."""
    file = tmp_path / "mountinfo"
    where = str(at or tmp_path / "data").replace(" ", "\\040")
    file.write_text(
        "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
        "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"
        f"30 27 0:33 / {where} rw,relatime shared:2 master:1 - {kind} host:/export {options}\n"
    )
    return file


@pytest.mark.parametrize("kind", UNFIT)
@pytest.mark.parametrize("name", ["data", "a folder/data"])
def test_a_remote_file_system_is_refused_by_name_with_a_remedy(tmp_path: Path, kind: str, name: str) -> None:
    folder = tmp_path / name
    told = mounts(tmp_path, kind, at=folder)
    folder.mkdir(parents=True)
    todo = f"MEMBRANE_DATA.*MEMBRANE_ALLOW_FILESYSTEM={kind} "
    with pytest.raises(StoreError, match=f"on {kind} .*{todo}") as raised:
        check_folder(folder, mounts=told)
    assert str(folder) in str(raised.value)
    assert list(folder.iterdir()) == [], "nothing was written"
    check_folder(folder, allowed=kind, mounts=told)
    with pytest.raises(StoreError):
        check_folder(folder, allowed="ext4", mounts=told)


@pytest.mark.parametrize("kind", FIT)
def test_a_local_disk_is_never_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    check_folder(folder, mounts=mounts(tmp_path, kind))
    assert list(folder.iterdir()) == [], "the trial leaves no file"


def test_the_innermost_and_last_mount_counts_and_a_sibling_does_not(tmp_path: Path) -> None:
    told = mounts(tmp_path, "nfs4", at="/srv").read_text()
    told += "31 30 0:34 / /srv/data rw - xfs /dev/sdb rw\n32 31 0:35 / /srv/data rw - tmpfs none rw\n"
    assert mounted(Path("/srv/data/x"), told) == Mounted("tmpfs", "/srv/data")
    assert mounted(Path("/srv/other"), told) == Mounted("nfs4", "/srv")
    assert mounted(Path("/srv-too"), told) == Mounted("ext4", "/")
    assert mounted(Path("/x"), "nonsense\n\n1 2 3\n - \n") is None


def test_an_overlay_is_judged_by_its_upper_folder(tmp_path: Path) -> None:
    folder, upper = tmp_path / "data", tmp_path / "upper"
    folder.mkdir()
    upper.mkdir()
    file = mounts(tmp_path, "overlay", options=f"rw,lowerdir=/l,upperdir={upper},workdir=/w")
    check_folder(folder, mounts=file)
    file.write_text(file.read_text() + f"40 27 0:40 / {upper} rw - nfs host:/e rw\n")
    with pytest.raises(StoreError, match="on nfs"):
        check_folder(folder, mounts=file)


def test_a_folder_that_does_not_exist_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="on nfs4"):
        check_folder(tmp_path / "new" / "data", mounts=mounts(tmp_path, "nfs4", at=tmp_path))
    check_folder(tmp_path / "new" / "data")
    assert not (tmp_path / "new").exists()


def test_a_folder_is_still_tried_without_a_list_of_mounts(tmp_path: Path) -> None:
    check_folder(tmp_path, mounts=tmp_path / "none")


def test_the_trial_reveals_a_database_without_a_write_ahead_log() -> None:
    with closing(sqlite3.connect(":memory:")) as one, closing(sqlite3.connect(":memory:")) as other:
        assert _shared(one, other) == "SQLite keeps the journal mode memory"
