"""Python packages that one test needs and Debian 12 does not ship: put into the cache outside the clone when first asked
for. What cannot be had raises `Unavailable` with the reason, and the tests skip loudly."""
import fcntl
import shutil
import subprocess
import sys

from . import places

INSTALL_SECONDS = 300


class Unavailable(Exception):
    """The packages cannot be had here; the text says why."""


def use(*packages):
    """Makes these packages ("name==version") importable."""
    base = places.cache() / "pypi"
    base.mkdir(exist_ok=True)
    path = base / "+".join(packages)
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (path / "installed").exists():
            _install(path, packages)
    if str(path) not in sys.path:
        sys.path.append(str(path))


def _install(path, packages):
    shutil.rmtree(path, ignore_errors=True)
    try:
        done = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target",
                               str(path), *packages], capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"pip did not install {' '.join(packages)} within {INSTALL_SECONDS} s") from None
    if done.returncode:
        raise Unavailable(f"pip cannot install {' '.join(packages)}: {done.stderr.strip()[-300:]}")
    (path / "installed").write_text("")
