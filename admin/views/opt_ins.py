"""Who was asked to agree, and where does each request stand? Ask somebody, type the code, link an unknown number."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import abort, redirect, request
from sqlalchemy import func, select
from werkzeug.wrappers import Response
from wtforms import StringField, ValidationError
from wtforms.validators import DataRequired, Length

from admin import auth
from admin.database import db
from admin.formatters import moment, phone, shown_by, status, when, words
from admin.forms import ConsoleForm, WordField, strip
from admin.views.filters import Chosen, Since, Until
from admin.views.guarded import Command, Tab, flashed, page
from admin.views.opt_in_lists import OptInLists
from admin.views.search import looks_like_phone, phone_clause
from models.consent import ConsentEvent
from models.contacts import Contact
from models.inbox import Conversation
from models.messages import Direction, Message
from models.opt_ins import OPEN, OptInPath, OptInRequest, OptInState
from models.phones import Phone, PhoneProblem, normalise
from models.settings import value
from sender import opt_in_answers, opt_in_codes, opt_in_words, opt_ins
from sender.opt_ins import NotStarted

S = OptInState
NEWEST = 50
"""Unknown numbers on one page."""


class AskForm(ConsoleForm):
    """Whom to ask, and how."""

    phone = StringField(
        "Phone", [DataRequired(), Length(max=100)], filters=[strip], description="As you have it, in any notation."
    )
    path = WordField(
        "How", OptInPath, validators=[DataRequired()], options=(OptInPath.AGENT_PIN, OptInPath.QUICK),
        description="On the phone: after their YES they get a code and read it to you. By text: their YES is enough.",
    )  # fmt: skip

    def validate_phone(self, field: Any) -> None:
        """A number that exists."""
        found = normalise(field.data, auth.current_account().default_region)
        if isinstance(found, PhoneProblem):
            raise ValidationError(found.sentence)


class LinkForm(ConsoleForm):
    """Whose number it is."""

    contact = StringField(
        "Contact", [DataRequired(), Length(max=200)], filters=[strip],
        description="Their member number, their name as it stands in Contacts, or the phone that we have of them.",
    )  # fmt: skip


class OptInView(OptInLists):
    """The requests of an account, newest first."""

    view_right = "opt_in:view"
    rights: ClassVar[dict[str, str]] = {
        **OptInLists.rights, "ask": "opt_in:ask", "code": "opt_in:ask", "withdraw": "opt_in:ask", "unknown": "opt_in:link",
        "link": "opt_in:link",
    }  # fmt: skip
    record_name = "request"
    purpose = "People who were asked to agree to texts, and how far each has come. A yes goes into the consent ledger."
    empty_hint = "Ask somebody here, or share the public page. Write first what people agree to, under Wording."
    search_hint = "Phone number"
    details_template, list_template = "opt_ins/request.html", "opt_ins/list.html"
    keyset_column = "id"
    primary_column = "phone"
    badge_columns = ("state",)
    column_list = ("phone", "state", "path", "detail", "created_by", "created_at")
    column_details_list = ("phone", "contact", "path", "purpose", "wording", "created_by", "created_at", "expires_at")
    column_labels: ClassVar[dict[str, str]] = {
        "path": "How", "detail": "What came of it", "created_by": "Asked by", "created_at": "Asked", "purpose": "About",
        "expires_at": "Open until",
    }  # fmt: skip
    column_searchable_list = ("phone",)
    column_filters = (
        Chosen(OptInRequest.state, "State", OptInState),
        Chosen(OptInRequest.path, "How", OptInPath),
        Since(OptInRequest.created_at, "From", arg="since"),
        Until(OptInRequest.created_at, "Until", arg="until"),
    )
    column_formatters: ClassVar[dict[str, Any]] = {
        "phone": shown_by(phone), "state": shown_by(status), "path": shown_by(words), "created_at": shown_by(when),
        "purpose": shown_by(words),
    }  # fmt: skip
    column_formatters_detail: ClassVar[dict[str, Any]] = {
        **column_formatters, "created_at": shown_by(moment), "expires_at": shown_by(moment),
    }  # fmt: skip

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        wanted = phone_clause(OptInRequest.phone, search) if looks_like_phone(search) else OptInRequest.id == -1
        return query.filter(wanted), count_query, joins, count_joins

    def tabs(self) -> list[Tab]:
        """The pages about opt-ins."""
        found = [("Requests", ".index_view", True), ("Wording and public page", ".wording", True)]
        found += [
            ("Unknown numbers", ".unknown", auth.allowed("opt_in:link")),
            ("From a list", ".load", auth.allowed("opt_in:load")),
        ]
        here = f".{(request.endpoint or '').rpartition('.')[2]}"
        return [Tab(label, self.get_url(where), active=here == where) for label, where, may in found if may]

    def commands(self, row: OptInRequest) -> list[Command]:
        """An open request can be withdrawn."""
        if not auth.allowed("opt_in:ask") or not row.open:
            return []
        text = "A text that has not left yet does not leave. An answer to one that has counts for nothing any more."
        return [Command("Withdraw", self.get_url(".withdraw", id=row.id), "Withdraw this request?", text, danger=True)]

    def menu_count(self) -> int:
        """Codes that somebody waits to read out."""
        if not auth.allowed("opt_in:ask"):
            return 0
        waiting = (OptInRequest.account_id == self.account.id, OptInRequest.state == S.AWAITING_PIN)
        return self.database.scalar(select(func.count()).where(*waiting, OptInRequest.expires_at > self.now())) or 0

    # asking
    @page("/ask/", "GET", "POST")
    def ask(self) -> Response | str:
        """Text somebody the question; who is open already is shown as they are."""
        form = AskForm(request.form if request.method == "POST" else None)
        if request.method == "GET":
            form.phone.data = self._known_phone()
        if request.method == "POST" and form.validate():
            now = self.now()
            try:
                made = opt_ins.start(
                    self.database,
                    account=self.account,
                    phone=form.phone.data,
                    path=form.path.data,
                    now=now,
                    actor=auth.actor(),
                )
            except NotStarted as problem:
                self.database.rollback()
                form.phone.errors = [str(problem)]
            else:
                return self._asked(made, fresh=made.created_at == now)
        wording = opt_ins.current_wording(self.database, self.account.id)
        return self.render(
            "opt_ins/ask.html", title="Ask somebody to agree", form=form, wording=wording,
            body=opt_in_words.ask(wording) if wording else "", verb="Send the question",
            sentence="They get one text, and answer YES if they agree.", cancel_url=self.get_url(".index_view"),
        )  # fmt: skip

    def _known_phone(self) -> str:
        key = request.args.get("contact", "")
        if not (key.isascii() and key.isdigit() and len(key) < 19 and auth.allowed("pii:view")):
            return ""
        mine = (Contact.id == int(key), Contact.account_id == self.account.id)
        return self.database.scalar(select(Contact.phone).where(*mine)) or ""

    def _asked(self, made: OptInRequest, *, fresh: bool) -> Response:
        """Write down that it was asked, and go to the request."""
        if fresh:
            self.record("opt_in:ask", made, after={"phone": made.phone, "path": made.path.value})
        self.database.commit()
        flashed("The question is on its way." if fresh else "This number is being asked already.", good=fresh)
        return redirect(self.get_url(".details_view", id=made.id))

    @page("/code/", "POST")
    def code(self) -> Response:
        """Take the code that the person reads out. What was wrong stands beside the box on the page that follows."""
        row = self.get_one(request.args.get("id", ""))
        typed = request.form.get("code", "").replace(" ", "").replace("-", "")
        if not (typed.isascii() and typed.isdigit() and opt_in_codes.FEWEST <= len(typed) <= opt_in_codes.MOST):
            return redirect(self.get_url(".details_view", id=row.id, code="unread"))
        said = opt_in_answers.enter_code(self.database, row, typed, actor=auth.actor(), now=self.now())
        self.record("opt_in:code", row, after={"state": row.state.value, "wrong_tries": row.tries})
        self.database.commit()
        if row.state is not S.AWAITING_PIN:
            flashed(said, good=row.state is S.COMPLETED)
        return redirect(self.get_url(".details_view", id=row.id))

    def code_problem(self, row: OptInRequest) -> str:
        """What was wrong with the last code, as a sentence; empty where nothing was."""
        if request.args.get("code") == "unread":
            return "Type the digits of the code as they read them to you. Nothing was counted."
        left = self.tries_left(row)
        return f"That is not the code. {left} more {'try is' if left == 1 else 'tries are'} left." if row.tries else ""

    @page("/withdraw/", "POST")
    def withdraw(self) -> Response:
        """Ask no more."""
        row = self.get_one(request.args.get("id", ""))
        if opt_ins.withdraw(self.database, row, actor=auth.actor(), now=self.now()):
            self.record("opt_in:withdraw", row)
            self.database.commit()
            flashed("The request is withdrawn.")
        else:
            flashed("The request had ended before.", good=False)
        return redirect(self.get_url(".details_view", id=row.id))

    # unknown numbers
    @page("/unknown/")
    def unknown(self) -> Any:
        """Conversations with numbers that are nobody's."""
        mine = select(Conversation).where(Conversation.account_id == self.account.id, Conversation.contact_id.is_(None),
            Conversation.last_inbound_at.is_not(None),
        )  # fmt: skip
        rows = self.database.scalars(
            mine.order_by(Conversation.last_inbound_at.desc(), Conversation.id.desc()).limit(NEWEST)
        )
        return self.render("opt_ins/unknown.html", rows=list(rows), last=self._last_text)

    def _last_text(self, row: Conversation) -> str:
        theirs = (Message.conversation_id == row.id, Message.direction == Direction.INBOUND)
        latest = select(Message.body).where(*theirs).order_by(Message.id.desc()).limit(1)
        return (self.database.scalar(latest) or "") if auth.allowed("pii:view") else ""

    @page("/link/", "GET", "POST")
    def link(self) -> Response | str:
        """Say whose number it is, and ask it."""
        row = self._conversation(request.args.get("id", ""))
        form = LinkForm(request.form if request.method == "POST" else None)
        if request.method == "POST" and form.validate():
            now = self.now()
            try:
                contact = self._contact(form.contact.data)
                made = opt_ins.link(
                    self.database, account=self.account, phone=row.phone, contact=contact, actor=auth.actor(), now=now
                )
            except (NotStarted, ValidationError) as problem:
                self.database.rollback()
                form.contact.errors = [str(problem)]
            else:
                row.contact_id = contact.id
                return self._asked(made, fresh=made.created_at == now)
        return self.render(
            "admin/command.html", title="Whose number is this?", form=form, cancel_url=self.get_url(".unknown"),
            facts=[("Phone", phone(row.phone)), ("Last text", when(row.last_inbound_at))], verb="Link and ask",
            sentence="The conversation is linked to the contact, and the number is asked to agree to texts.",
        )  # fmt: skip

    def _conversation(self, key: str) -> Conversation:
        if not (key.isascii() and key.isdigit() and len(key) < 19):
            abort(404)
        mine = (
            Conversation.id == int(key),
            Conversation.account_id == self.account.id,
            Conversation.contact_id.is_(None),
        )
        return self.database.scalars(select(Conversation).where(*mine)).first() or abort(404)

    def _contact(self, said: str) -> Contact:
        """The one contact that is meant; raises ValidationError."""
        number = normalise(said, self.account.default_region)
        phone_is = Contact.phone == number.e164 if isinstance(number, Phone) else Contact.id == -1
        fits = (Contact.external_id == said) | (func.lower(Contact.name) == said.lower()) | phone_is
        found = list(self.database.scalars(select(Contact).where(Contact.account_id == self.account.id, fits).limit(2)))
        if not found:
            raise ValidationError("No contact fits. Look the person up under Contacts, or add them there first.")
        if len(found) > 1:
            raise ValidationError("More than one contact fits. Give the member number.")
        return found[0]

    # one request
    def code_digits(self) -> int:
        """The longest code there is, for the width of the box."""
        return opt_in_codes.MOST

    def tries_left(self, row: OptInRequest) -> int:
        """How many more codes may be typed."""
        return int(value(self.database, "opt_in_code_tries", account_id=row.account_id)) - row.tries

    def waiting(self, row: OptInRequest) -> bool:
        """Whether the page should look again by itself."""
        return row.state in OPEN

    def over(self, row: OptInRequest) -> bool:
        """Whether the time of the present step has run out, though nobody has written it down yet."""
        return row.open and row.expires_at <= self.now()

    def steps(self, row: OptInRequest) -> list[tuple[str, object, str, str]]:
        """The request's story."""
        found: list[tuple[str, object, str, str]] = [("Asked", moment(row.created_at), self._fate(row.message), "")]
        if row.answer:
            found.append(("They answered YES", moment(row.answer.created_at), "", ""))
        if row.code_message:
            found.append(("Code sent", moment(row.code_message.created_at), self._fate(row.code_message), ""))
        if row.tries:
            times = "once" if row.tries == 1 else f"{row.tries} times"
            found.append((f"A wrong code was typed {times}", "", "", "bad"))
        if row.finished_at:
            good = row.state is S.COMPLETED
            found.append((words(row.state), moment(row.finished_at), row.detail, "" if good else "bad"))
        return found

    def _fate(self, message: Message | None) -> str:
        return f"The text: {words(message.status).lower()}." if message else ""

    def event(self, row: OptInRequest) -> ConsentEvent | None:
        """The entry in the ledger that came of it."""
        return db().get(ConsentEvent, row.event_id) if row.event_id else None
