"""Clients from npm that the tests run as they are: installed into a directory of the cache outside the clone when a test
first asks for them, never changed. What cannot be had raises `Unavailable` with the reason, and the tests skip loudly."""
import fcntl
import json
import shutil
import subprocess

from . import places

INSTALL_SECONDS = 300


class Unavailable(Exception):
    """The packages cannot be had here; the text says why."""


def directory(*packages):
    """A directory in which `node` finds these packages ("name@version")."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise Unavailable("node and npm are not installed")
    base = places.cache() / "npm"
    base.mkdir(exist_ok=True)
    path = base / "+".join(p.replace("/", "_") for p in packages)
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (path / "installed").exists():
            _install(path, packages)
    return path


def _install(path, packages):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    (path / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    try:
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages], cwd=path,
                              capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm did not install {' '.join(packages)} within {INSTALL_SECONDS} s") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "npm error" in line or "npm ERR!" in line]
        raise Unavailable(f"npm cannot install {' '.join(packages)}: {' | '.join(errors[:3])}")
    (path / "installed").write_text("")


def run(path, script, *arguments, seconds=60):
    """What a module prints as JSON. It is put beside the packages, since that is where node looks for them."""
    file = path / "test.mjs"
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file.write_text(script)
        done = subprocess.run(["node", str(file), *arguments], capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        raise AssertionError(f"node ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return json.loads(done.stdout)
