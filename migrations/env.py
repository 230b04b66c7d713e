"""Alembic's entry: runs on the connection that ``database.Database.upgrade`` hands over."""

from alembic import context

import database

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=database.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
