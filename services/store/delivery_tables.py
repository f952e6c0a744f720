"""The tables from the judge to the channels: stories, alerts, deliveries and what holds them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from services.store.tables import UtcDateTime, metadata

# The last record each judge has finished, compared and set in its own transaction.
consumed_offsets = Table(
    "consumed_offsets",
    metadata,
    Column("group_name", String(80), nullable=False),
    Column("topic", String(80), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    PrimaryKeyConstraint("group_name", "topic", "partition"),
)

# Which story an article's revision was judged to belong to; a replay finds it here.
story_articles = Table(
    "story_articles",
    metadata,
    Column("article_id", String(32), nullable=False),
    Column("revision", String(16), nullable=False),
    Column("part", Integer, nullable=False),
    Column("story_id", String(32), nullable=False),
    Column("judged_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("article_id", "revision", "part"),
    Index(None, "story_id"),
    Index(None, "judged_at"),
)

# A story, and the group of stories that tell of the same event.
stories = Table(
    "stories",
    metadata,
    Column("story_id", String(32), primary_key=True),
    Column("group_id", String(32), nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Index(None, "group_id"),
)

# Which story an article tells, whatever its revision, and what finds copies of it.
story_reports = Table(
    "story_reports",
    metadata,
    Column("article_id", String(32), primary_key=True),
    Column("story_id", String(32), nullable=False),
    Column("kind", String(10), nullable=False),  # services.store.stories.ReportKind
    Column("outlet", String(255), nullable=False),
    Column("source", Text, nullable=False),  # as the operator calls the feed
    Column("title", Text, nullable=False),
    Column("page", Text, nullable=True),  # the address, without scheme
    Column("url", Text, nullable=True),  # the address, as the feed gives it
    Column("seen_at", UtcDateTime, nullable=False),
    Column("trace", LargeBinary, nullable=True),  # services.notifier.stories.stored
    Index(None, "story_id"),
    Index(None, "seen_at"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String(32), primary_key=True),
    Column("rule_id", String(80), nullable=False),
    Column("story_id", String(32), nullable=False),
    Column("rule_version", Integer, nullable=False),
    Column("severity", String(10), nullable=False),
    Column("article_id", String(32), nullable=False),
    Column("revision", String(16), nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    # The story whose alert has told of it: a round-up repeats what is known.
    Column("told_in", String(32), nullable=True),
    UniqueConstraint("rule_id", "story_id"),
    Index(None, "raised_at"),
)

# The queue of everything to be sent, and the record of what became of it.
deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", String(32), primary_key=True),
    Column("story_id", String(32), nullable=False),
    Column("subscription_id", String(80), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("channel_id", String(80), nullable=False),
    Column("kind", String(10), nullable=False, server_default="alert"),  # DeliveryKind
    # Of what is due, the lowest goes first: alerts before updates of what was sent.
    Column("rank", Integer, nullable=False, server_default="0"),
    Column("updates", String(32), nullable=True),  # the delivery that this one says more of
    Column("message", LargeBinary, nullable=False),  # see services.notifier.message
    Column("state", String(10), nullable=False),  # pending, delivered, failed, discarded
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),  # when it was first to be sent
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    # An attempt may have reached the channel without our hearing of it.
    Column("uncertain", Boolean, nullable=False, server_default=false()),
    Column("leased_by", String(40), nullable=True),
    Column("leased_until", UtcDateTime, nullable=True),
    Column("reason", String(20), nullable=True),  # of the last attempt that failed
    Column("detail", Text, nullable=True),
    Column("receipt", Text, nullable=True),
    Column("progress", Text, nullable=True),  # the channel's own: who has it, and who has not
    Column("finished_at", UtcDateTime, nullable=True),
    UniqueConstraint("story_id", "subscription_id", "sequence"),
    Index(None, "state", "channel_id", "next_attempt_at"),
    Index(
        "ix_deliveries_queue",
        "channel_id",
        "rank",
        "created_at",
        "delivery_id",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
)

# What the operator is to be told, once per episode; spread over the subscriptions of kind ops.
notices = Table(
    "notices",
    metadata,
    Column("notice_id", String(32), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("feed_id", String(80), nullable=True),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("notice", LargeBinary, nullable=False),  # schemas.notice.Notice
    Column("spread_at", UtcDateTime, nullable=True),  # when it became deliveries
    Index(None, "spread_at", "raised_at"),
    Index(None, "feed_id", "raised_at"),
)

# Which subscription was told of which rule's alert of which story, at once or later.
told = Table(
    "told",
    metadata,
    Column("subscription_id", String(80), nullable=False),
    Column("rule_id", String(80), nullable=False),
    Column("story_id", String(32), nullable=False),
    Column("told_at", UtcDateTime, nullable=False),  # when it was judged
    Column("at_once", Boolean, nullable=False),  # not held: what counts for the cap
    PrimaryKeyConstraint("subscription_id", "rule_id", "story_id"),
    Index(None, "subscription_id", "rule_id", "told_at"),
    Index(None, "told_at"),
)

# Messages that are not sent by themselves: gathered for a digest or a batch, held in quiet
# hours, over the cap, or silenced. Kept after their release for as long as deliveries are.
held = Table(
    "held",
    metadata,
    Column("held_id", String(32), primary_key=True),  # the delivery's id, had it been sent
    Column("story_id", String(32), nullable=False),
    Column("subscription_id", String(80), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("why", String(10), nullable=False),  # services.store.held.Why
    Column("rule_ids", JSON, nullable=False),
    Column("urgent", Boolean, nullable=False),  # a rule among them is
    Column("flooding", String(80), nullable=True),  # the rule that is over its cap
    Column("silence_id", String(32), nullable=True),
    Column("message", LargeBinary, nullable=False),  # see services.notifier.message
    Column("held_at", UtcDateTime, nullable=False),
    Column("released_at", UtcDateTime, nullable=True),
    Column("delivery_id", String(32), nullable=True),  # in which it was told
    UniqueConstraint("story_id", "subscription_id", "sequence"),
    # Covers what is asked every second: the first of what waits alike.
    Index(
        "ix_held_waiting", "released_at", "subscription_id", "why", "urgent", "flooding", "held_at"
    ),
    Index(None, "silence_id"),
)

# What nobody is told of, or one subscription is not, until an end.
silences = Table(
    "silences",
    metadata,
    Column("silence_id", String(32), primary_key=True),
    Column("kind", String(10), nullable=False),  # rule, source, story
    Column("target", String(255), nullable=False),
    Column("subscription_id", String(80), nullable=True),  # null: all
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("begins_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Index(None, "ends_at"),
)

# Who wants no more mail of a subscription; kept apart from what people write, so that
# `apply` cannot undo it.
unsubscribed = Table(
    "unsubscribed",
    metadata,
    Column("subscription_id", String(80), nullable=False),
    Column("address", String(320), nullable=False),  # empty: the whole subscription
    Column("since", UtcDateTime, nullable=False),
    Column("how", String(20), nullable=False),  # page, one-click
    PrimaryKeyConstraint("subscription_id", "address"),
)

# Keys that this installation made for itself, by their purpose.
own_keys = Table(
    "own_keys",
    metadata,
    Column("purpose", String(40), primary_key=True),
    Column("key", LargeBinary, nullable=False),
)

# Channels that cannot send anything until an operator mends them.
suspended_channels = Table(
    "suspended_channels",
    metadata,
    Column("channel_id", String(80), primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    Column("reason", String(20), nullable=False),
    Column("detail", Text, nullable=False),
    Column("trial_at", UtcDateTime, nullable=False),  # when one of its deliveries is tried next
)

# Deliveries that were given up, counted by channel and reason, so that many are told as one.
failure_episodes = Table(
    "failure_episodes",
    metadata,
    Column("channel_id", String(80), nullable=False),
    Column("reason", String(20), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("detail", Text, nullable=False),  # of the first
    Column("told_at", UtcDateTime, nullable=True),
    PrimaryKeyConstraint("channel_id", "reason"),
)
