"""housekeeping"""

import sqlalchemy as sa
from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('housekeeping_jobs',
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('due_at', sa.Float(), nullable=False),
    sa.Column('outcome', sa.String(length=20), nullable=False),
    sa.Column('started_at', sa.Float(), nullable=True),
    sa.Column('ended_at', sa.Float(), nullable=True),
    sa.Column('succeeded_at', sa.Float(), nullable=True),
    sa.Column('seconds', sa.Float(), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('runs', sa.Integer(), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('cut_short', sa.Integer(), nullable=False),
    sa.Column('in_a_row', sa.Integer(), nullable=False),
    sa.Column('postponed_since', sa.Float(), nullable=True),
    sa.Column('looked_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_housekeeping_jobs'))
    )
    op.create_table('daily_digests',
    sa.Column('day', sa.String(length=10), nullable=False),
    sa.Column('until', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('day', name=op.f('pk_daily_digests'))
    )
    with op.batch_alter_table('timeline', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_timeline_at'), ['at'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('timeline', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_timeline_at'))

    op.drop_table('daily_digests')
    op.drop_table('housekeeping_jobs')
