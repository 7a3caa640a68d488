"""Which replies may mean "leave me alone", and what did the person who read them find?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import abort, g, redirect, request
from markupsafe import Markup
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from admin import auth
from admin.formatters import NOTHING, badge, bubble, moment, phone, shown_by, when, words
from admin.forms import ConsoleForm, strip
from admin.views.guarded import flashed, page
from admin.views.keyset import KeysetModelView
from admin.views.search import looks_like_phone, phone_clause
from models.consent import ConsentEvent, ConsentKind
from models.contacts import Contact
from models.messages import Message
from sender import reviews
from sender.reviews import Settled, Verdict

SAID = {
    Verdict.REVOKED: "The number is unsubscribed.",
    Verdict.KEPT: "The number is released and may be texted again, unless something else forbids it.",
}
LATEST = 20
"""Texts of the conversation that are shown."""


class VerdictForm(ConsoleForm):
    """What a person found, and why."""

    reason = TextAreaField(
        "Why", [DataRequired("Say in a few words why."), Length(max=300)], filters=[strip],
        description="Such as: asks about the bill, not about our texts. It is kept in the ledger for ever.",
    )  # fmt: skip


def _text(view: Any, _context: Any, model: ConsentEvent, _name: str) -> Markup:
    message = view.replies([model]).get(model.message_id)
    return bubble(message) if message else NOTHING


def _clock(view: Any, _context: Any, model: ConsentEvent, _name: str) -> Markup:
    return view.clock(model)


def _due(view: Any, _context: Any, model: ConsentEvent, _name: str) -> Markup:
    return when(reviews.due(model.at, view.account.time_zone))


class ReviewView(KeysetModelView):
    """The replies that hold their number until somebody has read them."""

    view_right = "consent:view"
    rights: ClassVar[Mapping[str, str]] = {"decide": "consent:edit"}
    record_name, record_plural = "reply to review", "replies to review"
    purpose = "Replies that may ask us to stop. Their numbers get no text until somebody has read them and decided."
    empty_hint = "When a reply sounds as if its writer wants no more texts, it waits here. Nothing does now."
    search_hint = "Phone number"
    details_template = "admin/review.html"
    keyset_column = "id"
    primary_column = "phone"
    badge_columns = ("clock",)
    column_list = ("phone", "clock", "text", "at", "due")
    column_labels: ClassVar[dict[str, str]] = {
        "clock": "Clock", "text": "Reply", "at": "Held", "due": "To be decided",
    }  # fmt: skip
    column_searchable_list = ("phone",)
    column_formatters: ClassVar[dict[str, Any]] = {
        "phone": shown_by(phone), "clock": _clock, "text": _text, "at": shown_by(when), "due": _due,
    }  # fmt: skip

    def menu_count(self) -> int:
        """What waits for a person who may decide."""
        return reviews.count(self.database, self.account.id) if auth.allowed("consent:edit") else 0

    def scoped(self, query: Any) -> Any:
        """The account's holds; in the list, those that wait."""
        query = super().scoped(query).filter(ConsentEvent.kind == ConsentKind.HOLD)
        return query.filter(*reviews.waiting()) if request.endpoint == "reviews.index_view" else query

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        wanted = phone_clause(ConsentEvent.phone, search) if looks_like_phone(search) else ConsentEvent.id == -1
        return query.filter(wanted), count_query, joins, count_joins

    def get_list(self, *args: Any, **kwargs: Any) -> Any:
        """With the replies of all rows at once."""
        count, rows = super().get_list(*args, **kwargs)
        if kwargs.get("execute", True):
            self.replies(rows)
        return count, rows

    def replies(self, holds: list[ConsentEvent]) -> dict[int | None, Message]:
        """The texts that made these holds, by their ids; each is asked for once."""
        known: dict[int | None, Message] = g.setdefault("review_replies", {})
        ids = {hold.message_id for hold in holds} - set(known) - {None}
        if ids:
            mine = Message.id.in_(ids), Message.account_id == self.account.id
            known.update((message.id, message) for message in self.database.scalars(select(Message).where(*mine)))
        return known

    def clock(self, row: ConsentEvent) -> Markup:
        """How urgent it is."""
        now, settled = self.now(), reviews.settled_by(self.database, row) if request.args.get("id") else None
        if settled is not None:
            return badge("Decided", "ok")
        if now >= reviews.due(row.at, self.account.time_zone):
            return badge("Past its time", "bad")
        return badge("Late", "bad") if now - row.at >= reviews.limits(now.date()).alarm else badge("Waiting", "info")

    def due(self, row: ConsentEvent) -> Markup:
        """By when it has to be decided."""
        return moment(reviews.due(row.at, self.account.time_zone))

    def settled(self, row: ConsentEvent) -> ConsentEvent | None:
        """The entry by which it was."""
        return reviews.settled_by(self.database, row)

    def conversation(self, row: ConsentEvent) -> list[Message]:
        """The latest texts with the number, oldest first."""
        mine = select(Message).where(Message.account_id == self.account.id, Message.phone == row.phone)
        return list(self.database.scalars(mine.order_by(Message.id.desc()).limit(LATEST)))[::-1]

    def contact(self, row: ConsentEvent) -> Contact | None:
        """Whom we know under the number."""
        return self.database.scalar(
            select(Contact).where(Contact.account_id == self.account.id, Contact.phone == row.phone)
        )

    def form_of(self, _row: ConsentEvent) -> VerdictForm | None:
        """The form on the page, with what was typed; none for who may not decide."""
        if not auth.allowed("consent:edit"):
            return None
        found: VerdictForm = g.get("verdict_form") or VerdictForm()
        return found

    @page("/decide/", "POST")
    def decide(self) -> Response | str:
        """Carry out a decision with its reason, and note it in the audit log."""
        row = self.get_one(request.args.get("id", ""))
        try:
            verdict = Verdict(request.form.get("verdict", ""))
        except ValueError:
            abort(400, description="Choose one of the two decisions on the page of the reply.")
        form = g.verdict_form = VerdictForm(request.form)
        if not form.validate():
            columns = self.get_details_columns()
            return str(
                self.render(self.details_template, model=row, details_columns=columns, get_value=self.get_detail_value)
            )
        try:
            event = reviews.decide(
                self.database, row, verdict, reason=form.reason.data, actor=auth.actor(), now=self.now()
            )
        except Settled as problem:
            self.database.rollback()
            flashed(str(problem), good=False)
            return redirect(self.get_url(".details_view", id=row.id))
        after = {"phone": row.phone, "verdict": verdict.value, "reason": form.reason.data}
        self.record(f"consent:{event.kind.value}", event, after=after)
        self.database.commit()
        flashed(SAID[verdict])
        return redirect(self.get_url(".index_view"))

    def kind_words(self, event: ConsentEvent) -> str:
        """What an entry says happened."""
        return words(event.kind)
