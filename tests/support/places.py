"""Where the tests put things: scratch directories, caches, ports, and who owns them.

Postgres refuses to run as root, so a root test run starts its servers as the user `postgres`. That user
must be able to reach the data directory and the binaries, which it cannot if the clone or the cache lies
below a closed home directory. Everything that asks "where" asks here.
"""
import os
import pwd
import shutil
import socket
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOCKET_PATH_MAX = 107  # sun_path less its NUL


def server_user():
    """The account that runs servers: None for "as we are", or the passwd entry of postgres for root."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


def as_server_user():
    """Arguments for subprocess that drop root."""
    user = server_user()
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def reachable(path):
    """True if the server's user can walk down to `path`."""
    if server_user() is None:
        return True
    path = Path(path).resolve()
    return all(p.stat().st_mode & 0o001 for p in [path, *path.parents] if p.exists())


def hand_over(path):
    user = server_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def base():
    """The directory of all scratch directories, which the server's user can reach."""
    path = Path(os.environ.get("LEAT_TEST_DIR", ROOT / "build" / "tests"))
    path.mkdir(parents=True, exist_ok=True)
    if not reachable(path):
        path = Path(f"/var/tmp/leat-tests-{os.getuid()}")
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
    return path


def scratch(name):
    """An empty directory for one use."""
    path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base()))
    path.chmod(0o755)
    return path


def cache():
    """A directory outside the clone that survives `make clean`: fetched servers."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = base / "leat-tests"
    try:
        path.mkdir(parents=True, exist_ok=True)
        if reachable(path):
            return path
    except OSError:
        pass
    path = Path(f"/var/tmp/leat-tests-cache-{os.getuid()}")
    path.mkdir(exist_ok=True)
    path.chmod(0o755)
    return path


def socket_dir(preferred, port):
    """`preferred` if a Postgres socket fits there, else a short path."""
    name = f".s.PGSQL.{port}.lock"
    path = Path(preferred)
    if len(str(path / name)) > SOCKET_PATH_MAX:
        path = Path(tempfile.mkdtemp(prefix="leat-", dir="/tmp"))
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
    hand_over(path)
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def remove(path):
    shutil.rmtree(path, ignore_errors=True)


def wait_until(condition, seconds, what, every=0.05):
    """Waits for a condition, never for a time. Returns its value; fails naming what was waited for."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(every)


def pid_alive(pid):
    """True for a running process; a zombie is dead."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
