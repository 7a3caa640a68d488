"""What became of the rows of a list when it was read? The result page, its bad rows with their sentences, and their download."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import request
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from admin import auth
from admin.formatters import mask
from admin.views.campaign_lists import CampaignLists
from admin.views.exports import stream_csv
from admin.views.guarded import page
from models.campaigns import AudienceRow, Campaign
from sender import exclusions

PAGE = 50


class CampaignRows(CampaignLists):
    """The result of reading a list."""

    rights: ClassVar[Mapping[str, str]] = {**CampaignLists.rights, "download_rows": "export"}

    @page("/loaded/")
    def loaded(self) -> Any:
        """What became of the rows of a campaign's list when it was read."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        listed = campaign.audience
        after = request.args.get("after", "")
        counted = select(AudienceRow.reason, func.count()).where(
            AudienceRow.audience_id == listed.id, AudienceRow.reason.is_not(None)
        )
        reasons = {row[0]: row[1] for row in self.database.execute(counted.group_by(AudienceRow.reason))}
        bad = self.database.scalars(
            select(AudienceRow)
            .where(AudienceRow.audience_id == listed.id, AudienceRow.reason.is_not(None))
            .where(AudienceRow.row > (int(after) if after.isdecimal() and len(after) < 10 else 0))
            .order_by(AudienceRow.row)
            .limit(PAGE + 1)
        ).all()
        return self.render_step(
            "campaign_loaded.html", 2, campaign=campaign, listed=listed, reasons=reasons, bad=bad[:PAGE], more=len(bad) > PAGE,
            meanings=exclusions.SENTENCES, sentence=row_sentence, written=written,
        )  # fmt: skip

    @page("/rows/", "POST")
    def download_rows(self) -> Response:
        """The rows that cannot be texted, as CSV: number, what the row said, and why."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        self.record("audience:export", campaign.audience)
        self.database.commit()
        query = self.database.query(AudienceRow).filter(
            AudienceRow.audience_id == campaign.audience_id, AudienceRow.reason.is_not(None)
        )
        columns = [
            ("row", "Row"),
            ("name", "Name"),
            ("phone", "Number as written"),
            ("reason", "Reason"),
            ("why", "Why"),
        ]
        allowed = auth.allowed("pii:view")

        def cell(row: AudienceRow, column: str) -> object:
            if column == "why":
                return row_sentence(row)
            if column in ("row", "reason"):
                return getattr(row, column)
            return written(row, column, whole=allowed)

        return stream_csv(query.order_by(AudienceRow.row), columns, cell, name=f"{campaign.audience.name} left out")


def row_sentence(row: AudienceRow) -> str:
    """Why a row cannot be texted."""
    return exclusions.sentence(row.reason, row.detail) if row.reason else ""


def written(row: AudienceRow, field: str, *, whole: bool = False) -> str:
    """What a row said; a number only in part, unless `whole`. A duplicate's number stands with its contact."""
    said = str(row.fields.get(field, ""))
    if field == "name" and not said:
        said = " ".join(filter(None, (str(row.fields.get(part, "")) for part in ("first_name", "last_name"))))
    return mask(said) if field == "phone" and not whole else said
