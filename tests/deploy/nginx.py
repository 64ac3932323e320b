"""The real nginx over deploy/'s own template, with a certificate of the test's own."""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from launch.ports import free_port
from tests.processes import ROOT

PROGRAM = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
TEMPLATE = ROOT / "deploy" / "nginx" / "ollama-chat.conf.template"
NAME = re.compile(r"\$\{(CHAT_[A-Z_]+)\}")
AROUND = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    include /etc/nginx/mime.types;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True)
class Place:
    """Where nginx listens, before it runs; the app must know its address."""

    folder: Path
    http: int
    https: int

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https}"

    @property
    def certificate(self) -> str:
        return str(self.folder / "chat.pem")


def choose_place(folder: Path) -> Place:
    """Return free ports and a fresh certificate for localhost."""
    place = Place(folder, free_port(), free_port())
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(folder / "chat.key"), "-out", place.certificate]
    subprocess.run(command, check=True, capture_output=True)
    return place


def site(place: Place, upstream: str, data: Path) -> str:
    """Return the template filled in."""
    values = {
        "CHAT_HOST": "localhost",
        "CHAT_PUBLIC_URL": place.url,
        "CHAT_HTTP_PORT": f"127.0.0.1:{place.http}",
        "CHAT_HTTPS_PORT": f"127.0.0.1:{place.https}",
        "CHAT_UPSTREAM": upstream,
        "CHAT_CERTIFICATE": place.certificate,
        "CHAT_KEY": str(place.folder / "chat.key"),
        "CHAT_PICTURES": str(data / "static" / "images"),
        "CHAT_BUILD": str(ROOT / "build"),
        "CHAT_LOG": str(place.folder / "access.log"),
    }
    return NAME.sub(lambda found: values[found[1]], TEMPLATE.read_text(encoding="utf-8"))


@contextmanager
def running_nginx(place: Place, upstream: str, data: Path) -> Iterator[None]:
    """Run nginx for as long as the block does."""
    assert PROGRAM
    folder = place.folder
    (folder / "site.conf").write_text(site(place, upstream, data))
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder) + _as_root())
    command = [PROGRAM, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stderr
    server = subprocess.Popen(command)
    try:
        _wait(place)
        yield
    finally:
        server.terminate()
        server.wait()


def _as_root() -> str:
    """Its workers read the data folder of whoever runs the tests."""
    return f"user {getpass.getuser()};\n" if getpass.getuser() == "root" else ""


def _wait(place: Place) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            requests.get(f"{place.url}/livez", verify=place.certificate, timeout=2).raise_for_status()
        except requests.RequestException:
            assert time.monotonic() < deadline, (place.folder / "error.log").read_text()
            time.sleep(0.05)
        else:
            return
