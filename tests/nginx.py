"""A real nginx with the site of deploy/nginx.conf, on free ports of this host, and a certificate for it."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pod_jobs.settings import ROOT
from tests import servers

SITE = (ROOT / "deploy/nginx.conf").read_text(encoding="utf-8")
HOST = "univ.example"
AROUND = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
worker_processes 2; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {site}
}}
"""


@contextmanager
def running(site: str, port: int) -> Iterator[None]:
    """nginx with this configuration of a site, which listens on `port`."""
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    servers.need(found, "nginx")
    with servers.short_folder() as folder:
        user = "user root;" if os.geteuid() == 0 else ""  # the folders of tests are for their owner alone
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder, site=site, user=user), encoding="utf-8")
        with listening([str(found), "-c", str(folder / "nginx.conf")], port, folder / "nginx.log"):
            yield


def proxy_location() -> str:
    """The part of our site that hands requests on to the web app."""
    return SITE[SITE.index("    location / {") : SITE.index("    # A published file")]


def site(folder: Path, ports: dict[str, str], media: Path, path: str = "/") -> str:
    """Our site as it is in deploy/, with other ports and places. `ports`: those of it -> those of the test."""
    text = SITE
    pem = certificate(folder, HOST)
    changes = {f"listen {old}": f"listen 127.0.0.1:{new}" for old, new in ports.items()}
    changes |= {"127.0.0.1:8000": f"127.0.0.1:{ports['8000']}", "location / {": f"location {path} {{"}
    changes |= {"/etc/ssl/univ.example.pem": str(pem), "/etc/ssl/private/univ.example.key": str(pem)}
    changes |= {"alias /srv/pod_jobs/media/": f'alias "{media}/"', "from=/srv/pod_jobs/media": f'"from={media}'}
    changes |= {"/videos;": '/videos";', "/var/log/nginx": str(folder)}
    for old, new in changes.items():
        assert old in text or old == "listen 8000", old
        text = text.replace(old, new)
    return "\n".join(line for line in text.splitlines() if "listen [::]" not in line)


def certificate(folder: Path, host: str) -> Path:
    """A key and its own certificate for this host, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    signed = built.sign(key, hashes.SHA256())
    path = folder / f"{host}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def listening(command: list[str], port: int, log: Path, host: str = "127.0.0.1", **variables: str) -> Iterator[None]:
    """A process that listens on `port`."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **variables}, stderr=file)
        try:

            def answers() -> bool:
                assert process.poll() is None, log.read_text()
                with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as line:
                    return line.connect_ex((host, port)) == 0

            servers.wait_until(answers, 90, f"{command[0]} listens")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(40)
