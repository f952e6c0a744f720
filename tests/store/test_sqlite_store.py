"""The store on SQLite keeps the contracts."""

from functools import partial
from pathlib import Path

import pytest

from services.store.database import open_database, sqlite_url
from tests.contracts.delivery_store_contract import DeliveryContract, JudgementContract
from tests.contracts.held_store_contract import HeldContract, ToldContract
from tests.contracts.lookup_store_contract import LookupContract
from tests.contracts.notice_store_contract import NoticeContract
from tests.contracts.page_lines_contract import PageLinesContract
from tests.contracts.silence_store_contract import SilenceContract, UnsubscribedContract
from tests.contracts.store_contract import OpenStore, StoreBase, StoreContract
from tests.contracts.websub_store_contract import WebSubContract


class OnSqlite(StoreBase):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        return partial(open_database, sqlite_url(tmp_path / "wirewatch.sqlite"))


class TestStore(OnSqlite, StoreContract):
    pass


class TestJudgements(OnSqlite, JudgementContract):
    pass


class TestDeliveries(OnSqlite, DeliveryContract):
    pass


class TestLookups(OnSqlite, LookupContract):
    pass


class TestWebSub(OnSqlite, WebSubContract):
    pass


class TestNotices(OnSqlite, NoticeContract):
    pass


class TestPageLines(OnSqlite, PageLinesContract):
    pass


class TestSilences(OnSqlite, SilenceContract):
    pass


class TestUnsubscribed(OnSqlite, UnsubscribedContract):
    pass


class TestHeld(OnSqlite, HeldContract):
    pass


class TestTold(OnSqlite, ToldContract):
    pass
