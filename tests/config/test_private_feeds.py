"""What private feeds need, checked when it is applied, on the line where it stands."""

from pathlib import Path

import pytest

from schemas.folder import FeedSpec, SecretRef
from services.config.folder import Folder, read_folder
from tests.config.written_folder import told, write

SECRET = "put the secret in a variable and write {env: NAME}, or in a file: {file: PATH}"

MISTAKES = {
    "headers that are not the operator's": (
        "headers:\n      Host: x\n      'Bad Name': y\n      If-None-Match: z\n",
        [
            '5: "headers.Host": the header Host is the poller\'s business; leave it out',
            '6: "headers.Bad Name": the name of a header is letters, digits and dashes, as in '
            "X-Api-Key",
            '7: "headers.If-None-Match": the header If-None-Match is the poller\'s business; '
            "leave it out",
        ],
    ),
    "values of headers": (
        'headers:\n      X-Two: "two\\r\\nlines"\n      X-Number: 12\n      X-List: [1]\n',
        [
            '5: "headers.X-Two": the value of a header is one line without control characters',
            '6: "headers.X-Number": YAML reads 12 as a number; write "12"',
            '7: "headers.X-List": must be text, not a list; put it in quotes',
        ],
    ),
    "a header that is a secret": (
        "headers: {x-api-key: abcdef}\n",
        [
            '4: "headers": the header x-api-key is a secret: put it in a variable and write '
            "{x-api-key: {env: NAME}}, or in a file: {x-api-key: {file: PATH}}"
        ],
    ),
    "a header twice": (
        "headers: {X-A: a, x-a: b}\n",
        ['4: "headers": the header X-A stands here twice'],
    ),
    "a misspelt reference": (
        "headers: {Cookie: {evn: A}}\n",
        [f'4: "headers.Cookie": unknown key; {SECRET}'],
    ),
    "two authorizations": (
        "headers: {Authorization: {env: A}}\n    token: {env: T}\n",
        [
            '5: "token": only one of basic, token and a header Authorization can be sent; '
            "drop the header Authorization"
        ],
    ),
    "two more authorizations": (
        "basic: {username: me, password: {env: P}}\n    token: {env: T}\n",
        ['5: "token": only one of basic, token and a header Authorization can be sent; drop basic'],
    ),
    "secrets in the file": (
        "basic: {username: me, password: hunter2}\n    query: {key: hunter2}\n",
        [f'4: "basic.password": {SECRET}', f'5: "query.key": {SECRET}'],
    ),
    "a parameter that the URL has": (
        "query: {page: {env: K}}\n",
        ['4: "query": the URL already has page=; take it out of the URL'],
    ),
    "a parameter without a name": (
        "query: {'': {env: K}}\n",
        ['4: "query.": the name of a parameter is 1 to 80 characters on one line'],
    ),
    "a proxy of another kind": (
        "proxy: socks5://proxy.example\n",
        ['4: "proxy": a URL starts with http:// or https:// and names a host'],
    ),
    "a proxy with a password": (
        "proxy: http://me:hunter2@proxy.example\n",
        [
            '4: "proxy": a proxy with a user name is a secret: put its address in a variable '
            "and write {env: NAME}, or in a file: {file: PATH}"
        ],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_on_its_line_without_the_secret(tmp_path: Path, name: str) -> None:
    text, expected = MISTAKES[name]
    feed = f"feeds:\n  - id: a\n    url: https://a.example/?page=1\n    {text}"
    lines = told(write(tmp_path, {"feeds.yaml": feed}))
    assert [
        line.replace(' feed "a":', "").removeprefix("feeds.yaml:") for line in lines
    ] == expected
    assert "hunter2" not in str(lines)


def test_all_that_a_private_feed_may_need_can_be_written(tmp_path: Path) -> None:
    feed = (
        "feeds:\n  - id: a\n    url: https://a.example/\n"
        "    headers:\n      Accept-Language: de\n      X-Api-Key: {file: /run/secrets/key}\n"
        "    token: {env: TOKEN}\n    query: {key: {env: KEY}}\n    proxy: {env: PROXY}\n"
        "  - id: b\n    url: https://b.example/\n"
        "    basic: {username: me, password: {env: PASS}}\n    proxy: http://10.0.0.1:3128\n"
    )
    folder = read_folder(write(tmp_path, {"feeds.yaml": feed}))
    assert isinstance(folder, Folder)
    first, second = folder.feeds
    assert first == FeedSpec(
        id="a",
        url="https://a.example/",
        headers={"Accept-Language": "de", "X-Api-Key": SecretRef(file="/run/secrets/key")},
        token=SecretRef(env="TOKEN"),
        query={"key": SecretRef(env="KEY")},
        proxy=SecretRef(env="PROXY"),
    )
    assert second.proxy == "http://10.0.0.1:3128"
