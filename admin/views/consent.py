"""Who must not be texted, since when, and how do we know? The menu says Unsubscribes; the ledger behind it only ever grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import abort, redirect, request
from markupsafe import Markup
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import aliased
from werkzeug.wrappers import Response
from wtforms import StringField, TextAreaField, ValidationError
from wtforms.validators import DataRequired, Length

from admin import auth
from admin.formatters import NOTHING, badge, moment, phone, shown_by, status, when, words
from admin.forms import ConsoleForm, Section, WordField, strip
from admin.views.consent_answer import ConsentAnswer
from admin.views.filters import Chosen, Since, Until
from admin.views.guarded import Command, Tab, flashed, page
from admin.views.search import looks_like_phone, phone_clause
from models.consent import BLOCKING, ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.contacts import Contact
from models.phones import Phone, PhoneProblem, normalise
from sender import consent, flags

K = ConsentKind
OPTED = (K.OPT_OUT, K.OPT_IN, K.RE_SUBSCRIBE)
HELD = (K.HOLD, K.RELEASE, K.RE_SUBSCRIBE)
EVENTS, BACK = "events", "back"
"""What the list may show beside those who must not be texted: every entry, and those who came back."""
COUNTED = 10_000
"""Rows of a tab are counted up to here."""
CARRIER = "If the person texted STOP, Twilio blocks the number, too, until they text START from that phone."


class UnsubscribeForm(ConsoleForm):
    """A refusal that reached us in another way than by text."""

    phone = StringField("Phone", [DataRequired()], filters=[strip], description="As you have it, in any notation.")
    purpose = WordField("They refuse", Purpose, description="All is what a STOP means.")
    reason = StringField(
        "How we know",
        [DataRequired(), Length(max=300)],
        filters=[strip],
        description="Such as: asked by phone on 3 November.",
    )
    sections = (
        Section("Unsubscribe a number", "It is not texted from this moment on.", ("phone", "purpose", "reason")),
    )

    def validate_phone(self, field: Any) -> None:
        """A number that exists."""
        found = normalise(field.data, auth.current_account().default_region)
        if isinstance(found, PhoneProblem):
            raise ValidationError(found.sentence)


class EvidenceForm(ConsoleForm):
    """Why a block may end."""

    how = TextAreaField(
        "How they agreed", [DataRequired(), Length(max=1000)], filters=[strip],
        description="What they said or signed, when, and what was shown to them. This is kept for ever.",
    )  # fmt: skip


def _blocks(_view: Any, _context: Any, model: ConsentEvent, _name: str) -> Markup:
    return status(model.kind)


def _evidence(_view: Any, _context: Any, model: ConsentEvent, _name: str) -> Markup:
    if not model.evidence:
        return NOTHING
    return Markup("").join(
        Markup("<div>{}: {}</div>").format(words(key), value) for key, value in model.evidence.items()
    )


def shown_in(show: str) -> tuple[ColumnElement[bool], ...]:
    """The conditions of a list: every entry, re-subscribes that still hold, or blocks that do."""
    if show == EVENTS:
        return ()
    if show == BACK:
        return ConsentEvent.kind == K.RE_SUBSCRIBE, ~_later((K.OPT_OUT, K.RE_SUBSCRIBE))
    stands = (
        (ConsentEvent.kind != blocking) | ~_later(enders) for blocking, enders in ((K.OPT_OUT, OPTED), (K.HOLD, HELD))
    )
    return (ConsentEvent.kind.in_(sorted(BLOCKING)), *stands)


def _later(kinds: tuple[ConsentKind, ...]) -> ColumnElement[bool]:
    """Whether a later entry of these kinds is about the same number, erased or not, and the same purpose or every one."""
    later = aliased(ConsentEvent)
    numbers = (
        and_(later.phone == ConsentEvent.phone, ConsentEvent.phone != ""),
        later.number_hash == ConsentEvent.number_hash,
    )
    return or_(
        *(
            select(later.id)
            .where(later.account_id == ConsentEvent.account_id, same, later.id > ConsentEvent.id)
            .where(later.kind.in_(kinds), later.purpose.in_((Purpose.ALL, ConsentEvent.purpose)))
            .exists()
            for same in numbers
        )
    )


class ConsentView(ConsentAnswer):
    """The numbers that must not be texted, or every event of the ledger."""

    view_right = "consent:view"
    edit_right = "consent:edit"
    rights: ClassVar[Mapping[str, str]] = {**ConsentAnswer.rights, "allow": "consent:edit"}
    creatable = exportable = True
    record_name, create_label, create_verb = "unsubscribe", "Unsubscribe a number", "Unsubscribe"
    purpose = "Who must not be texted. Entries are added and never changed; the newest one about a number counts."
    empty_hint = "When someone texts STOP or START, or you add a number here, it appears at once."
    search_hint = "Phone number"
    form = UnsubscribeForm
    details_template, list_template = "admin/consent.html", "admin/consent_list.html"
    keyset_column = "id"
    extra_arguments = ("show",)
    primary_column = "phone"
    badge_columns = ("kind",)
    column_list = ("phone", "kind", "purpose", "source", "reason", "actor", "at")
    column_details_list = ("phone", "kind", "purpose", "source", "reason", "evidence", "actor", "at", "hash")
    column_labels: ClassVar[dict[str, str]] = {
        "kind": "State", "purpose": "About", "source": "How we know", "actor": "Entered by", "at": "Since", "hash": "Seal",
    }  # fmt: skip
    column_searchable_list = ("phone",)
    column_filters = (
        Chosen(ConsentEvent.source, "How we know", ConsentSource),
        Chosen(ConsentEvent.purpose, "About", Purpose),
        Since(ConsentEvent.at, "From", arg="since"),
        Until(ConsentEvent.at, "Until", arg="until"),
    )
    column_formatters: ClassVar[dict[str, Any]] = {
        "phone": shown_by(phone), "kind": _blocks, "purpose": shown_by(words), "source": shown_by(words), "at": shown_by(when),
    }  # fmt: skip
    column_formatters_detail: ClassVar[dict[str, Any]] = {
        **column_formatters,
        "evidence": _evidence,
        "at": shown_by(moment),
    }
    column_formatters_export: ClassVar[dict[str, Any]] = {"phone": shown_by(phone)}

    def showing(self) -> str:
        """Which of the lists is asked for; "" for what stands."""
        asked = request.args.get("show", "")
        return asked if asked in (EVENTS, BACK) else ""

    def tabs(self) -> list[Tab]:
        """Who must not be texted, who came back, or the whole ledger."""
        shown = self.showing()
        return [
            Tab(
                label,
                self.get_url(".index_view", **({"show": show} if show else {})),
                self._counted(show),
                active=show == shown,
            )
            for show, label in (("", "Not to be texted"), (BACK, "Came back"), (EVENTS, "Every entry"))
        ]

    @property
    def plural(self) -> str:
        """What the present list holds."""
        return {EVENTS: "entries", BACK: "numbers that came back"}.get(self.showing(), super().plural)

    def counted(self, count: int | str) -> str:
        """How many there are, in the words of the present list."""
        one = {EVENTS: "1 entry", BACK: "1 number that came back"}.get(self.showing())
        return one if one and str(count) == "1" else super().counted(count)

    def _counted(self, show: str) -> int | None:
        """How many a tab has; None where they are too many to count for a heading."""
        query = select(ConsentEvent.id).where(ConsentEvent.account_id == self.account.id, *shown_in(show))
        some = query.limit(COUNTED + 1).subquery()
        count = self.database.scalar(select(func.count()).select_from(some)) or 0
        return count if count <= COUNTED else None

    def scoped(self, query: Any) -> Any:
        """The account's entries; in the lists, those of the tab."""
        query = super().scoped(query)
        if request.endpoint not in ("unsubscribes.index_view", "unsubscribes.export"):
            return query
        return query.filter(*shown_in(self.showing()))

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        wanted = phone_clause(ConsentEvent.phone, search) if looks_like_phone(search) else ConsentEvent.id == -1
        return query.filter(wanted), count_query, joins, count_joins

    def create_form(self, obj: Any = None) -> Any:
        """With the number of a contact, whose page may lead here."""
        form = super().create_form(obj)
        key = request.args.get("contact", "")
        if request.method == "GET" and key.isascii() and key.isdigit() and len(key) < 19 and auth.allowed("pii:view"):
            mine = (Contact.id == int(key), Contact.account_id == self.account.id)
            form.phone.data = self.database.scalar(select(Contact.phone).where(*mine))
        return form

    def create_model(self, form: Any) -> Any:
        """A refusal joins the ledger."""
        found = normalise(form.phone.data, self.account.default_region)
        assert isinstance(found, Phone), "the form has checked it"
        event = self._append(found.e164, K.OPT_OUT, form.purpose.data, form.reason.data, {})
        self.database.commit()
        return event

    def _append(
        self, number: str, kind: ConsentKind, purpose: Purpose, reason: str, evidence: dict[str, str]
    ) -> ConsentEvent:
        event = consent.append(
            self.database, account_id=self.account.id, phone=number, kind=kind, purpose=purpose, source=ConsentSource.ADMIN,
            reason=reason, evidence=evidence, actor=auth.actor(), now=self.now(),
        )  # fmt: skip
        self.record(f"consent:{kind.value}", event, after={"phone": number, "purpose": purpose.value, "reason": reason})
        return event

    def commands(self, row: ConsentEvent) -> list[Command]:
        """Ending a block that stands."""
        listed = request.endpoint == "unsubscribes.index_view"
        stands = not self.showing() if listed else self.standing(row) is not None  # a list asks once, not for each row
        if not auth.allowed("consent:edit") or row.kind not in BLOCKING or not stands or not row.phone:
            return []
        label = "Re-subscribe…" if row.kind is K.OPT_OUT else "Release…"
        return [Command(label, self.get_url(".allow", id=row.id))]

    def standing(self, row: ConsentEvent) -> ConsentEvent | None:
        """The entry that keeps the row's number from being texted, if any does."""
        if not row.phone:
            now, hashed = self.now(), row.number_hash
            return consent.as_of(self.database, row.account_id, "", Purpose.ALL, now, number_hash=hashed).blocking
        return consent.blocked(self.database, row.account_id, [row.phone], Purpose.ALL).get(row.phone)

    def standing_badge(self, row: ConsentEvent) -> Markup:
        """Whether the number may be texted now."""
        found = self.standing(row)
        if found is not None:
            return status(found.kind)
        flag = flags.standing(self.database, row.account_id, [row.phone], Purpose.ALL).get(row.phone)
        return (
            badge(f"Flag: {flags.meanings()[flag.kind].label.lower()}", "bad") if flag else badge("May be texted", "ok")
        )

    def history(self, row: ConsentEvent) -> list[ConsentEvent]:
        """Every entry about the number, newest first."""
        same = and_(ConsentEvent.phone == row.phone, ConsentEvent.phone != "")
        if row.number_hash is not None:
            same = or_(same, ConsentEvent.number_hash == row.number_hash)
        query = select(ConsentEvent).where(ConsentEvent.account_id == row.account_id, same)
        return list(self.database.scalars(query.order_by(ConsentEvent.id.desc()).limit(200)))

    @page("/allow/", "GET", "POST")
    def allow(self) -> Response | str:
        """End a block, with the evidence that it may end."""
        row = self.get_one(request.args.get("id", ""))
        if row.kind not in BLOCKING or not row.phone or self.standing(row) is None:
            abort(404)
        again = row.kind is K.OPT_OUT
        form = EvidenceForm(request.form if request.method == "POST" else None)
        if request.method == "POST" and form.validate():
            kind = K.RE_SUBSCRIBE if again else K.RELEASE
            self._append(row.phone, kind, row.purpose, "", {"how": form.how.data, "ends_entry": str(row.id)})
            self.database.commit()
            flashed("The number may be texted again." if again else "The number is released.")
            return redirect(self.get_url(".index_view"))
        return self.render(
            "admin/command.html", title="Re-subscribe this number" if again else "Release this number", form=form,
            sentence="The refusal stays in the ledger; a new entry ends it.", warnings=[CARRIER] if again else [],
            facts=[
                ("Phone", phone(row.phone)), ("State", status(row.kind)), ("About", words(row.purpose)), ("Since", moment(row.at)),
            ],
            verb="Re-subscribe" if again else "Release", cancel_url=self.get_url(".details_view", id=row.id),
        )  # fmt: skip
