"""leases and pauses of hosts, titles, lines of pages, hubs, notices."""

import sqlalchemy as sa
from alembic import op

from services.store.tables import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "poll_leases",
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("poller_id", sa.String(length=16), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("slot", name=op.f("pk_poll_leases")),
    )
    op.create_table(
        "host_pauses",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_host_pauses")),
    )
    op.create_table(
        "entry_titles",
        sa.Column("title", sa.String(length=32), nullable=False),
        sa.Column("feed_id", sa.String(length=80), nullable=False),
        sa.Column("article_id", sa.String(length=32), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("title", "feed_id", "article_id", name=op.f("pk_entry_titles")),
    )
    with op.batch_alter_table("entry_titles", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_entry_titles_feed_id_last_seen_at"),
            ["feed_id", "last_seen_at"],
            unique=False,
        )
    op.create_table(
        "entry_edits",
        sa.Column("article_id", sa.String(length=32), nullable=False),
        sa.Column("feed_id", sa.String(length=80), nullable=False),
        sa.Column("edits", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("article_id", name=op.f("pk_entry_edits")),
    )
    with op.batch_alter_table("entry_edits", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_entry_edits_feed_id_last_at"), ["feed_id", "last_at"], unique=False
        )
    op.add_column(
        "seen_entries",
        sa.Column("late", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_table(
        "page_lines",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("line", sa.String(length=32), nullable=False),
        sa.Column("page", sa.String(length=32), nullable=False),
        sa.Column("seen_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("host", "line", "page", name=op.f("pk_page_lines")),
    )
    with op.batch_alter_table("page_lines", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_page_lines_seen_at"), ["seen_at"], unique=False)
    op.create_table(
        "websub",
        sa.Column("callback", sa.String(length=64), nullable=False),
        sa.Column("feed_id", sa.String(length=80), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("hub", sa.Text(), nullable=False),
        sa.Column("hubs", sa.JSON(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("lease_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("pushed_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("streak", sa.Integer(), nullable=False),
        sa.Column("poll_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("callback", name=op.f("pk_websub")),
    )
    with op.batch_alter_table("websub", schema=None) as batch_op:
        batch_op.create_index(
            "uq_websub_feed_id",
            ["feed_id"],
            unique=True,
            sqlite_where=sa.text("state NOT IN ('leaving', 'left')"),
            postgresql_where=sa.text("state NOT IN ('leaving', 'left')"),
        )
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("feed_id", sa.String(length=80), nullable=True),
        sa.Column("raised_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("notice", sa.LargeBinary(), nullable=False),
        sa.Column("spread_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notices")),
    )
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_notices_spread_at_raised_at"), ["spread_at", "raised_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_notices_feed_id_raised_at"), ["feed_id", "raised_at"], unique=False
        )
    op.create_table(
        "feed_episodes",
        sa.Column("feed_id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("since", UtcDateTime(timezone=True), nullable=False),
        sa.Column("opened_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("feed_id", "kind", name=op.f("pk_feed_episodes")),
    )
