"""How is a value shown on a page? Badges, times, money, phone numbers: each returns text, or markup that escaped what it holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from admin import auth
from models.campaigns import CampaignState
from models.consent import ConsentKind, ConsentSource, Purpose
from models.messages import Direction, Message, MessageStatus
from models.money import show
from models.opt_ins import OptInPath, OptInState, carries_code
from sender.worker import wall_clock

NOTHING = Markup('<span class="soft">—</span>')
M, C, K, A = MessageStatus, CampaignState, ConsentKind, OptInState
TONES: dict[StrEnum, str] = {
    M.DELIVERED: "ok", M.READ: "ok", M.RECEIVED: "ok", M.SENT: "info", M.SENDING: "info", M.QUEUED: "info", M.ACCEPTED: "info",
    M.SCHEDULED: "info", M.CLAIMED: "info", M.IN_DOUBT: "warn", M.UNKNOWN: "warn", M.UNDELIVERED: "bad", M.FAILED: "bad",
    C.SCHEDULED: "info", C.SENDING: "info", C.PAUSED: "warn", C.HELD: "warn", C.COMPLETED: "ok", C.CANCELLED: "bad",
    K.OPT_OUT: "bad", K.HOLD: "warn", K.OPT_IN: "ok", K.RE_SUBSCRIBE: "ok", K.RELEASE: "ok", K.ERASURE: "mut",
    A.REQUESTED: "info", A.AWAITING_YES: "info", A.AWAITING_PIN: "warn", A.COMPLETED: "ok", A.REFUSED: "bad", A.LOCKED: "bad",
}  # fmt: skip
"""The tone of a badge by status; the rest are neutral. The word always stands beside the colour."""
WORDS: dict[tuple[type[StrEnum], str], str] = {
    (MessageStatus, M.CANCELED): "Cancelled", (ConsentKind, K.OPT_OUT): "Opted out", (ConsentKind, K.OPT_IN): "Opted in",
    (ConsentKind, K.HOLD): "On hold", (ConsentKind, K.RE_SUBSCRIBE): "Re-subscribed", (ConsentKind, K.RELEASE): "Released",
    (ConsentKind, K.ERASURE): "Erased", (ConsentSource, ConsentSource.ERASURE): "Said before the number was erased",
    (ConsentSource, ConsentSource.KEYWORD): "By text", (ConsentSource, ConsentSource.ADMIN): "Entered by staff",
    (ConsentSource, ConsentSource.PROVIDER_REFUSAL): "Twilio refused", (Purpose, Purpose.ALL): "All texts",
    (ConsentSource, ConsentSource.AGENT_PIN): "With an agent and a code", (ConsentSource, ConsentSource.QUICK): "Asked by text",
    (ConsentSource, ConsentSource.PLAN): "Asked for a payment plan", (ConsentSource, ConsentSource.FORM): "Public page",
    (ConsentSource, ConsentSource.SUPERVISOR_LINK): "Linked by a supervisor", (ConsentSource, ConsentSource.IMPORT): "From a list",
    (OptInPath, OptInPath.AGENT_PIN): "On the phone, with a code", (OptInPath, OptInPath.QUICK): "By text",
    (OptInPath, OptInPath.PLAN): "For a payment plan", (OptInPath, OptInPath.FORM): "Public page",
    (OptInPath, OptInPath.SUPERVISOR_LINK): "Linked number", (OptInState, A.REQUESTED): "Asking",
    (OptInState, A.AWAITING_YES): "Waits for YES", (OptInState, A.AWAITING_PIN): "Waits for the code",
    (OptInState, A.COMPLETED): "Agreed", (OptInState, A.EXPIRED): "Ended",
    (Purpose, Purpose.ACCOUNT): "Texts about the account", (Purpose, Purpose.MARKETING): "Marketing",
}  # fmt: skip
"""Words that read better than the value itself."""


def words(value: object) -> str:
    """An enum's value or a column's name as people write it: "first_party" → "First party"."""
    if isinstance(value, StrEnum) and (type(value), value.value) in WORDS:
        return WORDS[type(value), value.value]
    text = str(value).replace("_", " ")
    return text[:1].upper() + text[1:]


def badge(text: str, tone: str = "mut") -> Markup:
    """A word with a dot, in a tone: ok, warn, bad, info or mut."""
    return Markup('<span class="badge {}">{}</span>').format(tone, text)


def status(value: StrEnum) -> Markup:
    """The badge of a status."""
    return badge(words(value), TONES.get(value, "mut"))


def number(value: int | None) -> str | Markup:
    """Thousands separated; a dash for None."""
    return NOTHING if value is None else f"{value:,}"


def money(amount_u: int | None) -> str | Markup:
    """Micros as dollars, exactly; a dash when not known (never zero)."""
    return NOTHING if amount_u is None else show(amount_u)


def meter(part: int, whole: int, *, label: str = "Delivered") -> Markup:
    """A bar and a percentage, rounded down so that 100% means all."""
    if not whole:
        return NOTHING
    return Markup('<span class="meter"><progress value="{}" max="{}" aria-label="{}"></progress> {}%</span>').format(
        part, whole, label, part * 100 // whole
    )


def mask(phone: str) -> str:
    """A number of which only the first digits and the last two are left: +1 ••••••• 23."""
    if len(phone) < 7:
        return "•" * len(phone)
    return f"{phone[:2]} {'•' * (len(phone) - 4)} {phone[-2:]}"


def phone(e164: str | None) -> Markup:
    """A phone number, masked unless the person's role may see personal data."""
    if not e164:
        return NOTHING
    if auth.allowed("pii:view"):
        return Markup('<span class="mono phone">{}</span>').format(e164)
    return Markup('<span class="mono phone" title="Your role does not show whole phone numbers">{}</span>').format(
        mask(e164)
    )


def bubble(message: Message) -> Markup:
    """What a text says, unless it was removed or the person's role may not see personal data."""
    if message.body is None:
        return Markup('<span class="soft">Removed after the retention period</span>')
    if not auth.allowed("pii:view"):
        return Markup('<span class="soft">Your role does not show what texts say</span>')
    if carries_code(message.reply_key):
        return Markup('<span class="soft">A code that only its recipient may read</span>')
    side = "in" if message.direction is Direction.INBOUND else ""
    return Markup('<div class="bubble {}">{}</div>').format(side, message.body)


def zone() -> ZoneInfo:
    """The time zone that times are shown in: the current account's."""
    return ZoneInfo(auth.current_account().time_zone)


def exact(value: datetime) -> str:
    """A time to the second with its zone, and in UTC."""
    local = value.astimezone(zone())
    return f"{local:%a %-d %b %Y, %H:%M:%S %Z} ({value:%H:%M:%S} UTC)"


def when(value: datetime | None, *, now: datetime | None = None) -> Markup:
    """A time as people say it ("4 minutes ago", "in 2 days", "7 Nov 08:22"), the exact one on hover."""
    if value is None:
        return NOTHING
    text = _relative(value, now or wall_clock())
    return Markup('<time datetime="{}" title="{}">{}</time>').format(value.isoformat(), exact(value), text)


def moment(value: datetime | None) -> Markup:
    """A time to the minute with its zone, for pages about one thing."""
    if value is None:
        return NOTHING
    text = f"{value.astimezone(zone()):%-d %b %Y, %H:%M %Z}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(value.isoformat(), exact(value), text)


def _relative(value: datetime, now: datetime) -> str:
    gap = value - now
    size, ahead = abs(gap), gap > timedelta(0)
    if size < timedelta(minutes=1):
        return "in a moment" if ahead else "just now"
    for unit, length, limit in (("minute", 60, 3600), ("hour", 3600, 86_400), ("day", 86_400, 4 * 86_400)):
        if size < timedelta(seconds=limit):
            count = int(size.total_seconds()) // length
            said = f"{count} {unit}{'s' if count != 1 else ''}"
            return f"in {said}" if ahead else f"{said} ago"
    local = value.astimezone(zone())
    same_year = local.year == now.astimezone(zone()).year
    return f"{local:%-d %b %H:%M}" if same_year else f"{local:%-d %b %Y}"


def shown_by(function: Callable[[Any], object]) -> Callable[[Any, Any, Any, str], object]:
    """One of these functions as Flask-Admin's `column_formatters` wants them: applied to the column's own value."""

    def column(_view: Any, _context: Any, model: Any, name: str) -> object:
        value = model
        for part in name.split("."):
            value = getattr(value, part, None)
        return function(value)

    return column


def figure_json(figure: Any) -> Markup:
    """A Plotly figure as JSON that may stand in a script element of type application/json."""
    return Markup(str(figure.to_json()).replace("<", "\\u003c"))  # noqa: S704 (every "<" is gone)
