"""what was told, held, silenced and unsubscribed; the rank and the doubts of a delivery."""

import sqlalchemy as sa
from alembic import op

from services.store.tables import UtcDateTime

revision = "0004"
down_revision = "0003"

_TIME = UtcDateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("uncertain", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(
            sa.Column("kind", sa.String(length=10), server_default="alert", nullable=False)
        )
        batch_op.add_column(sa.Column("progress", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("updates", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("rank", sa.Integer(), server_default="0", nullable=False))
    with op.batch_alter_table("story_reports", schema=None) as batch_op:
        batch_op.add_column(sa.Column("url", sa.Text(), nullable=True))
    op.create_index(
        "ix_deliveries_queue",
        "deliveries",
        ["channel_id", "rank", "created_at", "delivery_id"],
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "told",
        sa.Column("subscription_id", sa.String(length=80), nullable=False),
        sa.Column("rule_id", sa.String(length=80), nullable=False),
        sa.Column("story_id", sa.String(length=32), nullable=False),
        sa.Column("told_at", _TIME, nullable=False),
        sa.Column("at_once", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("subscription_id", "rule_id", "story_id", name=op.f("pk_told")),
    )
    op.create_index(
        op.f("ix_told_subscription_id_rule_id_told_at"),
        "told",
        ["subscription_id", "rule_id", "told_at"],
    )
    op.create_index(op.f("ix_told_told_at"), "told", ["told_at"])
    op.create_table(
        "held",
        sa.Column("held_id", sa.String(length=32), nullable=False),
        sa.Column("story_id", sa.String(length=32), nullable=False),
        sa.Column("subscription_id", sa.String(length=80), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(length=10), nullable=False),
        sa.Column("rule_ids", sa.JSON(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("flooding", sa.String(length=80), nullable=True),
        sa.Column("silence_id", sa.String(length=32), nullable=True),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("held_at", _TIME, nullable=False),
        sa.Column("released_at", _TIME, nullable=True),
        sa.Column("delivery_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("held_id", name=op.f("pk_held")),
        sa.UniqueConstraint(
            "story_id",
            "subscription_id",
            "sequence",
            name=op.f("uq_held_story_id_subscription_id_sequence"),
        ),
    )
    op.create_index(
        "ix_held_waiting",
        "held",
        ["released_at", "subscription_id", "why", "urgent", "flooding", "held_at"],
    )
    op.create_index(op.f("ix_held_silence_id"), "held", ["silence_id"])
    op.create_table(
        "silences",
        sa.Column("silence_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("subscription_id", sa.String(length=80), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("begins_at", _TIME, nullable=False),
        sa.Column("ends_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("silence_id", name=op.f("pk_silences")),
    )
    op.create_index(op.f("ix_silences_ends_at"), "silences", ["ends_at"])
    op.create_table(
        "unsubscribed",
        sa.Column("subscription_id", sa.String(length=80), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("how", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("subscription_id", "address", name=op.f("pk_unsubscribed")),
    )
    op.create_table(
        "own_keys",
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", name=op.f("pk_own_keys")),
    )
    op.create_table(
        "suspended_channels",
        sa.Column("channel_id", sa.String(length=80), nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("trial_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("channel_id", name=op.f("pk_suspended_channels")),
    )
    op.create_table(
        "failure_episodes",
        sa.Column("channel_id", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("last_at", _TIME, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("told_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("channel_id", "reason", name=op.f("pk_failure_episodes")),
    )
