"""A page in front of the article is not the article."""

import pytest

from services.poller.walls import is_consent_page, is_wall

ASKED = "https://www.courier.example/world/article-1.html"


@pytest.mark.parametrize(
    "final",
    [
        "https://consent.courier.example/v2/collectConsent?sessionId=1",
        "https://guce.courier.example/copyConsent",
        "https://www.courier.example/consent?return=%2Fworld%2Farticle-1.html",
        "https://www.courier.example/cookiewall/",
        "https://myprivacy.press.example/?callbackurl=x",
    ],
)
def test_a_request_sent_on_to_ask_for_consent_reached_no_article(final: str) -> None:
    assert is_consent_page(ASKED, final)


@pytest.mark.parametrize(
    "final",
    [
        ASKED,
        "https://www.courier.example/world/article-1.html?edition=eu",
        "https://www.courier.example/world/consent-of-the-governed.html",
        "https://amp.courier.example/law/gdpr-five-years-on",
        "https://www.consenttimes.example/article",
    ],
)
def test_other_redirects_are_followed(final: str) -> None:
    assert not is_consent_page(ASKED, final)


def test_an_article_that_stands_on_such_an_address_is_read() -> None:
    assert not is_consent_page("https://x.example/consent/", "https://x.example/consent/")


@pytest.mark.parametrize(
    "text",
    [
        "We and our partners store cookies on your device.\n\nYou may accept or manage your "
        "choices at any time in our privacy centre.\n\nThe Courier",
        "Wir verwenden Cookies.\n\nMit Ihrer Einwilligung zeigen wir Werbung.",
        "Please enable JavaScript and disable any ad blocker to proceed to the page.",
        "Access denied\n\nAccess denied by rule 15. You have no permission to see this page.",
        "Checking your browser before you go on.\n\nVerify that you are human by waiting a moment.",
    ],
)
def test_what_walls_say_is_no_article(text: str) -> None:
    assert is_wall(text)


@pytest.mark.parametrize(
    "text",
    [
        "Scouts sold more cookies than ever in Port Ellis.\n\nThe cookies are baked by volunteers.",
        "The court ruled that sites need consent.\n\nIts judges will hear the appeal in the "
        "spring, and the commission said that it would wait for them before it went on.",
        "Ministers agree on the privacy law.\n\nThe vote was close: eleven of them were for it.",
        "Ships left at noon.\n\nThis site uses cookies; by reading on you accept them.\n\n"
        "They came back empty before the evening, the harbour master said, and nobody knew why.",
    ],
)
def test_an_article_about_cookies_or_beside_a_banner_is_one(text: str) -> None:
    assert not is_wall(text)
