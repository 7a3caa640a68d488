"""short links"""

import sqlalchemy as sa
from alembic import op

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "short_link",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_short_link_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_short_link")),
        sa.UniqueConstraint("code", name=op.f("uq_short_link_code")),
    )
    op.create_index("ix_short_link_account_id_created_at", "short_link", ["account_id", "created_at", "id"])
    op.create_table(
        "link_day",
        sa.Column("link_id", BigId, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("clicks", BigId, nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["short_link.id"], name=op.f("fk_link_day_link_id_short_link")),
        sa.PrimaryKeyConstraint("link_id", "day", name=op.f("pk_link_day")),
    )


def downgrade() -> None:
    op.drop_table("link_day")
    op.drop_table("short_link")
