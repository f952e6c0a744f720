"""Only who knows the secret can push."""

import hashlib
import hmac

import pytest

from services.poller.websub.signature import Signed, check

SECRET, BODY = "s3cret", b"<rss/>\x00\xff"


def signed(method: str, secret: str = SECRET, body: bytes = BODY) -> str:
    return f"{method}={hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()}"


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_a_body_signed_with_our_secret_is_genuine(method: str) -> None:
    assert check(signed(method), SECRET, BODY) is Signed.GENUINE
    assert check(signed(method).upper(), SECRET, BODY) is Signed.GENUINE


@pytest.mark.parametrize(
    "header",
    [
        signed("sha256", secret="another"),
        signed("sha256", body=BODY + b" "),
        signed("md5"),
        "sha256=" + signed("sha1").partition("=")[2],
        "sha256",
        "sha256=",
        "=",
        "sha256=\u00e9\udcff",
        signed("sha256")[:-1],
        "new=" + signed("sha256").partition("=")[2],
        "__class__=00",
    ],
)
def test_anything_else_is_forged(header: str) -> None:
    assert check(header, SECRET, BODY) is Signed.FORGED


@pytest.mark.parametrize("header", [None, "", "  "])
def test_a_body_without_a_signature_is_unsigned(header: str | None) -> None:
    assert check(header, SECRET, BODY) is Signed.UNSIGNED
