"""How is a campaign made? Text and sender, then its list, one page after the other; nothing typed is lost on the way.

What was chosen so far travels in the address, so every step can be reloaded, and going back shows it again. The campaign is a
draft from the moment it has a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from flask import abort, redirect, request
from flask_admin.helpers import get_form_data
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired, Length, ValidationError

from admin import auth
from admin.database import db
from admin.forms import CHOOSE, ConsoleForm, RowField, strip
from admin.views.campaign_words import STEPS
from admin.views.guarded import GuardedModelView, flashed, page
from admin.views.templates import newest_versions
from models.accounts import SendingNumber
from models.campaigns import Audience, Campaign, CampaignState
from models.templates import Template, TemplateVersion
from sender import campaigns

CARRIED = ("campaign", "name", "template", "sender")


def templates() -> list[tuple[int, str]]:
    """The account's templates that a campaign may use."""
    query = (
        select(Template.id, Template.name)
        .where(
            Template.account_id == auth.current_account().id, Template.archived.is_(False), Template.system.is_(False)
        )
        .where(select(TemplateVersion.id).where(TemplateVersion.template_id == Template.id).exists())
        .order_by(Template.name)
    )
    return [(row.id, row.name) for row in db().execute(query)]


def senders() -> list[tuple[int, str]]:
    """The account's active senders, the default first, each with what holds it back."""
    query = select(SendingNumber).where(
        SendingNumber.account_id == auth.current_account().id, SendingNumber.active.is_(True)
    )
    rows = db().scalars(query.order_by(SendingNumber.is_default.desc(), SendingNumber.id))
    return [(sender.id, f"{sender}{'' if sender.may_send else ', not verified'}") for sender in rows]


class StartForm(ConsoleForm):
    """The first step."""

    name = StringField(
        "Name", [InputRequired("Give the campaign a name."), Length(max=120)], filters=[strip],
        description="For you and your colleagues; recipients do not see it.",
    )  # fmt: skip
    template = RowField("Text", templates, validators=[InputRequired(CHOOSE)])
    sender = RowField("Send from", senders, validators=[InputRequired(CHOOSE)])
    campaign_id: int | None = None
    """The draft that is being changed."""

    def validate_name(self, field: Any) -> None:
        """Each name once in an account."""
        same = select(Campaign.id).where(Campaign.account_id == auth.current_account().id, Campaign.name == field.data)
        if db().scalar(same.where(Campaign.id != (self.campaign_id or 0))) is not None:
            raise ValidationError("There is a campaign with this name already. Choose another name.")


class CampaignSteps(GuardedModelView):
    """The pages that lead to a draft."""

    rights: ClassVar[Mapping[str, str]] = {"create_view": "campaign:edit"}

    def draft(self, key: object) -> Campaign:
        """A campaign that may still be changed; anything else is an error page."""
        campaign: Campaign = self.get_one(key)
        if campaign.state is not CampaignState.DRAFT:
            abort(403, description="Only a draft can be changed. Clone the campaign instead.")
        return campaign

    def chosen(self) -> dict[str, str]:
        """What the steps before put into the address."""
        return {name: request.args[name][:200] for name in CARRIED if request.args.get(name)}

    def render_step(self, template: str, number: int, **kwargs: Any) -> Any:
        """A page of the way, with the way above it."""
        return self.render(template, steps=STEPS, step=number, chosen=self.chosen(), **kwargs)

    @page("/new/", "GET", "POST")
    def create_view(self) -> Any:
        """Step 1: what is said, and from which sender."""
        chosen = self.chosen()
        campaign = self.draft(chosen["campaign"]) if "campaign" in chosen else None
        form = StartForm(get_form_data() if request.method == "POST" else None, data=self._begun(campaign, chosen))
        form.campaign_id = campaign.id if campaign else None
        if request.method == "POST" and form.validate():
            picked = {"name": form.name.data, "template": form.template.data, "sender": form.sender.data}
            if campaign is not None:
                picked["campaign"] = campaign.id
            return redirect(self.get_url(".choose_audience", **picked))
        bodies = {key: version.source for key, version in newest_versions(self.database, self.account.id).items()}
        return self.render_step("campaign_start.html", 1, form=form, campaign=campaign, bodies=bodies)

    def _begun(self, campaign: Campaign | None, chosen: Mapping[str, str]) -> dict[str, Any]:
        """What the first page starts with."""
        begun: dict[str, Any] = {"sender": next((key for key, _ in senders()), None)}
        if campaign is not None:
            begun |= {
                "name": campaign.name,
                "template": campaign.template_version.template_id,
                "sender": campaign.sender_id,
            }
        numbers = {name: int(chosen[name]) for name in ("template", "sender") if chosen.get(name, "").isdecimal()}
        return begun | numbers | ({"name": chosen["name"]} if "name" in chosen else {})

    def picked(self, chosen: Mapping[str, str]) -> tuple[TemplateVersion, SendingNumber] | None:
        """The text and the sender of the first step; None when they are not there, or not the account's."""
        numbers = [int(chosen[name]) for name in ("template", "sender") if chosen.get(name, "").isdecimal()]
        if len(numbers) < 2 or not chosen.get("name") or max(numbers) >= 2**63:
            return None
        template, sender = self.database.get(Template, numbers[0]), self.database.get(SendingNumber, numbers[1])
        if template is None or sender is None or {template.account_id, sender.account_id} != {self.account.id}:
            return None
        return (template.current, sender) if template.current else None

    def save(self, listed: Audience, chosen: Mapping[str, str], *, next_page: str) -> Response:
        """Make the draft, or change it, and go on."""
        picked = self.picked(chosen)
        if picked is None:
            return redirect(self.get_url(".create_view", **chosen))
        version, sender = picked
        now = self.now()
        try:
            if "campaign" in chosen:
                campaign = self._revise(self.draft(chosen["campaign"]), chosen["name"], version, sender, listed, now)
            else:
                campaign = campaigns.create(
                    self.database, account=self.account, name=chosen["name"], template_version=version, audience=listed,
                    sender=sender, now=now, actor=auth.actor(),
                )  # fmt: skip
                self.record("campaign:create", campaign, after=made_of(campaign))
        except campaigns.NotAllowed as refusal:
            self.database.commit()  # the list stays and can be chosen on the next try
            flashed(str(refusal), good=False)
            return redirect(self.get_url(".create_view", **chosen))
        self.database.commit()
        return redirect(self.get_url(next_page, id=campaign.id))

    def _revise(
        self,
        campaign: Campaign,
        name: str,
        version: TemplateVersion,
        sender: SendingNumber,
        listed: Audience,
        now: datetime,
    ) -> Campaign:
        """Change what a draft is made of."""
        locked = self.database.scalars(
            select(Campaign)
            .where(Campaign.id == campaign.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()
        if locked.state is not CampaignState.DRAFT or listed.account_id != locked.account_id:
            raise campaigns.NotAllowed("Only a draft can be changed.")
        before = made_of(locked)
        locked.name, locked.template_version, locked.sender, locked.audience = name, version, sender, listed
        locked.purpose, locked.updated_at = version.template.purpose, now
        self.database.flush()
        after = made_of(locked)
        if before != after:
            self.record("campaign:edit", locked, before=before, after=after)
        return locked


def made_of(campaign: Campaign) -> dict[str, Any]:
    """What an audit entry says of a campaign."""
    return {
        "name": campaign.name, "template": str(campaign.template_version), "audience": campaign.audience.name,
        "sender": str(campaign.sender),
    }  # fmt: skip
