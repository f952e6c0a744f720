"""A throw-away certificate for localhost, made with the openssl command."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_REQUEST = (
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 "
    "-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout {key} -out {cert}"
)


_EXPIRED = (
    "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
    "-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout {key} -out {folder}/request",
    "ca -batch -selfsign -notext -config {folder}/ca -in {folder}/request -keyfile {key} "
    "-startdate 20200101000000Z -enddate 20200102000000Z -out {cert}",
)
_AUTHORITY = (
    "[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nrand_serial=yes\nnew_certs_dir={folder}\n"
    "default_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n"
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that only `trusting` clients accept."""

    cert: Path
    key: Path

    def serving(self) -> ssl.SSLContext:
        """For a server that shows it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context

    def trusting(self) -> ssl.SSLContext:
        """For a client that takes it for a root."""
        return ssl.create_default_context(cafile=self.cert)


def make_certificate(folder: Path) -> Certificate:
    """A new certificate in `folder`; skips the test where there is no openssl."""
    return _made(folder, _REQUEST)


def make_expired_certificate(folder: Path) -> Certificate:
    """The same, good for a day in 2020."""
    (folder / "index").touch()
    (folder / "ca").write_text(_AUTHORITY.format(folder=folder))
    return _made(folder, *_EXPIRED)


def _made(folder: Path, *commands: str) -> Certificate:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    for command in commands:
        words = command.format(key=made.key, cert=made.cert, folder=folder).split()
        subprocess.run([openssl, *words], check=True, capture_output=True)
    return made
