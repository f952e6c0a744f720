"""Alembic's entry point; the connection is handed in by `services.store.migrate`."""

from alembic import context

from services.store import delivery_tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=delivery_tables.deliveries.metadata,
    render_as_batch=True,
    user_module_prefix="",
)
with context.begin_transaction():
    context.run_migrations()
