"""A mail as the bytes that travel: header fields, and a text in two forms. PURE.

Written by hand: `email.message` takes some ten times as long, and would be what bounds how many
mails a second a channel can send (`make bench-deliver`). What it guarantees is guaranteed here
too: a field is one field, whatever is put into it, and every line is short ASCII.
"""

import re
from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Iterable, Iterator

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODED_BYTES = 42  # of UTF-8 in an encoded word, which is 75 characters at most (RFC 2047)
_LONGEST_PLAIN = 64  # characters of a text that needs no fold behind the name of its field
LONGEST_LINE = 998  # RFC 5322, 2.1.1


def field(name: str, value: str) -> str:
    """A header field of one line; raises ValueError where `value` would not be one."""
    line = f"{name}: {value}"
    if _CONTROLS.search(line) or len(line) > LONGEST_LINE:
        raise ValueError(f"{name}: this is not a line of a header")
    return line


def subject(text: str) -> str:
    """The field that shows `text` from outside; as many lines as it needs."""
    clean = _CONTROLS.sub("", text)
    if clean.isascii() and "=?" not in clean and len(clean) <= _LONGEST_PLAIN:
        return f"Subject: {clean}"
    words = (f"=?utf-8?b?{b64encode(word).decode()}?=" for word in _words(clean))
    return "Subject: " + "\r\n ".join(words)  # what separates encoded words is not in the text


def mail(fields: Iterable[str], text: str, html: str, boundary: str) -> bytes:
    """A mail of these header fields whose text comes in two forms; `boundary` is in neither."""
    head = [
        *fields,
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "",
        "",
    ]
    parts = (_part("plain", text), _part("html", html))
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), part) for part in parts)
    return "\r\n".join(head).encode() + body + b"--%b--\r\n" % boundary.encode()


def _part(kind: str, text: str) -> bytes:
    lines = "\r\n".join(text.splitlines()) + "\r\n"
    head = (
        f'Content-Type: text/{kind}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode() + b2a_qp(lines.encode("utf-8", "replace"), istext=True)


def _words(text: str) -> Iterator[bytes]:
    """`text` in pieces that fit into an encoded word each; no character is torn apart."""
    word = b""
    for character in text:
        encoded = character.encode()
        if len(word) + len(encoded) > _ENCODED_BYTES:
            yield word
            word = b""
        word += encoded
    yield word
