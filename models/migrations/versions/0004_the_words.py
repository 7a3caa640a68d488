"""the words"""

import sqlalchemy as sa
from alembic import op

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CONFIRMS, HOLDS = sa.text("confirms_id IS NOT NULL"), sa.text("kind = 'hold'")


def upgrade() -> None:
    op.add_column("message", sa.Column("confirms_id", BigId, nullable=True))
    op.create_index(
        "uq_message_confirms_id", "message", ["confirms_id"], unique=True, sqlite_where=CONFIRMS, postgresql_where=CONFIRMS
    )  # fmt: skip
    op.create_index(
        "ix_consent_event_hold", "consent_event", ["account_id", "id"], sqlite_where=HOLDS, postgresql_where=HOLDS
    )


def downgrade() -> None:
    op.drop_index("ix_consent_event_hold", table_name="consent_event")
    op.drop_index("uq_message_confirms_id", table_name="message")
    op.drop_column("message", "confirms_id")
