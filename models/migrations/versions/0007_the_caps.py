"""the caps"""

import sqlalchemy as sa
from alembic import op

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NULLABLE = ("texts_per_day", "texts_per_week", "attempts_per_week", "max_invitations")


def upgrade() -> None:
    # Plain ADD COLUMN, never a copy of the table: rows are there already.
    for name in NULLABLE:
        op.add_column("account", sa.Column(name, BigId, nullable=True))
    op.add_column("account", sa.Column("cap_wait_hours", BigId, nullable=False, server_default=sa.text("24")))
    op.execute("UPDATE account SET attempts_per_week = 7, max_invitations = 3")
    op.add_column("campaign", sa.Column("subject", sa.String(), nullable=False, server_default=""))
    op.add_column("message", sa.Column("detail", sa.Text(), nullable=True))


def downgrade() -> None:
    op.execute("UPDATE message SET reason = 'segment_limit' WHERE reason = 'frequency'")  # the older version has no such word
    op.drop_column("message", "detail")
    op.drop_column("campaign", "subject")
    for name in ("cap_wait_hours", *NULLABLE):
        op.drop_column("account", name)
