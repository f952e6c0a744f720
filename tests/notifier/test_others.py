"""Who else reports a story: each outlet once, copies and texts of their own told apart."""

from datetime import timedelta

import pytest

from services.notifier.message import MOST_OTHERS, AlertMessage
from services.notifier.others import says_more, with_others
from services.notifier.render.others import also_reported, outlets
from services.store.stories import ReportKind, Told
from tests.notifier.alerts import NOW, ferry_alert


def report(
    outlet: str, kind: ReportKind = ReportKind.COPY, story: str = "s", article: str = ""
) -> Told:
    number = len(outlet) + len(article)
    return Told(
        article or f"a-{outlet}",
        story,
        kind,
        f"{outlet}.example",
        outlet.title(),
        NOW + timedelta(minutes=number),
        f"https://{outlet}.example/1",
    )


FIRST = report("gazette", ReportKind.FIRST, article="a-1")


def alert(*told: Told) -> AlertMessage:
    return with_others(ferry_alert(), told)


def test_an_alert_that_is_alone_names_nobody() -> None:
    message = alert(FIRST)
    assert (message.others, outlets(message), also_reported(message)) == ((), "", "")


def test_copies_and_texts_of_their_own_are_told_apart() -> None:
    message = alert(FIRST, report("courier"), report("reuters", ReportKind.FIRST, "another"))
    assert also_reported(message) == "Also reported by Courier (copy) and Reuters"
    assert outlets(message) == "3 outlets, 1 of them a copy of Gazette"


def test_texts_of_their_own_are_no_copies() -> None:
    message = alert(FIRST, report("reuters", ReportKind.FIRST, "another"))
    assert outlets(message) == "2 outlets, each with a text of its own"


def test_copies_of_several_texts_are_counted_together() -> None:
    other = report("reuters", ReportKind.FIRST, "another")
    message = alert(FIRST, report("courier"), other, report("herald", story="another"))
    assert outlets(message) == "4 outlets, 2 of them copies"


def test_an_alert_of_a_copy_names_whose_it_is() -> None:
    first = report("agency", ReportKind.FIRST)
    message = alert(first, report("gazette", article="a-1"))
    assert also_reported(message) == "Also reported by Agency"
    assert outlets(message) == "2 outlets, 1 of them a copy of Agency"


def test_an_outlet_counts_once_and_its_own_not_at_all() -> None:
    again = [report("courier", article=f"c-{n}") for n in range(3)]
    own = report("gazette", ReportKind.FIRST, "another", article="a-2")
    message = alert(FIRST, *again, own)
    assert [other.source for other in message.others] == ["Courier"]


def test_what_is_not_named_is_counted() -> None:
    message = alert(FIRST, *(report(f"paper{'x' * n}") for n in range(MOST_OTHERS + 7)))
    assert (len(message.others), message.others_left_out) == (MOST_OTHERS, 7)
    assert f"{MOST_OTHERS + 8} outlets, " in outlets(message)


@pytest.mark.parametrize(("more", "says"), [(0, False), (1, True)])
def test_only_another_outlet_is_worth_saying(more: int, says: bool) -> None:
    old = alert(FIRST, report("courier"))
    new = alert(FIRST, report("courier"), *[report("herald")] * more)
    assert says_more(new, old) is says


def test_an_alert_of_before_messages_named_their_article_is_not_its_own_other() -> None:
    old = ferry_alert().model_copy(update={"article_id": None, "host": "www.gazette.example"})
    message = with_others(old, (FIRST, report("courier")))
    assert [other.source for other in message.others] == ["Courier"]
