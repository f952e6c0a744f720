"""Pages that stand in front of the article: consent, log-in, "are you a robot". PURE.

Decides by the address a request was sent on to and by the text. Read as an article, such a
page would end the search for the real text.
"""

import re
from urllib.parse import urlsplit

# Consent platforms live on hosts and paths of their own: consent.example.org, guce.example.org
# /consent, /collectConsent, /cookiewall, /privacy-gate.
_CONSENT_HOST = re.compile(r"(?:^|\.)(?:consent|guce|cmp|privacygate|privacy-gate|myprivacy)[.-]")
_CONSENT_PATH = re.compile(
    r"/(?:collect-?consent|consent|cookie-?(?:wall|consent|gate)|privacy-?(?:gate|wall)|gdpr)"
    r"(?:[/.?]|$)",
    re.IGNORECASE,
)
# "Cookie" is the word in nearly every language, agreeing to them is not.
_COOKIES = re.compile(r"\bcookie|クッキー|куки\b|файлы? cookie", re.IGNORECASE)
_AGREEING = re.compile(
    r"\b(?:consent|accept|agree|our partners|privacy|personal data|preferences|einwillig|zustimm"
    r"|akzeptier|datenschutz|accepte|partenaires|acepta|aceit|accett|toestemming|accepteer"
    r"|godk[aeä]|samtyk|samtyck|zgod|akceptuj|souhlas|elfogad|kabul)|соглас|同意|允许|동의|موافق",
    re.IGNORECASE,
)
_GATE = re.compile(
    r"(?:enable|turn on|requires?|activate) java ?script"
    r"|java ?script (?:is|to be) (?:disabled|enabled)"
    r"|disable (?:any|your) ad[- ]?block|are you (?:a )?(?:human|robot)\b|you are (?:a )?human"
    r"|not a (?:ro)?bot\b|unusual (?:traffic|activity) from|\baccess denied|checking your browser"
    r"|(?:log|sign) ?in to (?:continue|read)|subscribe to (?:continue|read)"
    r"|already a subscriber\?",
    re.IGNORECASE,
)
# An article about cookies is longer than this, or has more paragraphs about other things.
_LONGEST = 2_000


def is_consent_page(requested: str, final: str) -> bool:
    """Whether a request for one address was sent on to a page that asks for consent."""
    there = urlsplit(final)
    moved = (urlsplit(requested).hostname, urlsplit(requested).path) != (there.hostname, there.path)
    return moved and bool(
        _CONSENT_HOST.search(there.hostname or "") or _CONSENT_PATH.search(there.path)
    )


def is_wall(body: str) -> bool:
    """Whether a text is what a wall says: short, and mostly about getting past it."""
    if len(body) > _LONGEST:
        return False
    signs = [_GATE]
    if _COOKIES.search(body) and _AGREEING.search(body):
        signs += [_COOKIES, _AGREEING]
    paragraphs = body.split("\n\n")
    about = [text for text in paragraphs if any(sign.search(text) for sign in signs)]
    return 2 * sum(map(len, about)) > sum(map(len, paragraphs))
