"""the windows"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LANE = {
    "uq_lane_run_id_sender_id_zones_region": ["run_id", "sender_id", "zones", "region"],
    "uq_lane_run_id_sender_id_zones_region_places_quiet": ["run_id", "sender_id", "zones", "region", "places", "quiet"],
}
BEFORE, AFTER = LANE


def upgrade() -> None:
    for column in ("opens_at", "closes_at"):
        op.add_column("account", sa.Column(column, sa.Time(), nullable=True))
    for table, columns in {"contact": ("quiet_hours", "quiet_source"), "lane": ("places", "quiet")}.items():
        for column in columns:
            op.add_column(table, sa.Column(column, sa.String(), nullable=False, server_default=""))
    op.add_column("campaign", sa.Column("over_days", sa.Boolean(), nullable=False, server_default=sa.false()))
    unique(BEFORE, AFTER)


def downgrade() -> None:
    """Lanes that only differ in what is dropped become one."""
    alike = "other.run_id = lane.run_id AND other.sender_id = lane.sender_id AND other.zones = lane.zones AND other.region = lane.region"
    first = f"(SELECT min(other.id) FROM lane AS other WHERE {alike})"
    op.execute(
        f"UPDATE message SET lane_id = (SELECT {first} FROM lane WHERE lane.id = message.lane_id) "
        f"WHERE lane_id IN (SELECT lane.id FROM lane WHERE lane.id <> {first})"
    )
    op.execute(f"DELETE FROM lane WHERE id <> {first}")
    unique(AFTER, BEFORE)
    for table, columns in {
        "campaign": ["over_days"], "lane": ["quiet", "places"], "contact": ["quiet_source", "quiet_hours"],
        "account": ["closes_at", "opens_at"],
    }.items():  # fmt: skip
        for column in columns:
            op.drop_column(table, column)


def unique(old: str, new: str) -> None:
    """One key of the lanes instead of the other. On SQLite the table is copied; `models.schema.altering` keeps the references."""
    with op.batch_alter_table("lane") as lane:
        lane.drop_constraint(old, type_="unique")
        lane.create_unique_constraint(new, LANE[new])
