"""A certificate authority for one test server, made by openssl: who it signed is trusted by whoever trusts `ca`.

        Authority(directory) ── issue("server") ──▶ server.crt, server.key     a second Authority is a stranger
"""
import subprocess
from pathlib import Path

DAYS = "2"
NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


class Authority:
    def __init__(self, directory, name="leat tests"):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o755)
        self.ca = self.directory / "ca.crt"
        if not self.ca.exists():
            openssl("req", "-x509", *key_to(self.directory / "ca.key"), "-days", DAYS, "-subj", f"/CN={name}",
                    "-out", self.ca)

    def issue(self, name, common_name="localhost", extension=NAMES):
        """(certificate, key) files; made once a name."""
        certificate, key = (self.directory / f"{name}.{kind}" for kind in ("crt", "key"))
        if not certificate.exists():
            request, wanted = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
            wanted.write_text(extension + "\n")
            openssl("req", "-new", *key_to(key), "-subj", f"/CN={common_name}", "-out", request)
            openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.directory / "ca.key",
                    "-CAcreateserial", "-days", DAYS, "-extfile", wanted, "-out", certificate)
            key.chmod(0o644)  # a test's; its server may run as somebody else
        return certificate, key


def key_to(path):
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path]


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")
