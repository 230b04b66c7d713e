"""outbox"""

import sqlalchemy as sa
from alembic import op


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('outbox_channels',
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('installation', sa.String(length=40), nullable=False),
    sa.Column('cursor', sa.Integer(), nullable=False),
    sa.Column('retired', sa.Boolean(), nullable=False),
    sa.Column('wait_until', sa.Float(), nullable=True),
    sa.Column('wait_reason', sa.Text(), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('blocked_at', sa.Float(), nullable=True),
    sa.Column('blocked_reason', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_outbox_channels'))
    )
    op.create_table('outbox_deliveries',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('channel', sa.String(length=40), nullable=False),
    sa.Column('subject', sa.String(length=60), nullable=False),
    sa.Column('incident_id', sa.Integer(), nullable=True),
    sa.Column('newest', sa.Integer(), nullable=False),
    sa.Column('through', sa.Integer(), nullable=False),
    sa.Column('importance', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=20), nullable=False),
    sa.Column('since', sa.Float(), nullable=False),
    sa.Column('not_before', sa.Float(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('receipt', sa.Text(), nullable=False),
    sa.Column('uncertain', sa.Boolean(), nullable=False),
    sa.Column('claimed_at', sa.Float(), nullable=True),
    sa.Column('first_attempt_at', sa.Float(), nullable=True),
    sa.Column('sent_at', sa.Float(), nullable=True),
    sa.Column('left_out', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox_deliveries')),
    sa.UniqueConstraint('channel', 'subject', name=op.f('uq_outbox_deliveries_channel_subject')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('outbox_deliveries', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_outbox_deliveries_incident_id'), ['incident_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_outbox_deliveries_state'), ['state'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('outbox_deliveries', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_outbox_deliveries_state'))
        batch_op.drop_index(batch_op.f('ix_outbox_deliveries_incident_id'))

    op.drop_table('outbox_deliveries')
    op.drop_table('outbox_channels')
