"""Damage in the store's files: leat may refuse, it may never serve something else.

One bit is flipped, or a page zeroed, or the tail of a file cut, in a copy of a store; then every event that
`leat tail` still gives must be, byte for byte, the event of the undamaged store, and if an event is missing, `leat
tail` must have ended with an error. Damage in unused pages changes nothing and is allowed to go unnoticed.
"""
import os
import shutil
import subprocess
import time

from tests.support import leatd

from .scene import Result, Scene

PAGE = 4096
KINDS = ["flip", "flip", "flip", "flip", "flip", "flip", "flip", "zero", "cut"]


def run(trials, seed, variant="release"):
    with Scene("flips", seed, variant, store={"segment_size": "1MiB"}, pause=0.0) as scene:
        scene.begin()
        time.sleep(4)
        scene.load.stop()
        scene.leat.wait_caught_up(60)
        scene.leat.stop()
        copy = scene.directory / "copy"
        subprocess.run(["cp", "-a", "--sparse=always", str(scene.leat.store_dir), str(copy)], check=True)
        clean = tail(scene)
        scene.leat.store["path"] = str(copy)
        scene.leat.write_config()
        found = {"unchanged": 0, "refused": 0, "verified": 0}
        wrong = []
        for _ in range(trials):
            trial(scene, copy, clean, found, wrong)
        scene.kept = bool(wrong)
        text = (f"{trials} damages: {found['refused']} refused by tail, {found['verified']} of them seen by verify, "
                f"{found['unchanged']} without effect")
        if clean[1] != 0 or len(clean[0]) < 1000:
            return [Result("bit flips", "failed", f"the clean store gave {len(clean[0])} events, code {clean[1]}")]
        if found["refused"] == 0:
            wrong.append("no damage was ever noticed")
        if wrong:
            return [Result("bit flips", "failed", f"{text}\n" + "\n".join(wrong[:10]))]
        return [Result("bit flips", "passed", f"{text}; 0 changed events served")]


def trial(scene, copy, clean, found, wrong):
    path = scene.random.choice(sorted(copy.rglob("*.mdb")))
    undo, what = damage(scene.random, path)
    try:
        lines, code, _ = tail(scene)
        verified = scene.leat.command("verify", "--json", seconds=120).returncode
        changed = [line for line in lines if line not in clean[2]]
        if changed:
            wrong.append(f"{what}: served {changed[0][:200]!r}")
        elif code == 0 and lines != clean[0]:
            wrong.append(f"{what}: tail ended with 0 and gave {len(lines)} of {len(clean[0])} events")
        elif code == 0:
            found["unchanged"] += 1
        else:
            found["refused"] += 1
            found["verified"] += verified == leatd.FINDINGS
            if verified == 0:
                wrong.append(f"{what}: tail refused it with {code}, and verify calls the store sound")
    finally:
        undo()


def tail(scene):
    """(lines, exit code, set of lines) of the store that the configuration names."""
    done = subprocess.run([str(scene.leat.program), "tail", "-c", str(scene.leat.config_file), "--format", "native"],
                          capture_output=True, timeout=120)
    lines = done.stdout.split(b"\n")
    # What a crash cut off in mid-line was not served as an event.
    lines = lines[:-1]
    return lines, done.returncode, set(lines)


def damage(random, path):
    """Hurts the file; returns (undo, description)."""
    kind = random.choice(KINDS)
    used = used_bytes(path)
    at = random.randrange(used)
    if kind == "cut":
        size = os.path.getsize(path)
        saved = path.with_suffix(".saved")
        shutil.copy2(path, saved)
        os.truncate(path, at // PAGE * PAGE)

        def restore():
            os.replace(saved, path)
        return restore, f"{path.name} of {size} bytes cut to {at // PAGE * PAGE}"
    length = 1 if kind == "flip" else PAGE
    at = at if kind == "flip" else at // PAGE * PAGE
    with open(path, "r+b") as f:
        f.seek(at)
        old = f.read(length)
        bit = random.randrange(8)
        f.seek(at)
        f.write(bytes([old[0] ^ 1 << bit]) if kind == "flip" else b"\0" * len(old))

    def undo():
        with open(path, "r+b") as f:
            f.seek(at)
            f.write(old)
    return undo, f"{path.name}: {kind} at {at}" + (f" bit {bit}" if kind == "flip" else "")


def used_bytes(path):
    """The file up to its last page that is not all zero: damage behind it would test nothing."""
    with open(path, "rb") as f:
        data = f.read()
    return max(PAGE, len(data.rstrip(b"\0")) + 1)
