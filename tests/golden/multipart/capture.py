#!/usr/bin/env python3
"""Forms as clients really send them, with what Python's email parser reads in them: capture.py > captured.hex

Needs curl, node (its fetch and FormData) and the module requests; they send to a server of this script.
"""
import email.parser
import email.policy
import http.server
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

received = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        received.append((self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def curl(url, path):
    subprocess.run(["curl", "-sS", "-F", "fileId=4711", "-F", "type=text/csv",
                    "-F", f'file=@{path};filename="a b.csv"', url], check=True)


def curl_quotes(url, path):
    subprocess.run(["curl", "-sS", "-F", f'file=@{path};filename="q\\"uote.bin";type=image/png', "-F", "note=ü 😀", url],
                   check=True)


def node(url, path):
    code = """const f = new FormData(); const {readFileSync} = require('fs');
    f.append('additionalProperties', JSON.stringify({a: 1, b: ['x']}));
    f.append('fileId', 'id-1'); f.append('type', 'text/plain');
    f.append('file', new Blob([readFileSync(process.argv[1])], {type: 'text/plain'}), 'sm\\u00f8r "2".txt');
    fetch(process.argv[2], {method: 'POST', body: f}).then(r => process.exit(r.status == 204 ? 0 : 1));"""
    subprocess.run(["node", "-e", code, path, url], check=True)


def python_requests(url, path):
    import requests
    with open(path, "rb") as f:
        requests.post(url, data={"fileId": "7", "empty": ""}, files={"file": ("plain.bin", f, "application/octet-stream")},
                      timeout=10)


def empty(url, path):
    Path(path).write_bytes(b"")
    subprocess.run(["curl", "-sS", "-F", f"file=@{path};filename=none", url], check=True)


def expected(content_type, body):
    """Each part as name|filename|type|bytes in hex, with tabs between them."""
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    parts = []
    for part in message.iter_parts():
        disposition = part["Content-Disposition"].params
        name = disposition.get("filename", "").replace("%22", '"')
        kind = part.get_content_type() if part["Content-Type"] else ""
        parts.append("|".join([disposition["name"], name, kind, part.get_payload(decode=True).hex()]))
    return "\t".join(parts)


def main():
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "payload")
        path.write_bytes(b"\r\n--\r\n-\r\r\n--x" + bytes(range(256)) + b"\r\n")
        for client in (curl, curl_quotes, node, python_requests, empty):
            client(f"http://127.0.0.1:{server.server_port}/", str(path))
    print("# Forms as they came; see capture.py. The first field is the Content-Type.")
    for content_type, body in received:
        print("# = " + content_type + "\t" + expected(content_type, body))
        for at in range(0, len(body), 40):
            print(body[at:at + 40].hex(" "))


if __name__ == "__main__":
    sys.exit(main())
