"""Items with mistakes, and the exact lines their author gets."""

from pathlib import Path

import pytest

from tests.config.written_folder import Files, told, write

SECRET = "put the secret in a variable and write {env: NAME}, or in a file: {file: PATH}"
BAD_ID = (
    "an id is 1 to 80 lower-case letters, digits, dots, dashes or underscores, "
    "starting with a letter or digit"
)
BAD_URL = "a URL starts with http:// or https:// and names a host"


def channels(*lines: str) -> Files:
    return {"channels.yaml": "\n".join(["channels:", "  - id: console", *lines])}


FEEDS: dict[str, tuple[str, list[str]]] = {
    "unknown keys, with and without a near one": (
        "feeds:\n  - id: a\n    ulr: https://a.example\n    colour: red\n",
        [
            'feeds.yaml:3: feed "a": unknown key "ulr"; did you mean "url"?',
            'feeds.yaml:4: feed "a": unknown key "colour"; '
            "known keys are id, url, name, full_text, late, headers, basic, token, query and "
            "proxy",
        ],
    ),
    "missing keys stand at the item's first line": (
        "feeds:\n  - id: a\n    url: https://a.example\n\n  - name: B\n"
        "  -\n    id: c\n    name: C\n",
        [
            'feeds.yaml:5: feed number 2: "id" is missing',
            'feeds.yaml:5: feed number 2: "url" is missing',
            'feeds.yaml:7: feed "c": "url" is missing',
        ],
    ),
    "ids and URLs": (
        "feeds:\n  - id: BBC\n    url: ftp://a.example\n  - id: b\n"
        "    url: https://user:word@b.example\n  - id: c\n    url: 'https://x℀y.example'\n",
        [
            f'feeds.yaml:2: feed "BBC": "id": {BAD_ID}',
            f'feeds.yaml:3: feed "BBC": "url": {BAD_URL}',
            'feeds.yaml:5: feed "b": "url": a URL must not carry a user name or password',
            'feeds.yaml:7: feed "c": "url": a URL starts with http:// or https:// and names a host',
        ],
    ),
    "words that YAML 1.1 reads as something else": (
        "feeds:\n  - id: no\n    url: https://a.example\n    name: on\n    full_text: off\n"
        "  - id: 24\n    url: 12:30\n    name:\n",
        [
            'feeds.yaml:2: feed number 1: "id": YAML reads no as false; write "no"',
            'feeds.yaml:4: feed number 1: "name": YAML reads on as true; write "on"',
            'feeds.yaml:5: feed number 1: "full_text": YAML reads off as false; write "off"',
            'feeds.yaml:6: feed number 2: "id": YAML reads 24 as a number; write "24"',
            'feeds.yaml:7: feed number 2: "url": YAML reads 12:30 as a number; write "12:30"',
        ],
    ),
    "values of the wrong shape": (
        "feeds:\n  - id: a\n    url: [x]\n    name: {x: y}\n    full_text: alway\n"
        "  - text\n  - []\n  - id: b\n    url:\n    name: ''\n",
        [
            'feeds.yaml:3: feed "a": "url": must be text, not a list; put it in quotes',
            'feeds.yaml:4: feed "a": "name": must be text, not keys and values; put it in quotes',
            'feeds.yaml:5: feed "a": unknown full_text "alway"; did you mean "always"? '
            "use auto, always or never",
            "feeds.yaml:6: feed number 2: must be keys and values, as in id: …, not text",
            "feeds.yaml:7: feed number 3: must be keys and values, as in id: …, not a list",
            'feeds.yaml:9: feed "b": "url": has no value; write one or leave the key out',
            'feeds.yaml:10: feed "b": "name": must not be empty',
        ],
    ),
    "an id taken twice, a URL taken twice": (
        "feeds:\n  - id: a\n    url: https://a.example\n  - url: https://b.example\n    id: a\n"
        "  - id: c\n    url: HTTPS://A.example:443/#top\n",
        [
            'feeds.yaml:5: feed "a": this id is taken by feeds.yaml:2',
            'feeds.yaml:7: feed "c": has the same URL as feed "a" (feeds.yaml:2)',
        ],
    ),
    "an empty file": ("# later\n", ['feeds.yaml:1: the file is empty; begin it with "feeds:" '
                                    "and a list of items below"]),
    "a list without its key": (
        "# my feeds\n- id: a\n",
        ['feeds.yaml:2: the file is of the wrong shape; begin it with "feeds:" '
         "and a list of items below"],
    ),
    "another key": (
        "feed:\n  - id: a\n",
        ['feeds.yaml:1: unknown key "feed"; did you mean "feeds"?'],
    ),
    "one key too many": (
        "feeds: []\nversion: 2\n",
        ['feeds.yaml:2: unknown key "version"; the file holds one key, "feeds"'],
    ),
    "no key": ("{}", ['feeds.yaml:1: "feeds:" is missing; write it with a list of items below']),
    "nothing below the key": (
        "feeds:\n",
        ['feeds.yaml:1: "feeds:" has nothing below it; write "feeds: []" if there are to be none'],
    ),
    "no list below the key": (
        "\nfeeds:\n  a: https://a.example\n",
        ['feeds.yaml:2: "feeds:" must be a list; begin each item with "- "'],
    ),
    "none": ("feeds: []\n", ["feeds.yaml: warning: there are no feeds in it"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FEEDS.values(), ids=FEEDS)
def test_mistakes_in_feeds(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert told(write(tmp_path, {"feeds.yaml": text})) == expected


RULES: dict[str, tuple[str, list[str]]] = {
    "queries that cannot be read, with their places": (
        "rules:\n  - id: a\n    query: Iran\n  - id: b\n    severity: low\n    query: |\n"
        '      Iran AND\n      "never closed\n',
        [
            'rules/iran.yaml:6: rule "b": this quote is never closed',
            '    "never closed',
            "    ^",
        ],
    ),
    "severity and tags": (
        "rules:\n  - id: a\n    query: Iran\n    severity: hgih\n    tags: iran\n"
        "  - id: b\n    query: Iran\n    severity: 3\n    tags:\n      - ok\n      - Not Ok\n"
        "      - yes\n",
        [
            'rules/iran.yaml:4: rule "a": unknown severity "hgih"; did you mean "high"? '
            "use low, normal, high or urgent",
            'rules/iran.yaml:5: rule "a": "tags": must be a list, as in [iran, oil], not text',
            'rules/iran.yaml:8: rule "b": "severity": YAML reads 3 as a number; write "3"',
            f'rules/iran.yaml:11: rule "b": "tags" item 2: {BAD_ID}',
            'rules/iran.yaml:12: rule "b": "tags" item 3: YAML reads yes as true; write "yes"',
        ],
    ),
    "a mistyped key is told once, and the query of a rule with another mistake is read too": (
        "rules:\n  - id: iran\n    querry: Iran\n  - id: b\n    query: '\"Iran'\n    tag: [x]\n",
        [
            'rules/iran.yaml:3: rule "iran": unknown key "querry"; did you mean "query"?',
            'rules/iran.yaml:5: rule "b": this quote is never closed',
            '    "Iran',
            "    ^",
            'rules/iran.yaml:6: rule "b": unknown key "tag"; did you mean "tags"?',
        ],
    ),
    "quotes that YAML took for its own": (
        'rules:\n  - id: a\n    query: "Iranian ground forces"\n  - id: b\n'
        "    query: 'Iran'\n  - id: c\n    query: '\"Iran Air\"'\n  - id: d\n"
        '    query: "Iran AND Syria"\n',
        [
            'rules/iran.yaml:3: warning: rule "a": YAML takes these quotes for its own, so the '
            "query is 3 words anywhere in the article; for the phrase write '\"…\"', for the "
            "words leave the quotes out",
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), RULES.values(), ids=RULES)
def test_mistakes_in_rules(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert told(write(tmp_path, {"rules/iran.yaml": text})) == expected


CHANNELS: dict[str, tuple[list[str], list[str]]] = {
    "a type nobody knows, and none": (
        ["    type: consle", "  - id: b", "  - id: c", "    type: [x]"],
        [
            'channels.yaml:3: channel "console": unknown type "consle"; '
            'did you mean "console"? use console, slack, email, webhook or apprise',
            'channels.yaml:4: channel "b": "type" is missing; '
            "write console, slack, email, webhook or apprise",
            'channels.yaml:6: channel "c": "type" must be '
            "console, slack, email, webhook or apprise",
        ],
    ),
    "secrets in the file are refused and never repeated": (
        [
            "    type: console",
            "  - {id: a, type: slack, webhook_url: https://hooks.example/TOPSECRET}",
            "  - id: b",
            "    type: slack",
            "    webhook_url: {https://hooks.example/TOPSECRET}",
            "  - id: c",
            "    type: slack",
            "    webhook_url:",
            "      env: https://hooks.example/TOPSECRET",
            "  - {id: d, type: slack, webhook_url: {}}",
            "  - {id: e, type: slack, webhook_url: {env: A, file: b}}",
        ],
        [
            f'channels.yaml:4: channel "a": "webhook_url": {SECRET}',
            f'channels.yaml:7: channel "b": "webhook_url": unknown key; {SECRET}',
            'channels.yaml:11: channel "c": "webhook_url.env": not the name of a variable; '
            f"{SECRET}",
            'channels.yaml:12: channel "d": "webhook_url": name one of env and file, '
            "as in {env: SLACK_WEBHOOK_URL}",
            'channels.yaml:13: channel "e": "webhook_url": name one of env and file, '
            "as in {env: SLACK_WEBHOOK_URL}",
        ],
    ),
    "a mail server": (
        [
            "    type: email",
            "    port: yes",
            "    tls: ssl",
            "    password: 12345678",
            "    sender: desk",
            "    recipients:",
            "      - desk@example.org",
            "      - desk at example.org",
            "  - id: b",
            "    type: email",
            "    host: mail.example",
            "    sender: a@b.example",
            "    port: 70000",
            "    recipients: []",
            "  - id: c",
            "    type: email",
            "    host: mail.example",
            "    sender: a@b.example",
            "    username: desk",
            "    recipients: [a@b.example]",
        ],
        [
            'channels.yaml:2: channel "console": "host" is missing',
            'channels.yaml:4: channel "console": "port": must be a whole number, not yes or no',
            'channels.yaml:5: channel "console": unknown tls "ssl"; use starttls, tls or none',
            f'channels.yaml:6: channel "console": "password": {SECRET}',
            'channels.yaml:7: channel "console": "sender": '
            "an e-mail address looks like name@example.org",
            'channels.yaml:10: channel "console": "recipients" item 2: '
            "an e-mail address looks like name@example.org",
            'channels.yaml:15: channel "b": "port": must be at most 65535',
            'channels.yaml:16: channel "b": "recipients": must not be empty',
            'channels.yaml:17: channel "c": username and password belong together',
        ],
    ),
    "Slack both ways, half a way, and somewhere else": (
        [
            "    type: console",
            "  - {id: a, type: slack, webhook_url: {env: A}, token: {env: B}, channel: desk}",
            "  - {id: b, type: slack, token: {env: B}}",
            "  - {id: c, type: slack, token: {env: B}, channel: My Desk}",
            "  - {id: d, type: slack, token: xoxb-TOPSECRET, channel: C024BE7LH}",
        ],
        [
            'channels.yaml:4: channel "a": name one of webhook_url and token',
            'channels.yaml:5: channel "b": token and channel belong together; '
            "a webhook has its channel from Slack",
            'channels.yaml:6: channel "c": "channel": a channel of Slack is an id such as '
            "C024BE7LH, or a name such as newsroom",
            f'channels.yaml:7: channel "d": "token": {SECRET}',
        ],
    ),
    "webhooks": (
        [
            "    type: console",
            "  - {id: a, type: webhook, url: ftp://a.example, secret: {env: A}}",
            "  - {id: b, type: webhook, url: https://b.example, secret: whsec_TOPSECRET}",
            "  - {id: c, type: webhook, url: {env: https://TOPSECRET}, secret: {env: A}}",
        ],
        [
            f'channels.yaml:4: channel "a": "url": {BAD_URL}',
            f'channels.yaml:5: channel "b": "secret": {SECRET}',
            f'channels.yaml:6: channel "c": "url.env": not the name of a variable; {SECRET}',
        ],
    ),
}


@pytest.mark.parametrize(("lines", "expected"), CHANNELS.values(), ids=CHANNELS)
def test_mistakes_in_channels(tmp_path: Path, lines: list[str], expected: list[str]) -> None:
    printed = told(write(tmp_path, channels(*lines)))
    assert [line for line in printed if "warning" not in line] == expected
    assert "TOPSECRET" not in "".join(printed)
    assert "12345678" not in "".join(printed)


MODES = "a mode is instant, {batch: 10m} or {digest: daily 08:00}"
BATCHES = "a batch looks like 10m or 2h, and is a day at most"
DIGESTS = "a digest looks like daily 08:00 or weekly mon 08:00"
TIMES = "a time of day looks like 08:00 or 22:30; midnight is 00:00"


def subscriptions(*each: tuple[str, ...]) -> str:
    """Subscriptions a, b, … to all rules, each with further lines."""
    head = "  - id: {}\n    channel: console\n    rules: all\n"
    items = [
        head.format(letter) + "".join(f"    {line}\n" for line in lines)
        for letter, lines in zip("abcdefgh", each, strict=False)
    ]
    return "subscriptions:\n" + "".join(items)


SUBSCRIPTIONS: dict[str, tuple[str, list[str]]] = {
    "names of nothing": (
        "subscriptions:\n  - id: a\n    channel: consol\n    rules:\n      ids:\n        - iran\n"
        "        - irann\n      severities: [hi]\n"
        "  - id: b\n    channel: console\n    rules: all\n",
        [
            'subscriptions.yaml:3: subscription "a": unknown channel "consol"; '
            'did you mean "console"?',
            'subscriptions.yaml:7: subscription "a": unknown rule "irann"; did you mean "iran"?',
            'subscriptions.yaml:8: subscription "a": unknown severity "hi"; did you mean "high"? '
            "use low, normal, high or urgent",
        ],
    ),
    "selections of the wrong shape": (
        "subscriptions:\n  - id: a\n    channel: console\n    rules: al\n  - id: b\n"
        "    channel: console\n    rules: [iran]\n  - id: c\n    channel: console\n"
        "    rules:\n      tag: [me]\n      ids: []\n    zone: London\n",
        [
            'subscriptions.yaml:4: subscription "a": "rules": write all, or which ones: '
            "{ids: […]}, {tags: […]} or {severities: […]}",
            'subscriptions.yaml:7: subscription "b": "rules": write all, or which ones: '
            "{ids: […]}, {tags: […]} or {severities: […]}",
            'subscriptions.yaml:11: subscription "c": "rules": unknown key "tag"; '
            'did you mean "tags"?',
            'subscriptions.yaml:12: subscription "c": "rules.ids": must not be empty',
            'subscriptions.yaml:13: subscription "c": "zone": '
            "not a time zone; write one like Europe/London or UTC",
        ],
    ),
    "a tag that no rule has, and a rule that nobody gets": (
        "subscriptions:\n  - id: a\n    channel: console\n    rules:\n      tags:\n        - mee\n",
        [
            'rules/iran.yaml:2: warning: rule "iran": no subscription selects it; '
            "its alerts reach nobody",
            'subscriptions.yaml:6: warning: subscription "a": no rule has the tag "mee"; '
            'did you mean "me"?',
        ],
    ),
    "a choice that no rule meets": (
        "subscriptions:\n  - id: a\n    channel: console\n    rules: all\n  - id: b\n"
        "    channel: console\n    rules: {tags: [me], severities: [urgent]}\n",
        ['subscriptions.yaml:7: warning: subscription "b": selects no rule'],
    ),
    "rules where there must be none, and none where there must be": (
        "subscriptions:\n  - id: a\n    kind: ops\n    channel: console\n    rules: all\n"
        "  - id: b\n    channel: console\n  - id: c\n    kind: opps\n    channel: console\n",
        [
            'subscriptions.yaml:2: subscription "a": a subscription of kind ops gets notices and '
            "no alerts; take its rules out, or write a second subscription for them",
            'subscriptions.yaml:6: subscription "b": "rules" is missing; write rules: all, or '
            "which ones",
            'subscriptions.yaml:9: subscription "c": unknown kind "opps"; did you mean "ops"? '
            "use alerts or ops",
        ],
    ),
    "modes that are none": (
        subscriptions(
            ("mode: digest", "zone: Europe/Londn"),
            ("mode: {batch: 10m, digest: daily 08:00}",),
            ("mode: {batch: 10}",),
            ("mode: {batch: 25h}",),
            ("mode:", "  digest: weekly monday 08:00"),
            ("mode: {digest: daily 24:00}",),
        ),
        [
            f'subscriptions.yaml:5: subscription "a": "mode": {MODES}',
            'subscriptions.yaml:6: subscription "a": "zone": '
            "not a time zone; write one like Europe/London or UTC",
            f'subscriptions.yaml:10: subscription "b": "mode": {MODES}',
            f'subscriptions.yaml:14: subscription "c": "mode.batch": {BATCHES}',
            f'subscriptions.yaml:18: subscription "d": "mode.batch": {BATCHES}',
            f'subscriptions.yaml:23: subscription "e": "mode.digest": {DIGESTS}',
            f'subscriptions.yaml:27: subscription "f": "mode.digest": {DIGESTS}',
        ],
    ),
    "quiet hours that are none": (
        subscriptions(
            ("quiet: 22:00-07:00",),
            ("quiet: {from: 22, to: 24:00}",),
            ("quiet:", "  start: 22:00", "  to: 07:00", "  days: [monday]"),
            ("quiet: {from: 22:00, to: 22:00}",),
            ("quiet: {from: 00:00, to: 00:00, days: [sat, sun], urgent: hold}",),
        ),
        [
            'subscriptions.yaml:5: subscription "a": "quiet": '
            "write when they begin and end, as in {from: 22:00, to: 07:00}",
            f'subscriptions.yaml:9: subscription "b": "quiet.from": {TIMES}',
            f'subscriptions.yaml:9: subscription "b": "quiet.to": {TIMES}',
            'subscriptions.yaml:13: subscription "c": "quiet.from" is missing',
            'subscriptions.yaml:14: subscription "c": "quiet": unknown key "start"; '
            "known keys are from, to, days and urgent",
            'subscriptions.yaml:16: subscription "c": unknown day "monday"; did you mean "mon"? '
            "use mon, tue, wed, thu, fri, sat or sun",
            'subscriptions.yaml:20: subscription "d": "quiet": these quiet hours never end; '
            "name the days on which they last from 22:00 to 22:00 of the next, "
            "as in days: [sat, sun]",
        ],
    ),
    "caps, floors and updates": (
        subscriptions(
            ("cap: 0", "min_severity: hi", "updates: loud"),
            ("cap: 20/h",),
            ("cap: 20", "mode: {batch: 10m}"),
        ),
        [
            'subscriptions.yaml:5: subscription "a": "cap": must be at least 1',
            'subscriptions.yaml:6: subscription "a": unknown min_severity "hi"; did you mean '
            '"high"? use low, normal, high or urgent',
            'subscriptions.yaml:7: subscription "a": unknown updates "loud"; '
            "use quiet, follow-up or none",
            'subscriptions.yaml:11: subscription "b": "cap": must be a whole number, not text',
            'subscriptions.yaml:12: subscription "c": cap is for mode: instant; what a batch or a '
            "digest gathers is one message anyway, so take cap out",
        ],
    ),
    "what is for alerts, for an operator": (
        "subscriptions:\n  - id: a\n    kind: ops\n    channel: console\n"
        "    quiet: {from: 22:00, to: 07:00}\n",
        [
            'subscriptions.yaml:2: subscription "a": '
            "quiet is for alerts; a subscription of kind ops has none",
        ],
    ),
    "notices only": (
        "subscriptions:\n  - id: a\n    kind: ops\n    channel: console\n",
        [
            'rules/iran.yaml:2: warning: rule "iran": no subscription selects it; '
            "its alerts reach nobody",
        ],
    ),
    "none at all": (
        "subscriptions: []\n",
        [
            'channels.yaml:2: warning: channel "console": no subscription uses it',
            'rules/iran.yaml:2: warning: rule "iran": no subscription selects it; '
            "its alerts reach nobody",
            "subscriptions.yaml: warning: there are no subscriptions in it",
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), SUBSCRIPTIONS.values(), ids=SUBSCRIPTIONS)
def test_mistakes_in_subscriptions(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert told(write(tmp_path, {"subscriptions.yaml": text})) == expected
