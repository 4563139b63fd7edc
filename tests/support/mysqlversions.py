"""Which MariaDB and MySQL servers this machine can run, and where their programs are.

        find("mariadb-10.11") ─▶ Release(server, binlog, share, plugins, …)

MariaDB 10.11 is Debian 12's. MariaDB 11 and MySQL 9 are Debian sid's: a minimal system with their packages is put by
debootstrap into a directory of the cache outside the clone, when a test first asks for one (a minute and a gigabyte
each). Its programs run outside of it, through its own dynamic linker: so they need no root, and share our files and
ports. What does need root is making the directory, and building leat in it against the real libmysqlclient.

What cannot be had raises `Unavailable` with the reason, and the tests skip loudly; MariaDB 10.11 is never skipped.

    python3 -m tests.support.mysqlversions             which can be had
    python3 -m tests.support.mysqlversions make …      leat's make in the system with libmysqlclient; prints the program:
                                                       LEAT=$(…) scripts/integration … tests it; ends with 3 where
                                                       that system cannot be had
"""
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from . import places

DEBIAN, ALL = "mariadb-10.11", ["mariadb-10.11", "mariadb-11", "mysql-9"]
SUITE = "sid"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# What leat's build needs; Connector/C comes with the one, libmysqlclient with the other.
BUILD = ["gcc", "libc6-dev", "make", "pkgconf", "libpq-dev", "liblmdb-dev", "libzstd-dev", "zlib1g-dev", "libxxhash-dev",
         "libmicrohttpd-dev", "libyaml-dev", "libjansson-dev", "libssl-dev", "libcmocka-dev"]
SYSTEMS = {
    "mariadb-11": ("mariadb-sid", ["mariadb-server-core", "mariadb-client-core", "mariadb-client"]),
    "mysql-9": ("mysql-sid", ["mysql-server-core", "mysql-client-core", "libmysqlclient-dev", *BUILD]),
}
BOOTSTRAP_SECONDS = 900


class Unavailable(Exception):
    """This server version cannot be had here; the text says why."""


class Release:
    """Programs of one version. Paths of directories are given to the server, whose own defaults would not be found."""

    def __init__(self, name, root, server, binlog):
        self.name = name
        self.root = root                # of its system; / for Debian 12's
        self.server = server            # mariadbd or mysqld
        self.binlog = binlog            # mariadb-binlog or mysqlbinlog
        self.mariadb = name.startswith("mariadb")
        self.share = root / "usr/share" / ("mariadb" if self.mariadb else "mysql")
        self.share = self.share if self.share.exists() else root / "usr/share/mysql"
        self.plugins = root / "usr/lib/mysql/plugin"
        self.release = re.search(r"Ver (\S+)", _output([server, "--no-defaults", "--version"]))[1]


def find(name):
    """The Release of one of ALL."""
    if name == DEBIAN:
        return _debian()
    directory, packages = SYSTEMS[name]
    root = system(directory, packages)
    programs = ("mariadbd", "mariadb-binlog") if name.startswith("mariadb") else ("mysqld", "mysqlbinlog")
    return Release(name, root, *[_wrapper(root, p) for p in programs])


def have(name):
    """(True, "") or (False, reason)."""
    try:
        find(name)
        return True, ""
    except Unavailable as e:
        return False, str(e)


# --- Debian 12's own ------------------------------------------------------------------------------


def _debian():
    server = Path("/usr/sbin/mariadbd")
    if not server.exists():
        raise Unavailable("mariadb-server-core is not installed")
    return Release(DEBIAN, Path("/"), server, _debian_binlog())


def _debian_binlog():
    """Where the whole client is not installed, its package is unpacked beside the other fetched things."""
    installed = shutil.which("mariadb-binlog")
    if installed:
        return Path(installed)
    target = places.cache() / "mariadb-client"
    program = target / "usr/bin/mariadb-binlog"
    with locked(places.cache() / "mariadb-client.lock"):
        if not program.exists():
            part = _part(target)
            done = subprocess.run(["apt-get", "download", "-q", "mariadb-client"], cwd=part, capture_output=True, text=True)
            packages = list(part.glob("*.deb"))
            if done.returncode != 0 or not packages:
                raise Unavailable(f"mariadb-client (with mariadb-binlog) is not installed, nor to be had: {_last(done)}")
            subprocess.run(["dpkg-deb", "-x", str(packages[0]), str(part)], check=True)
            packages[0].unlink()
            part.rename(target)
    return program


# --- systems of their own -------------------------------------------------------------------------


def system(name, packages):
    """The root of a minimal Debian sid with these packages; made if it is not there."""
    target = places.cache() / name
    with locked(places.cache() / f"{name}.lock"):
        if not target.exists():
            _bootstrap(target, packages)
    return target


def _bootstrap(target, packages):
    if os.geteuid() != 0:
        raise Unavailable(f"{target.name}: debootstrap needs root")
    if shutil.which("debootstrap") is None:
        raise Unavailable(f"{target.name}: debootstrap is not installed")
    part = _part(target)
    command = ["debootstrap", "--variant=minbase", f"--keyring={KEYRING}", f"--include={','.join(packages)}", SUITE,
               str(part), mirror()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BOOTSTRAP_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{target.name}: debootstrap took more than {BOOTSTRAP_SECONDS} s") from None
    if done.returncode != 0:
        raise Unavailable(f"{target.name}: debootstrap failed: {_last(done)}")
    places.remove(part / "var/cache/apt/archives")
    part.chmod(0o755)
    part.rename(target)


def mirror(lists=None):
    """The Debian mirror that this machine uses: of the first entry of its package sources for the release's main part."""
    lists = lists or [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for path in lists:
        text = path.read_text(errors="replace") if path.is_file() else ""
        for uri, suite, components in entries(text):
            if "main" in components and "security" not in suite and uri.rstrip("/").endswith("/debian"):
                return uri
    raise Unavailable("no Debian mirror in the package sources of this machine")


def entries(text):
    """(URI, suite, components) of a sources list in either of apt's two forms."""
    for line in text.splitlines():
        match = re.match(r"^\s*deb\s+(?:\[[^]]*]\s+)?(\S+)\s+(\S+)\s+(.*)$", line)
        if match:
            yield match[1], match[2], match[3].split()
    for stanza in re.split(r"\n\s*\n", text):
        lines = [line for line in stanza.splitlines() if not line.startswith("#")]
        field = dict(line.split(":", 1) for line in lines if re.match(r"^[A-Za-z-]+:", line))
        if "deb" in field.get("Types", "").split():
            for uri in field.get("URIs", "").split():
                for suite in field.get("Suites", "").split():
                    yield uri, suite, field.get("Components", "").split()


def _wrapper(root, program):
    """A script that runs a program of that system in ours: the same process, the other's libraries."""
    path = root / "leat" / program
    found = [p for p in (root / "usr/sbin" / program, root / "usr/bin" / program) if p.exists()]
    if not found:
        raise Unavailable(f"{root.name} has no {program}")
    return outside(root, found[0], path)


def outside(root, program, path):
    """Writes that script to `path`, unless it is there."""
    machine = os.uname().machine
    libraries = f"{root}/usr/lib/{machine}-linux-gnu:{root}/usr/lib"
    loader = next(iter((root / "usr" / d).glob("ld-linux*.so.*")) for d in ("lib64", "lib") if (root / "usr" / d).exists())
    loader = next(loader, None)
    if loader is None:
        raise Unavailable(f"{root.name} has no dynamic linker for {machine}")
    # The plugins: mysql_native_password is one of them now, and MariaDB wants it.
    text = (f"#!/bin/sh\nexport LIBMYSQL_PLUGIN_DIR={root}/usr/lib/mysql/plugin\n"
            f'exec {loader} --library-path {libraries} {program} "$@"\n')
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}")
        part.write_text(text)
        part.chmod(0o755)
        part.rename(path)
    return path


# --- leat, built against the real libmysqlclient ---------------------------------------------------

SOURCES = ["Makefile", "include", "src", "connectors", "conf", "scripts", "tests/unit", "tests/golden", "tests/contract",
           "tests/support", "tests/fuzz", "tests/bench"]


def make(*arguments, variant="release"):
    """Builds leat as it is in the clone inside that system; the path of a program that runs here."""
    root = system(*SYSTEMS["mysql-9"])
    if os.geteuid() != 0:
        raise Unavailable("building in another system needs root, for chroot")
    inside = f"/leat/{hashlib.sha256(str(places.ROOT).encode()).hexdigest()[:12]}"
    with locked(places.cache() / "leat-build.lock"):
        for name in SOURCES:
            mirror_tree(places.ROOT / name, Path(f"{root}{inside}") / name)
        command = ["chroot", str(root), "make", "-C", inside, "-j2", "--no-print-directory", "MYSQL=mysqlclient",
                   f"VARIANT={variant}", *(arguments or ["all"])]
        done = subprocess.run(command, stdout=2, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        if done.returncode != 0:
            raise RuntimeError(f"make {' '.join(arguments)} failed against libmysqlclient")
        return outside(root, Path(f"{root}{inside}/build/{variant}/leat"), Path(f"{root}{inside}/leat-{variant}"))


def mirror_tree(source, target):
    """Copies with times, so that make sees what changed, and removes what is gone."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.stat().st_mtime_ns != source.stat().st_mtime_ns:
            shutil.copy2(source, target)
        return
    target.mkdir(parents=True, exist_ok=True)
    names = {p.name for p in source.iterdir()}
    for old in target.iterdir():
        if old.name not in names:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for name in names:
        mirror_tree(source / name, target / name)


# --- small things ---------------------------------------------------------------------------------


def locked(path):
    """Holds a lock until it is closed: `with locked(…)`. One per thing that is fetched, so that others do not wait."""
    lock = open(path, "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _part(target):
    part = target.with_name(target.name + ".part")
    places.remove(part)
    part.mkdir(parents=True)
    return part


def _output(command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"{command[0]} does not run: {_last(done)}")
    return done.stdout


def _last(done):
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit code {done.returncode}"


def main():
    if sys.argv[1:2] == ["make"]:
        try:
            print(make(*sys.argv[2:]))
        except Unavailable as e:
            print(e, file=sys.stderr)
            sys.exit(3)
        return
    for name in ALL:
        there, reason = have(name)
        print(f"{name:<14} {find(name).release if there else 'cannot be had: ' + reason}")


if __name__ == "__main__":
    main()
