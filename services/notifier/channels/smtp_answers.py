"""What an SMTP server's answers and failures mean. PURE.

An answer of 4xx passes, one of 5xx stays (RFC 5321, 4.2.1). A lasting answer to the login
or to the sender's address is the channel's fault and holds it; one to a recipient or to
the content is final for this mail. 421 is a goodbye, whatever it answers.
"""

import aiosmtplib

from services.notifier.outcome import GaveUp, Reason, TryLater

CLOSING = 421
_WANTS_LOGIN = frozenset({530, 534, 535, 538})
_TOO_LARGE = 552


def outcome_of(error: Exception) -> TryLater | GaveUp:
    """What follows from an attempt that failed with `error`; its words are the server's."""
    told = _words(error)
    match error:
        case aiosmtplib.SMTPResponseException():
            return _refusal(error, told)
        case TimeoutError():
            return TryLater(Reason.TIMED_OUT, None, told)
        case OSError():  # also a certificate that cannot be verified
            return TryLater(Reason.UNREACHABLE, None, told)
        case ValueError():  # an address that cannot be told to a server
            return TryLater(Reason.BAD_CREDENTIALS, None, told)
        case _:  # what the server does not offer: STARTTLS, AUTH, SMTPUTF8
            return TryLater(Reason.REFUSED, None, told)


def concerns_one(error: Exception) -> bool:
    """Whether the failure is about this mail or its recipient, and others may be taken."""
    match error:
        case aiosmtplib.SMTPRecipientRefused() | aiosmtplib.SMTPDataError():
            return error.code != CLOSING and error.code not in _WANTS_LOGIN
        case aiosmtplib.SMTPSenderRefused():
            return error.code == _TOO_LARGE
        case aiosmtplib.SMTPNotSupported():  # SMTPUTF8, which not every address needs
            return True
        case _:
            return False


def is_closing(error: Exception) -> bool:
    """Whether the server ended the conversation."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return error.code == CLOSING
    return isinstance(error, ConnectionError)


def too_large_for(limit: str | None, size: int) -> GaveUp | None:
    """The refusal of a mail that exceeds what the server said it takes (RFC 1870)."""
    if limit is None or not limit.isdecimal() or not 0 < int(limit) < size:
        return None
    told = f"the mail has {size} bytes, and the mail server takes {limit} at most"
    return GaveUp(Reason.INVALID_MESSAGE, told)


def is_lasting(code: int) -> bool:
    """Whether asking again gets the same answer."""
    return 500 <= code < 600


def _refusal(error: aiosmtplib.SMTPResponseException, told: str) -> TryLater | GaveUp:
    if not is_lasting(error.code):
        return TryLater(Reason.SERVER_ERROR, None, told)
    if error.code in _WANTS_LOGIN:
        return TryLater(Reason.BAD_CREDENTIALS, None, told)
    match error:
        case aiosmtplib.SMTPSenderRefused(code=code) | aiosmtplib.SMTPDataError(code=code) if (
            code == _TOO_LARGE
        ):
            return GaveUp(Reason.INVALID_MESSAGE, told)
        case aiosmtplib.SMTPRecipientRefused() | aiosmtplib.SMTPDataError():
            return GaveUp(Reason.REFUSED, told)
        case aiosmtplib.SMTPAuthenticationError() | aiosmtplib.SMTPSenderRefused():
            return TryLater(Reason.BAD_CREDENTIALS, None, told)
        case _:  # the greeting, EHLO or STARTTLS: not about this message
            return TryLater(Reason.REFUSED, None, told)


def _words(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError):
        return f"{error.code} {error.message}"
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"the mail server answered {error.code} {error.message}"
    return str(error) or type(error).__name__
