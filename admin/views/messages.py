"""What was sent and received, and what became of each text?"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import request, url_for
from markupsafe import Markup
from sqlalchemy import false, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from admin import auth, error_codes
from admin.formatters import NOTHING, moment, money, phone, shown_by, status, when, words
from admin.views import parked
from admin.views.filters import Chosen, Exactly, Since, Until
from admin.views.guarded import Command, Tab, page, several
from admin.views.keyset import KeysetModelView
from admin.views.parked_facts import Known, known
from admin.views.search import looks_like_phone, phone_clause
from models.campaigns import Campaign, Reason, Run
from models.contacts import Contact
from models.messages import Callback, Direction, Message, MessageStatus, with_phone
from models.opt_ins import carries_code
from models.templates import TemplateVersion

M = MessageStatus
BAD = frozenset({"failed", "undelivered", "canceled"})


def _error(_view: Any, _context: Any, model: Message, _name: str) -> Markup | str:
    """The code and its meaning."""
    found = error_codes.explain(model.error_code)
    if model.error_code is None:
        return words(model.reason) if model.reason else ""
    said = found.meaning if found else "No explanation is known"
    return Markup('<span class="mono">{}</span><span class="sub">{}</span>').format(model.error_code, said)


def _campaign(_view: Any, _context: Any, model: Message, _name: str) -> Markup | str:
    if model.run is None:
        return ""
    name = model.run.campaign.name
    if not auth.allowed("campaign:view"):
        return name
    return Markup('<a href="{}">{}</a>').format(url_for("campaigns.details_view", id=model.run.campaign_id), name)


def _body(_view: Any, _context: Any, model: Message, _name: str) -> Markup:
    if model.body is None:
        return Markup('<span class="soft">Removed after the retention period</span>')
    if not auth.allowed("pii:view"):
        return Markup('<span class="soft">Your role does not show what texts say</span>')
    if carries_code(model.reply_key):
        return Markup('<span class="soft">A code that only its recipient may read</span>')
    side = "in" if model.direction is Direction.INBOUND else ""
    return Markup('<div class="bubble {}">{}</div>').format(side, model.body)


def _segments(_view: Any, _context: Any, model: Message, _name: str) -> str:
    return f"{model.segments} ({model.encoding}, {model.units} units)"


class MessageView(KeysetModelView):
    """Every text of the account, newest first."""

    view_right = "message:view"
    rights: ClassVar[dict[str, str]] = {"decide": "message:decide"}
    action_rights: ClassVar[dict[str, str]] = {"look_up": "message:decide"}
    exportable = True
    record_name = "message"
    purpose = "Every text in both directions, and what became of it."
    empty_hint = "Texts appear here as soon as a campaign sends."
    search_hint = "Phone number or message SID"
    extra_arguments = ("contact",)
    details_template = "admin/message.html"
    primary_column = "phone"
    column_list = ("phone", "status", "direction", "campaign", "segments", "error_code", "twilio_price_u", "created_at")
    column_details_list = (
        "phone", "region", "direction", "campaign", "template", "body", "segments", "error_code", "twilio_price_u", "sid",
        "created_at", "sent_at", "final_at",
    )  # fmt: skip
    column_export_list = (
        "id", "phone", "region", "direction", "status", "segments", "encoding", "error_code", "twilio_price_u", "sid",
        "created_at", "sent_at", "final_at",
    )  # fmt: skip
    column_labels: ClassVar[dict[str, str]] = {
        "twilio_price_u": "Twilio's price", "error_code": "Problem", "created_at": "Created", "sent_at": "Taken by Twilio",
        "final_at": "Settled", "sid": "SID", "region": "Country", "body": "Text",
    }  # fmt: skip
    numeric_columns = ("segments", "twilio_price_u")
    badge_columns = ("status",)
    hidden_for: ClassVar[dict[str, tuple[str, ...]]] = {"cost:view": ("twilio_price_u",)}
    column_searchable_list = ("sid",)
    column_filters = (
        Chosen(Message.status, "Status", MessageStatus),
        Chosen(Message.direction, "Direction", Direction),
        Exactly(Message.error_code, "Error code", implied=Message.status.in_((M.FAILED, M.UNDELIVERED, M.CANCELED))),
        Chosen(Message.reason, "Left out because", Reason),
        Since(Message.created_at, "Created from", arg="since"),
        Until(Message.created_at, "Created until", arg="until"),
        Exactly(Message.run_id, "Run", arg="run"),
    )
    column_formatters: ClassVar[dict[str, Any]] = {
        "phone": shown_by(phone), "status": shown_by(status), "direction": shown_by(words), "campaign": _campaign,
        "error_code": _error, "twilio_price_u": shown_by(money), "created_at": shown_by(when),
    }  # fmt: skip
    column_formatters_detail: ClassVar[dict[str, Any]] = {
        **column_formatters, "body": _body, "segments": _segments, "template": lambda _v, _c, m, _n: m.template_version or NOTHING,
        "created_at": shown_by(moment), "sent_at": shown_by(moment), "final_at": shown_by(moment),
    }  # fmt: skip
    column_formatters_export: ClassVar[dict[str, Any]] = {
        "phone": shown_by(phone),
        "twilio_price_u": lambda _v, _c, m, _n: None if m.twilio_price_u is None else money(m.twilio_price_u),
    }

    def scoped(self, query: Any) -> Any:
        """The account's, or those of one contact: by id, so that no number stands in an address."""
        contact = request.args.get("contact", "") if request.endpoint == "messages.index_view" else ""
        if not contact and not looks_like_phone(request.args.get("search", "")):
            return super().scoped(query)
        # Written so that no index on the account applies: SQLite would walk all of its texts instead of those of one number.
        query = query.filter(Message.account_id + 0 == self.account.id)
        if not contact:
            return query
        key = int(contact) if contact.isascii() and contact.isdigit() and len(contact) < 19 else 0
        person = select(Contact.phone).where(Contact.id == key, Contact.account_id == self.account.id).scalar_subquery()
        return query.filter(with_phone(self.account.id, lambda number: number == person))

    def get_query(self) -> Any:
        """With the campaign and the template that a row names."""
        return super().get_query().options(
            joinedload(Message.run).joinedload(Run.campaign).load_only(Campaign.name),
            joinedload(Message.template_version).joinedload(TemplateVersion.template),
        )  # fmt: skip

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        if looks_like_phone(search):
            clause = with_phone(self.account.id, lambda number: phone_clause(number, search))
        elif search[:2].upper() in ("SM", "MM"):
            clause = Message.sid == search
        else:
            clause = false()
        return query.filter(clause), count_query, joins, count_joins

    def commands(self, row: Message) -> list[Command]:
        """What a person may decide about a parked message."""
        return parked.commands(self, row)

    def tabs(self) -> list[Tab]:
        """All, and those that wait for a person, where this one may decide."""
        if not auth.allowed("message:decide"):
            return []
        parked_now = self.filtered_by("status") == M.UNKNOWN
        return [
            Tab("All", self.get_url(".index_view"), active=not parked_now),
            Tab("To decide", self.filter_url(status=M.UNKNOWN.value), parked.count(self), active=parked_now),
        ]

    def menu_count(self) -> int:
        """What waits for a person."""
        return parked.count(self)

    def no_match(self) -> tuple[str, str]:
        """An empty list of parked messages is good news."""
        if self.filtered_by("status") == M.UNKNOWN:
            return "Nothing to decide", "Every text is either with Twilio, on its way there, or settled."
        return super().no_match()

    def is_action_allowed(self, name: str) -> bool:
        """Several at once only where parked ones are listed, so that the list has boxes nowhere else."""
        listed = request.endpoint != f"{self.endpoint}.index_view" or self.filtered_by("status") == M.UNKNOWN
        return listed and super().is_action_allowed(name)

    @several("look_up", "Look up", "Twilio is asked once more about each. Nothing is sent by asking.")
    def look_up(self, ids: list[str]) -> None:
        """Ask Twilio once more about several parked messages."""
        parked.look_up_all(self, ids)

    def known(self, row: Message) -> Known | None:
        """What is known of a parked message."""
        return known(self.database, row, now=self.now()) if row.status is M.UNKNOWN else None

    @page("/fate/")
    def fate(self) -> Any:
        """Where a message in doubt stands, as a fragment that is asked for until it is settled."""
        row: Message = self.get_one(request.args.get("id", ""))
        return self.render("message_fate.html", model=row)

    @page("/decide/", "POST")
    def decide(self) -> Response:
        """Carry out that decision."""
        return parked.apply(self)

    def steps(self, row: Message) -> list[tuple[str, object, str, str]]:
        """The message's story: ours first, then every callback as it came."""
        found: list[tuple[str, object, str, str]] = [("Created", moment(row.created_at), "", "")]
        if row.intent_at:
            found.append(
                (
                    f"Claimed, attempt {row.attempt}",
                    moment(row.intent_at),
                    "Before anything left, so that it cannot be sent twice.",
                    "",
                )
            )
        if row.absences or row.status is M.UNKNOWN:
            said = "Asked for texts to this number from that minute. Nothing is sent before that is settled."
            found.append(
                ("Looked up at Twilio", moment(row.updated_at), said, "" if row.status is not M.UNKNOWN else "off")
            )
        if row.sent_at:
            found.append(("Taken by Twilio", moment(row.sent_at), "", ""))
        for one in self.database.scalars(select(Callback).where(Callback.message_id == row.id).order_by(Callback.id)):
            tone = "bad" if one.status in BAD else "" if one.applied else "off"
            said = "" if one.applied else "Came late or again; the status did not change."
            if one.error_code:
                said = f"Error {one.error_code}. {said}".strip()
            found.append((f"Twilio: {words(one.status).lower()}", moment(one.received_at), said, tone))
        return found

    def problem(self, row: Message) -> error_codes.Meaning | None:
        """What the error code means."""
        return error_codes.explain(row.error_code)
