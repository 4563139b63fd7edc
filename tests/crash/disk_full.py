"""The store's disk fills up and is freed again, many times, under load, and the daemon never ends.

A small tmpfs is the disk; a second file on it takes and gives back the space. While it is full the slot may not move
past what is stored, afterwards all must come within ten seconds, from the same process.
"""
import errno
import os
import subprocess
import time

from tests.support import places
from tests.support.pgserver import lsn

from .scene import Result, Scene, verdict

SIZE_MIB = 192
RESUME_SECONDS = 10
FULL_SECONDS = 1.0


def run(rounds, seed, variant="release"):
    name = "full disk"
    if os.geteuid() != 0:
        return [Result(name, "skipped", "mounting a tmpfs needs root")]
    mount = places.scratch("disk")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(mount)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        return [Result(name, "skipped", f"mount: {done.stderr.strip()}")]
    try:
        return [_run(name, mount, rounds, seed, variant)]
    finally:
        subprocess.run(["umount", str(mount)], check=False)
        places.remove(mount)


def _run(name, mount, rounds, seed, variant):
    store = {"low_water": "8MiB", "segment_size": "16MiB"}
    with Scene("disk", seed, variant, store=store, store_dir=mount / "store") as scene:
        scene.begin()
        pid, slowest, held = scene.leat.pid, 0.0, 0
        for number in range(rounds):
            filler = fill(mount / "filler")
            before = scene.server.flush_lsn()
            time.sleep(FULL_SECONDS)  # the load goes on against a full disk
            held += confirmed(scene) < scene.server.flush_lsn()
            if not scene.leat.alive:
                raise RuntimeError(f"round {number}: leat ended on a full disk:\n{scene.leat.log()[-2000:]}")
            target = scene.server.flush_lsn()
            os.unlink(filler)
            begun = time.monotonic()
            scene.leat.wait_caught_up(RESUME_SECONDS, until=max(before, target))
            slowest = max(slowest, time.monotonic() - begun)
        if scene.leat.pid != pid:
            raise RuntimeError("leat was started again")
        report = scene.judge()
        if "low-water mark" not in scene.leat.log():
            return Result(name, "failed", "the log does not name the cause")
        if held == 0:
            return Result(name, "failed", "the disk was never full enough to hold anything back")
        return verdict(name, report, f"{rounds} times, held back {held} times, resumed within {slowest:.1f} s")


def confirmed(scene):
    return lsn(scene.server.slot(scene.leat.slot)["confirmed_flush_lsn"])


def fill(path):
    """Takes all the space there is."""
    chunk = b"\0" * (1 << 20)
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        while chunk:
            try:
                os.write(fd, chunk)
            except OSError as e:
                if e.errno != errno.ENOSPC:
                    raise
                chunk = chunk[:len(chunk) // 2]
    finally:
        os.close(fd)
    return path
