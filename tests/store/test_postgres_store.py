"""The store on PostgreSQL keeps the contracts."""

from functools import partial

import pytest

from services.store.database import open_database
from tests.contracts.delivery_store_contract import DeliveryContract, JudgementContract
from tests.contracts.held_store_contract import HeldContract, ToldContract
from tests.contracts.lookup_store_contract import LookupContract
from tests.contracts.notice_store_contract import NoticeContract
from tests.contracts.page_lines_contract import PageLinesContract
from tests.contracts.silence_store_contract import SilenceContract, UnsubscribedContract
from tests.contracts.store_contract import OpenStore, StoreBase, StoreContract
from tests.contracts.websub_store_contract import WebSubContract


class OnPostgres(StoreBase):
    @pytest.fixture
    def open_store(self, postgres_url: str) -> OpenStore:
        return partial(open_database, postgres_url)


class TestStore(OnPostgres, StoreContract):
    pass


class TestJudgements(OnPostgres, JudgementContract):
    pass


class TestDeliveries(OnPostgres, DeliveryContract):
    pass


class TestLookups(OnPostgres, LookupContract):
    pass


class TestWebSub(OnPostgres, WebSubContract):
    pass


class TestNotices(OnPostgres, NoticeContract):
    pass


class TestPageLines(OnPostgres, PageLinesContract):
    pass


class TestSilences(OnPostgres, SilenceContract):
    pass


class TestUnsubscribed(OnPostgres, UnsubscribedContract):
    pass


class TestHeld(OnPostgres, HeldContract):
    pass


class TestTold(OnPostgres, ToldContract):
    pass
