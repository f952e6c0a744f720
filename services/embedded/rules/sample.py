"""The article that a person gives to `rules explain`: a page, a file, or a text.

Decides what a file is (JSON by its first character, a page by its markup or its name, else
plain text) and reads pages with the poller's own fetching and extraction. What the person
says beside it (title, source, language, …) wins over what was read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from schemas.article import Article, TextReason
from schemas.folder import RuleTest
from services.engine.suite import article_of
from services.poller.articles import NoPageText, without_headline
from services.poller.extract import NoText, extract_page
from services.poller.reading import PageReader
from services.runtime.netguard import WAY_OUT

MAX_BYTES = 20_000_000
_HTML_NAMES = (".html", ".htm", ".xhtml")
_SIGNS_OF_HTML = (b"<!doctype html", b"<html", b"<head", b"<body", b"<article")
_KNOWN = frozenset(RuleTest.model_fields) - {"match"}

Facts = Mapping[str, Any]
"""What is known of an article, by the names a rule's test uses."""


class NoArticleError(Exception):
    """There is no article to explain; the text says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An article, and where it came from in words."""

    article: Article
    origin: str


def from_text(text: str, said: Facts) -> Sample:
    """An article made of what was typed."""
    return _sample({"body": text}, said, "the text given")


def from_file(path: Path, said: Facts) -> Sample:
    """An article out of a file; raises NoArticleError."""
    data = _bytes(path)
    if data.lstrip()[:1] == b"{":
        return _sample(_of_json(data, path), said, f"the JSON in {path}")
    if path.suffix.lower() in _HTML_NAMES or _looks_like_html(data):
        page = extract_page(data, "text/html", str(said.get("url") or "http://localhost/"))
        if isinstance(page, NoText):
            raise NoArticleError(f"{path}: no text was read: {page.reason.value}: {page.detail}")
        facts = _of_page(page.title, page.body, page.lang)
        return _sample(facts, said, f"the page in {path}, as it is extracted")
    try:
        return _sample({"body": data.decode("utf-8-sig")}, said, f"the text in {path}")
    except UnicodeDecodeError:
        raise NoArticleError(f"{path}: not text in UTF-8, no page and no JSON") from None


async def from_page(reader: PageReader, url: str, said: Facts) -> Sample:
    """The article at `url`, as the poller reads it; raises NoArticleError."""
    page = await reader.read(url)
    if isinstance(page, NoPageText):
        refused = page.reason is TextReason.REFUSED_ADDRESS
        way_out = f"; {WAY_OUT}" if refused else ""
        raise NoArticleError(f"{url}: no text was read: {page.reason.value}{way_out}")
    host = urlsplit(url).hostname
    facts = {**_of_page(page.title, page.body, page.lang), "url": url, "source": host}
    return _sample(facts, said, f"the page {url}, as it is extracted")


def _sample(read: Facts, said: Facts, origin: str) -> Sample:
    facts = {**read, **{name: value for name, value in said.items() if value}}
    try:
        return Sample(article_of(RuleTest.model_validate({**facts, "match": True})), origin)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise NoArticleError(f"{origin}: {where}: {first['msg']}") from None


def _of_page(title: str | None, body: str, lang: str | None) -> Facts:
    return {"title": title or "", "body": without_headline(body, title or ""), "lang": lang}


def _of_json(data: bytes, path: Path) -> Facts:
    """An article as it is on the bus, a test of a rule, or an answer with an article in it."""
    try:
        value = json.loads(data)
    except ValueError as error:
        raise NoArticleError(f"{path}: not JSON: {error}") from None
    inner = value.get("article")
    facts = inner if isinstance(inner, dict) else value
    found = {name: facts[name] for name in _KNOWN & facts.keys() if facts[name] is not None}
    if not {"title", "body", "summary"} & found.keys():
        raise NoArticleError(f'{path}: an article has at least one of "title", "body", "summary"')
    return {name: _as_tuple(value) for name, value in found.items()}


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _looks_like_html(data: bytes) -> bool:
    head = data[:5_000].lower()
    return any(sign in head for sign in _SIGNS_OF_HTML)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NoArticleError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    if len(data) > MAX_BYTES:
        raise NoArticleError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB")
    return data
