"""the house"""

import sqlalchemy as sa
from alembic import op

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", BigId, nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("profile", sa.String(length=32), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("default_region", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("included_segments", BigId, nullable=False),
        sa.Column("segment_limit", BigId, nullable=False),
        sa.Column("alert_emails", sa.JSON(), nullable=False),
        sa.Column("twilio_sid", sa.String(), nullable=True),
        sa.Column("twilio_token", sa.Text(), nullable=True),
        sa.Column("twilio_token_previous", sa.Text(), nullable=True),
        sa.Column("test_mode", sa.Boolean(), nullable=False),
        sa.Column("pumping_protection", sa.Boolean(), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("launch_epoch", BigId, nullable=False),
        sa.Column("retention_days", BigId, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("slug", name=op.f("uq_account_slug")),
        sa.UniqueConstraint("twilio_sid", name=op.f("uq_account_twilio_sid")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("number", BigId, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject_kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("ip", sa.String(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
        sa.UniqueConstraint("account_id", "number", name=op.f("uq_audit_entry_account_id_number")),
    )
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entry_account_id_at", ["account_id", "at", "id"], unique=False)
        batch_op.create_index(
            "ix_audit_entry_subject", ["account_id", "subject_kind", "subject_id", "id"], unique=False
        )

    op.create_table(
        "fee_rule",
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("error_code", BigId, nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee_rule")),
        sa.UniqueConstraint("kind", "error_code", "valid_from", name=op.f("uq_fee_rule_kind_error_code_valid_from")),
    )
    op.create_table(
        "role",
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
        sa.UniqueConstraint("name", name=op.f("uq_role_name")),
    )
    op.create_table(
        "setting",
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_setting")),
    )
    op.create_table(
        "usage_daily",
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("sender_id", BigId, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("error_code", BigId, nullable=False),
        sa.Column("encoding", sa.String(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.Column("price_u", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id",
            "day",
            "run_id",
            "direction",
            "kind",
            "region",
            "sender_id",
            "status",
            "error_code",
            "encoding",
            name=op.f("pk_usage_daily"),
        ),
    )
    op.create_table(
        "usage_delta",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("sender_id", BigId, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("error_code", BigId, nullable=False),
        sa.Column("encoding", sa.String(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.Column("price_u", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_delta")),
    )
    op.create_table(
        "user",
        sa.Column("id", BigId, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.Boolean(), nullable=False),
        sa.Column("fs_uniquifier", sa.String(), nullable=False),
        sa.Column("fs_webauthn_user_handle", sa.String(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tf_primary_method", sa.String(), nullable=True),
        sa.Column("tf_totp_secret", sa.String(), nullable=True),
        sa.Column("tf_phone_number", sa.String(), nullable=True),
        sa.Column("mf_recovery_codes", sa.JSON(), nullable=True),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("current_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_login_ip", sa.String(), nullable=True),
        sa.Column("current_login_ip", sa.String(), nullable=True),
        sa.Column("login_count", BigId, nullable=False),
        sa.Column("create_datetime", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_datetime", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("email", name=op.f("uq_user_email")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_user_fs_uniquifier")),
        sa.UniqueConstraint("fs_webauthn_user_handle", name=op.f("uq_user_fs_webauthn_user_handle")),
    )
    op.create_table(
        "audience",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("rows", BigId, nullable=False),
        sa.Column("usable", BigId, nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_audience_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audience")),
    )
    op.create_table(
        "contact",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("phone_raw", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("line_type", sa.String(), nullable=False),
        sa.Column("time_zones", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address_region", sa.String(), nullable=True),
        sa.Column("postal_code", sa.String(), nullable=True),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_contact_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("account_id", "phone", name=op.f("uq_contact_account_id_phone")),
    )
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.create_index("ix_contact_account_id_external_id", ["account_id", "external_id"], unique=False)
        batch_op.create_index("ix_contact_account_id_name", ["account_id", "name", "id"], unique=False)

    op.create_table(
        "membership",
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("role_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_membership_account_id_account")),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name=op.f("fk_membership_role_id_role")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_membership_user_id_user")),
        sa.PrimaryKeyConstraint("user_id", "account_id", "role_id", name=op.f("pk_membership")),
    )
    op.create_table(
        "passkey",
        sa.Column("id", BigId, nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", BigId, nullable=False),
        sa.Column("transports", sa.JSON(), nullable=True),
        sa.Column("backup_state", sa.Boolean(), nullable=False),
        sa.Column("device_type", sa.String(), nullable=False),
        sa.Column("extensions", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("usage", sa.String(), nullable=False),
        sa.Column("create_datetime", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lastuse_datetime", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_passkey_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_table(
        "rate_card",
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("account_id", BigId, nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("entered_by", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_rate_card_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate_card")),
        sa.UniqueConstraint("name", name=op.f("uq_rate_card_name")),
    )
    op.create_table(
        "sending_number",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("sid", sa.String(), nullable=True),
        sa.Column("segments_per_second", BigId, nullable=False),
        sa.Column("verification", sa.String(length=32), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("tat_us", sa.BigInteger(), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_sending_number_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending_number")),
        sa.UniqueConstraint("account_id", "address", name=op.f("uq_sending_number_account_id_address")),
    )
    op.create_table(
        "statement",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("number", BigId, nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("total_u", sa.BigInteger(), nullable=False),
        sa.Column("rounding_u", sa.BigInteger(), nullable=False),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_statement_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement")),
        sa.UniqueConstraint("account_id", "month", "number", name=op.f("uq_statement_account_id_month_number")),
    )
    op.create_table(
        "template",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("use_case", sa.Text(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("system", sa.Boolean(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_template_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_template_account_id_name")),
    )
    op.create_table(
        "usage_record",
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("usage", sa.BigInteger(), nullable=False),
        sa.Column("price_u", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pulled_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_usage_record_account_id_account")),
        sa.PrimaryKeyConstraint("account_id", "day", "category", name=op.f("pk_usage_record")),
    )
    op.create_table(
        "workflow",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("event_kind", sa.String(), nullable=False),
        sa.Column("cancelled_by", sa.String(), nullable=True),
        sa.Column("signed_off_by", sa.String(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_workflow_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_workflow_account_id_name")),
    )
    with op.batch_alter_table("workflow", schema=None) as batch_op:
        batch_op.create_index("ix_workflow_event_kind", ["account_id", "event_kind"], unique=False)

    op.create_table(
        "audience_row",
        sa.Column("audience_id", BigId, nullable=False),
        sa.Column("row", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=True),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["audience_id"], ["audience.id"], name=op.f("fk_audience_row_audience_id_audience")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_audience_row_contact_id_contact")),
        sa.PrimaryKeyConstraint("audience_id", "row", name=op.f("pk_audience_row")),
    )
    with op.batch_alter_table("audience_row", schema=None) as batch_op:
        batch_op.create_index("ix_audience_row_audience_id_contact_id", ["audience_id", "contact_id"], unique=False)

    op.create_table(
        "conversation",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("sender_id", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=True),
        sa.Column("assignee_id", BigId, nullable=True),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("last_inbound_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_outbound_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_conversation_account_id_account")),
        sa.ForeignKeyConstraint(["assignee_id"], ["user.id"], name=op.f("fk_conversation_assignee_id_user")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_conversation_contact_id_contact")),
        sa.ForeignKeyConstraint(
            ["sender_id"], ["sending_number.id"], name=op.f("fk_conversation_sender_id_sending_number")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
        sa.UniqueConstraint(
            "account_id", "phone", "sender_id", name=op.f("uq_conversation_account_id_phone_sender_id")
        ),
    )
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.create_index(
            "ix_conversation_account_id_state", ["account_id", "state", "last_inbound_at", "id"], unique=False
        )

    op.create_table(
        "country_setting",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("default_prefix", sa.String(), nullable=True),
        sa.Column("sender_id", BigId, nullable=True),
        sa.Column("mms", sa.Boolean(), nullable=False),
        sa.Column("landlines", sa.Boolean(), nullable=False),
        sa.Column("opens_at", sa.Time(), nullable=True),
        sa.Column("closes_at", sa.Time(), nullable=True),
        sa.Column("pumping_protection", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_country_setting_account_id_account")),
        sa.ForeignKeyConstraint(
            ["sender_id"], ["sending_number.id"], name=op.f("fk_country_setting_sender_id_sending_number")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_country_setting")),
        sa.UniqueConstraint("account_id", "region", name=op.f("uq_country_setting_account_id_region")),
    )
    op.create_table(
        "event",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("contact_id", BigId, nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_event_account_id_account")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_event_contact_id_contact")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("account_id", "kind", "external_id", name=op.f("uq_event_account_id_kind_external_id")),
    )
    op.create_table(
        "rate",
        sa.Column("id", BigId, nullable=False),
        sa.Column("card_id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("message_kind", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("sender_kind", sa.String(), nullable=False),
        sa.Column("carrier", sa.String(), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("cost_u", sa.BigInteger(), nullable=False),
        sa.Column("price_u", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["rate_card.id"], name=op.f("fk_rate_card_id_rate_card")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate")),
        sa.UniqueConstraint(
            "card_id",
            "kind",
            "direction",
            "message_kind",
            "region",
            "sender_kind",
            "carrier",
            "valid_from",
            name=op.f("uq_rate_card_id_kind_direction_message_kind_region_sender_kind_carrier_valid_from"),
        ),
    )
    with op.batch_alter_table("rate", schema=None) as batch_op:
        batch_op.create_index("ix_rate_lookup", ["card_id", "kind", "region"], unique=False)

    op.create_table(
        "template_version",
        sa.Column("id", BigId, nullable=False),
        sa.Column("template_id", BigId, nullable=False),
        sa.Column("number", BigId, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("media_url", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"], ["template.id"], name=op.f("fk_template_version_template_id_template")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template_version")),
        sa.UniqueConstraint("template_id", "number", name=op.f("uq_template_version_template_id_number")),
    )
    op.create_table(
        "campaign",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("template_version_id", BigId, nullable=False),
        sa.Column("audience_id", BigId, nullable=False),
        sa.Column("sender_id", BigId, nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recurrence", sa.String(), nullable=True),
        sa.Column("segment_limit", BigId, nullable=True),
        sa.Column("budget_u", sa.BigInteger(), nullable=True),
        sa.Column("report_emails", sa.JSON(), nullable=False),
        sa.Column("priority", BigId, nullable=False),
        sa.Column("forecast_u", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_campaign_account_id_account")),
        sa.ForeignKeyConstraint(["audience_id"], ["audience.id"], name=op.f("fk_campaign_audience_id_audience")),
        sa.ForeignKeyConstraint(
            ["sender_id"], ["sending_number.id"], name=op.f("fk_campaign_sender_id_sending_number")
        ),
        sa.ForeignKeyConstraint(
            ["template_version_id"],
            ["template_version.id"],
            name=op.f("fk_campaign_template_version_id_template_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_campaign_account_id_name")),
    )
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.create_index("ix_campaign_account_id_state", ["account_id", "state", "id"], unique=False)
        batch_op.create_index("ix_campaign_state_starts_at", ["state", "starts_at"], unique=False)

    op.create_table(
        "note",
        sa.Column("id", BigId, nullable=False),
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("author_id", BigId, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"], name=op.f("fk_note_author_id_user")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_note_conversation_id_conversation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
    )
    with op.batch_alter_table("note", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_note_conversation_id"), ["conversation_id"], unique=False)

    op.create_table(
        "step",
        sa.Column("workflow_id", BigId, nullable=False),
        sa.Column("number", BigId, nullable=False),
        sa.Column("template_version_id", BigId, nullable=False),
        sa.Column("delay_seconds", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["template_version_id"], ["template_version.id"], name=op.f("fk_step_template_version_id_template_version")
        ),
        sa.ForeignKeyConstraint(["workflow_id"], ["workflow.id"], name=op.f("fk_step_workflow_id_workflow")),
        sa.PrimaryKeyConstraint("workflow_id", "number", name=op.f("pk_step")),
    )
    op.create_table(
        "run",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("campaign_id", BigId, nullable=False),
        sa.Column("number", BigId, nullable=False),
        sa.Column("audience_id", BigId, nullable=False),
        sa.Column("template_version_id", BigId, nullable=False),
        sa.Column("sender_id", BigId, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expanded_to", BigId, nullable=False),
        sa.Column("expanded", sa.Boolean(), nullable=False),
        sa.Column("audience_size", BigId, nullable=False),
        sa.Column("messages", BigId, nullable=False),
        sa.Column("excluded", BigId, nullable=False),
        sa.Column("segments", BigId, nullable=False),
        sa.Column("segments_claimed", BigId, nullable=False),
        sa.Column("segment_limit", BigId, nullable=True),
        sa.Column("launch_epoch", BigId, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_run_account_id_account")),
        sa.ForeignKeyConstraint(["audience_id"], ["audience.id"], name=op.f("fk_run_audience_id_audience")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_run_campaign_id_campaign")),
        sa.ForeignKeyConstraint(["sender_id"], ["sending_number.id"], name=op.f("fk_run_sender_id_sending_number")),
        sa.ForeignKeyConstraint(
            ["template_version_id"], ["template_version.id"], name=op.f("fk_run_template_version_id_template_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sa.UniqueConstraint("campaign_id", "number", name=op.f("uq_run_campaign_id_number")),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_campaign_id"), ["campaign_id"], unique=False)

    op.create_table(
        "exclusion",
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("row", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_exclusion_contact_id_contact")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_exclusion_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "row", name=op.f("pk_exclusion")),
    )
    with op.batch_alter_table("exclusion", schema=None) as batch_op:
        batch_op.create_index("ix_exclusion_run_id_reason", ["run_id", "reason", "row"], unique=False)

    op.create_table(
        "lane",
        sa.Column("id", BigId, nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("sender_id", BigId, nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("zones", sa.String(), nullable=False),
        sa.Column("priority", BigId, nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_lane_run_id_run")),
        sa.ForeignKeyConstraint(["sender_id"], ["sending_number.id"], name=op.f("fk_lane_sender_id_sending_number")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lane")),
        sa.UniqueConstraint(
            "run_id", "sender_id", "zones", "region", name=op.f("uq_lane_run_id_sender_id_zones_region")
        ),
    )
    op.create_table(
        "message",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("direction", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("run_id", BigId, nullable=True),
        sa.Column("lane_id", BigId, nullable=True),
        sa.Column("event_id", BigId, nullable=True),
        sa.Column("step", BigId, nullable=True),
        sa.Column("conversation_id", BigId, nullable=True),
        sa.Column("reply_key", sa.String(), nullable=True),
        sa.Column("contact_id", BigId, nullable=True),
        sa.Column("template_version_id", BigId, nullable=True),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("priority", BigId, nullable=False),
        sa.Column("sender_id", BigId, nullable=True),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("media_url", sa.String(), nullable=True),
        sa.Column("encoding", sa.String(), nullable=False),
        sa.Column("units", BigId, nullable=False),
        sa.Column("segments", BigId, nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt", BigId, nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("intent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("absences", BigId, nullable=False),
        sa.Column("sid", sa.String(), nullable=True),
        sa.Column("error_code", BigId, nullable=True),
        sa.Column("twilio_segments", BigId, nullable=True),
        sa.Column("twilio_price_u", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("final_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_message_account_id_account")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_message_contact_id_contact")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_message_conversation_id_conversation")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_message_event_id_event")),
        sa.ForeignKeyConstraint(["lane_id"], ["lane.id"], name=op.f("fk_message_lane_id_lane")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_message_run_id_run")),
        sa.ForeignKeyConstraint(["sender_id"], ["sending_number.id"], name=op.f("fk_message_sender_id_sending_number")),
        sa.ForeignKeyConstraint(
            ["template_version_id"],
            ["template_version.id"],
            name=op.f("fk_message_template_version_id_template_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("conversation_id", "reply_key", name=op.f("uq_message_conversation_id_reply_key")),
        sa.UniqueConstraint("event_id", "step", name=op.f("uq_message_event_id_step")),
        sa.UniqueConstraint("run_id", "contact_id", name=op.f("uq_message_run_id_contact_id")),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index("ix_message_account_id_created_at", ["account_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_message_account_id_phone", ["account_id", "phone", "id"], unique=False)
        batch_op.create_index(
            "ix_message_account_id_status", ["account_id", "status", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_message_open",
            ["lease_until"],
            unique=False,
            sqlite_where=sa.text("status IN ('claimed', 'in_doubt')"),
            postgresql_where=sa.text("status IN ('claimed', 'in_doubt')"),
        )
        batch_op.create_index(
            "ix_message_pending",
            ["sender_id", "lane_id", "priority", "due_at", "id"],
            unique=False,
            sqlite_where=sa.text("status = 'pending'"),
            postgresql_where=sa.text("status = 'pending'"),
        )
        batch_op.create_index("ix_message_run_id_status", ["run_id", "status", "id"], unique=False)
        batch_op.create_index(
            "ix_message_unpriced",
            ["account_id", "sent_at"],
            unique=False,
            sqlite_where=sa.text("sid IS NOT NULL AND twilio_price_u IS NULL"),
            postgresql_where=sa.text("sid IS NOT NULL AND twilio_price_u IS NULL"),
        )
        batch_op.create_index(
            "uq_message_sid",
            ["sid"],
            unique=True,
            sqlite_where=sa.text("sid IS NOT NULL"),
            postgresql_where=sa.text("sid IS NOT NULL"),
        )

    op.create_table(
        "callback",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("message_id", BigId, nullable=True),
        sa.Column("sid", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("error_code", BigId, nullable=True),
        sa.Column("attempt", BigId, nullable=True),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_callback_account_id_account")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_callback_message_id_message")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback")),
        sa.UniqueConstraint("token", name=op.f("uq_callback_token")),
    )
    with op.batch_alter_table("callback", schema=None) as batch_op:
        batch_op.create_index("ix_callback_message_id", ["message_id", "id"], unique=False)
        batch_op.create_index("ix_callback_sid", ["sid", "id"], unique=False)

    op.create_table(
        "charge",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("message_id", BigId, nullable=True),
        sa.Column("run_id", BigId, nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("revision", BigId, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("quantity", BigId, nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("unit_cost_u", sa.BigInteger(), nullable=False),
        sa.Column("unit_price_u", sa.BigInteger(), nullable=False),
        sa.Column("cost_u", sa.BigInteger(), nullable=False),
        sa.Column("price_u", sa.BigInteger(), nullable=False),
        sa.Column("rate_id", BigId, nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("reverses_id", BigId, nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_charge_account_id_account")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_charge_message_id_message")),
        sa.ForeignKeyConstraint(["rate_id"], ["rate.id"], name=op.f("fk_charge_rate_id_rate")),
        sa.ForeignKeyConstraint(["reverses_id"], ["charge.id"], name=op.f("fk_charge_reverses_id_charge")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_charge_run_id_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge")),
        sa.UniqueConstraint("message_id", "kind", "revision", name=op.f("uq_charge_message_id_kind_revision")),
    )
    with op.batch_alter_table("charge", schema=None) as batch_op:
        batch_op.create_index("ix_charge_account_id_day", ["account_id", "day", "kind"], unique=False)
        batch_op.create_index("ix_charge_run_id", ["run_id", "kind"], unique=False)

    op.create_table(
        "consent_event",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("message_id", BigId, nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_consent_event_account_id_account")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_consent_event_message_id_message")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_event")),
        sa.UniqueConstraint("account_id", "previous_hash", name=op.f("uq_consent_event_account_id_previous_hash")),
        sa.UniqueConstraint("hash", name=op.f("uq_consent_event_hash")),
    )
    with op.batch_alter_table("consent_event", schema=None) as batch_op:
        batch_op.create_index("ix_consent_event_account_id_id", ["account_id", "id"], unique=False)
        batch_op.create_index(
            "ix_consent_event_account_id_phone", ["account_id", "phone", "purpose", "id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("consent_event", schema=None) as batch_op:
        batch_op.drop_index("ix_consent_event_account_id_phone")
        batch_op.drop_index("ix_consent_event_account_id_id")

    op.drop_table("consent_event")
    with op.batch_alter_table("charge", schema=None) as batch_op:
        batch_op.drop_index("ix_charge_run_id")
        batch_op.drop_index("ix_charge_account_id_day")

    op.drop_table("charge")
    with op.batch_alter_table("callback", schema=None) as batch_op:
        batch_op.drop_index("ix_callback_sid")
        batch_op.drop_index("ix_callback_message_id")

    op.drop_table("callback")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_message_sid", sqlite_where=sa.text("sid IS NOT NULL"), postgresql_where=sa.text("sid IS NOT NULL")
        )
        batch_op.drop_index(
            "ix_message_unpriced",
            sqlite_where=sa.text("sid IS NOT NULL AND twilio_price_u IS NULL"),
            postgresql_where=sa.text("sid IS NOT NULL AND twilio_price_u IS NULL"),
        )
        batch_op.drop_index("ix_message_run_id_status")
        batch_op.drop_index(
            "ix_message_pending",
            sqlite_where=sa.text("status = 'pending'"),
            postgresql_where=sa.text("status = 'pending'"),
        )
        batch_op.drop_index(
            "ix_message_open",
            sqlite_where=sa.text("status IN ('claimed', 'in_doubt')"),
            postgresql_where=sa.text("status IN ('claimed', 'in_doubt')"),
        )
        batch_op.drop_index("ix_message_account_id_status")
        batch_op.drop_index("ix_message_account_id_phone")
        batch_op.drop_index("ix_message_account_id_created_at")

    op.drop_table("message")
    op.drop_table("lane")
    with op.batch_alter_table("exclusion", schema=None) as batch_op:
        batch_op.drop_index("ix_exclusion_run_id_reason")

    op.drop_table("exclusion")
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_run_campaign_id"))

    op.drop_table("run")
    op.drop_table("step")
    with op.batch_alter_table("note", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_note_conversation_id"))

    op.drop_table("note")
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.drop_index("ix_campaign_state_starts_at")
        batch_op.drop_index("ix_campaign_account_id_state")

    op.drop_table("campaign")
    op.drop_table("template_version")
    with op.batch_alter_table("rate", schema=None) as batch_op:
        batch_op.drop_index("ix_rate_lookup")

    op.drop_table("rate")
    op.drop_table("event")
    op.drop_table("country_setting")
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.drop_index("ix_conversation_account_id_state")

    op.drop_table("conversation")
    with op.batch_alter_table("audience_row", schema=None) as batch_op:
        batch_op.drop_index("ix_audience_row_audience_id_contact_id")

    op.drop_table("audience_row")
    with op.batch_alter_table("workflow", schema=None) as batch_op:
        batch_op.drop_index("ix_workflow_event_kind")

    op.drop_table("workflow")
    op.drop_table("usage_record")
    op.drop_table("template")
    op.drop_table("statement")
    op.drop_table("sending_number")
    op.drop_table("rate_card")
    op.drop_table("passkey")
    op.drop_table("membership")
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.drop_index("ix_contact_account_id_name")
        batch_op.drop_index("ix_contact_account_id_external_id")

    op.drop_table("contact")
    op.drop_table("audience")
    op.drop_table("user")
    op.drop_table("usage_delta")
    op.drop_table("usage_daily")
    op.drop_table("setting")
    op.drop_table("role")
    op.drop_table("fee_rule")
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entry_subject")
        batch_op.drop_index("ix_audit_entry_account_id_at")

    op.drop_table("audit_entry")
    op.drop_table("account")
