"""The tables. What a column means stands here; the statements stand with each aggregate."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
)


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time, stored in UTC; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone: it would be off by hours, silently."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the stored time its zone back."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# What people wrote: feeds, rules, lists, channels, subscriptions, as validated by
# schemas.folder.
written = Table(
    "written",
    metadata,
    Column("kind", String(20), nullable=False),
    Column("item_id", String(80), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("version", Integer, nullable=False),  # rises with every change of the item
    Column("managed_by", String(20), nullable=False),  # "apply", or who else made it
    Column("updated_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("kind", "item_id"),
)

# One row per named number: see services.store.written.
counters = Table(
    "counters",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Integer, nullable=False),
)

# Records for `watch-rules`, written in the transaction that changed rules or lists.
outbox = Table(
    "outbox",
    metadata,
    # SQLite counts up an INTEGER only, which holds 64 bits there.
    Column(
        "sequence",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("key", String(100), nullable=False),
    Column("value", LargeBinary, nullable=True),  # null is a tombstone
    sqlite_autoincrement=True,
)

feed_states = Table(
    "feed_states",
    metadata,
    Column("feed_id", String(80), primary_key=True),
    Column("url", Text, nullable=False),  # the validators below belong to this URL
    Column("etag", Text, nullable=True),
    Column("last_modified", Text, nullable=True),
    Column("body_hash", String(64), nullable=True),
    Column("first_fetched_at", UtcDateTime, nullable=True),
    Column("next_due_at", UtcDateTime, nullable=False),
    Column("health", JSON, nullable=False),  # services.poller.memory
)

# The pollers that share the feeds, by their signs of life.
pollers = Table(
    "pollers",
    metadata,
    Column("poller_id", String(16), primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
)

# Which poller polls which share of the hosts: a share is one of a fixed number of slots.
poll_leases = Table(
    "poll_leases",
    metadata,
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("poller_id", String(16), nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

# Hosts that asked for a pause (429, 503): nothing is fetched from them before `until`.
host_pauses = Table(
    "host_pauses",
    metadata,
    Column("host", String(255), primary_key=True),
    Column("until", UtcDateTime, nullable=False),
)

# Every identity an entry was ever known by; see services.poller.identity.
seen_entries = Table(
    "seen_entries",
    metadata,
    Column("feed_id", String(80), nullable=False),
    Column("alias", String(32), nullable=False),  # a hash of the alias
    Column("article_id", String(32), nullable=False),  # empty: entries shared the alias
    Column("text_hash", String(64), nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),  # within a day
    # Dated long before it appeared: so are its later revisions.
    Column("late", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("feed_id", "alias"),
    Index(None, "feed_id", "last_seen_at"),
)

# The titles of entries: whether a feed was re-identified, and whether a line of a page is
# the headline of another article.
entry_titles = Table(
    "entry_titles",
    metadata,
    Column("title", String(32), nullable=False),  # a hash of the normalised title
    Column("feed_id", String(80), nullable=False),
    Column("article_id", String(32), nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),  # of the article
    Column("last_seen_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("title", "feed_id", "article_id"),
    Index(None, "feed_id", "last_seen_at"),
)

# Articles that were edited of late, so that one that changes all the time waits for its turn.
entry_edits = Table(
    "entry_edits",
    metadata,
    Column("article_id", String(32), primary_key=True),
    Column("feed_id", String(80), nullable=False),
    Column("edits", Integer, nullable=False),  # see services.poller.edits
    Column("last_at", UtcDateTime, nullable=False),  # when the last revision was published
    Index(None, "feed_id", "last_at"),
)

# Short lines of article pages, to find those that a host repeats on many of them.
page_lines = Table(
    "page_lines",
    metadata,
    Column("host", String(255), nullable=False),
    Column("line", String(32), nullable=False),  # a hash of the line
    Column("page", String(32), nullable=False),  # a hash of its address
    Column("seen_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("host", "line", "page"),
    Index(None, "seen_at"),
)

# Feeds that a hub pushes to us (WebSub); see services.poller.websub. A feed has at most one
# row that is not `leaving` or `left`; those are kept so that hubs can be told to stop.
websub = Table(
    "websub",
    metadata,
    Column("callback", String(64), primary_key=True),  # the random end of the callback's path
    Column("feed_id", String(80), nullable=False),
    Column("topic", Text, nullable=False),
    Column("hub", Text, nullable=False),
    Column("hubs", JSON, nullable=False),  # all that the feed shows, the best first
    Column("base", Text, nullable=False),  # the public URL that the hub was told
    Column("secret", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False),  # requests since it was last verified
    Column("next_at", UtcDateTime, nullable=False),  # when to subscribe, renew or try again
    Column("lease_until", UtcDateTime, nullable=True),
    Column("detail", Text, nullable=True),
    Column("pushed_at", UtcDateTime, nullable=True),
    Column("streak", Integer, nullable=False),  # pushes since a poll found what none had brought
    Column("poll_at", UtcDateTime, nullable=True),  # by when a poll makes up for a push
    Index(
        "uq_websub_feed_id",
        "feed_id",
        unique=True,
        sqlite_where=text("state NOT IN ('leaving', 'left')"),
        postgresql_where=text("state NOT IN ('leaving', 'left')"),
    ),
)

# The episodes that go on: one row for a feed that is broken or silent, and one, under a name
# that no feed has, for all feeds while most cannot be read. See services.poller.health.
feed_episodes = Table(
    "feed_episodes",
    metadata,
    Column("feed_id", String(80), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("since", UtcDateTime, nullable=False),  # the first failure, the last new entry
    Column("opened_at", UtcDateTime, nullable=False),  # when it was noticed
    PrimaryKeyConstraint("feed_id", "kind"),
)

# Articles published with their summary only, whose page is to be tried again.
page_retries = Table(
    "page_retries",
    metadata,
    Column("article_id", String(32), primary_key=True),
    Column("feed_id", String(80), nullable=False),
    Column("article", LargeBinary, nullable=False),  # schemas.article.Article as published
    Column("attempt", Integer, nullable=False),  # tries so far; -1: not published yet
    Column("due_at", UtcDateTime, nullable=False),
    Index(None, "due_at"),
)
