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
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    command = [openssl, *_REQUEST.format(key=made.key, cert=made.cert).split()]
    subprocess.run(command, check=True, capture_output=True)
    return made
