"""What hosts repeat on their pages, and whose headline a line is.

See `store_contract` for how a database is put to the test.
"""

from services.store import entry_titles, page_lines
from services.store.database import Database
from services.store.feeds import SeenEntry
from services.store.page_lines import Question
from tests.contracts.store_contract import MINUTE, NOW, StoreBase


class PageLinesContract(StoreBase):
    """The suite."""

    async def test_a_line_counts_once_a_page_and_not_on_the_page_itself(
        self, store: Database
    ) -> None:
        async with store.write() as tx:
            for page in ("p1", "p1", "p2"):
                await page_lines.remember_pages(tx, {("courier.example", page): ["a", "b"]}, NOW)
            await page_lines.remember_pages(tx, {("courier.example", "p3"): ["a", "c"]}, NOW)
            await page_lines.remember_pages(tx, {("other.example", "p4"): ["b", "c"]}, NOW)
        async with store.read() as tx:
            for page, expected in (("p3", "ab"), ("p1", "a"), ("p9", "ab")):
                asked = Question("x", (), "courier.example", page, ["a", "b", "c", "d"])
                (found,) = await page_lines.look_up(tx, [asked], 2)
                assert found.lines == frozenset(expected)
            nothing = Question("x", (), "courier.example", "p9", [])
            assert await page_lines.look_up(tx, [nothing], 2) == [page_lines.NOTHING]

    async def test_of_a_host_the_newest_lines_are_kept_and_none_that_is_old(
        self, store: Database
    ) -> None:
        async with store.write() as tx:
            for number in range(10):
                at, lines = NOW + number * MINUTE, [f"a{number}", f"b{number}"]
                one, two = ("busy.example", f"p{number}"), ("quiet.example", f"q{number}")
                await page_lines.remember_pages(tx, {one: lines, two: lines[:1]}, at)
            await page_lines.forget_old_pages(tx, NOW + MINUTE)
            await page_lines.forget_pages(tx, ["busy.example"], 6)
        async with store.read() as tx:
            everything = [f"{kind}{number}" for kind in "ab" for number in range(10)]
            asked = [Question("x", (), f"{h}.example", "-", everything) for h in ("busy", "quiet")]
            busy, quiet = await page_lines.look_up(tx, asked, 1)
        assert busy.lines == {"a7", "b7", "a8", "b8", "a9", "b9"}
        assert quiet.lines == {f"a{number}" for number in range(1, 10)}

    async def test_a_title_is_anothers_in_whatever_feed_it_stood(self, store: Database) -> None:
        async with store.write() as tx:
            for feed, article_id, title in (
                ("world", "a1", "t1"),
                ("top", "a2", "t1"),
                ("world", "a3", "t3"),
            ):
                seen = SeenEntry(article_id, "text", NOW)
                await entry_titles.remember_titles(tx, {feed: [(title, seen)]}, NOW)
        async with store.read() as tx:
            wanted = [f"t{number}" for number in range(900)]
            asked = [Question("a3", wanted), Question("a1", wanted), Question("a1")]
            found = await page_lines.look_up(tx, asked, 2)
        assert [answer.titles for answer in found] == [{"t1"}, {"t1", "t3"}, set()]
