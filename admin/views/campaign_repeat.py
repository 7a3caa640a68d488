"""How does a person say how often a campaign repeats? In plain choices, which become an RFC 5545 rule and come back from one."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from zoneinfo import available_timezones

from wtforms import DateField, RadioField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, NumberRange, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from admin.forms import CHOOSE, ClockField, ConsoleForm, WholeField, strip
from admin.views.sending_start import local
from models.campaigns import Campaign
from sender.planned import zone_of
from sender.recurrence_rules import DAYS, BadRule, Rule, parse
from sender.recurrence_words import WEEKDAYS

OFTEN = [
    ("daily", "Every day"), ("weekly", "Every week, on weekdays"), ("monthly", "Every month, on a day of the month"),
    ("nth", "Every month, on a weekday"), ("own", "By a rule of one's own"),
]  # fmt: skip
WEEK = list(zip(DAYS, WEEKDAYS, strict=True))
NTH = [("1", "First"), ("2", "Second"), ("3", "Third"), ("4", "Fourth"), ("-1", "Last")]
MONTH_DAYS = [*((str(day), str(day)) for day in range(1, 32)), ("-1", "The last day")]
ENDS = [("never", "Until somebody ends it"), ("until", "On a day"), ("count", "After a number of runs")]
WHOLE = "Give a whole number."


def zones() -> list[tuple[str, str]]:
    """Every zone that has a place in its name."""
    named = (
        zone
        for zone in available_timezones()
        if "/" in zone and not zone.startswith(("Etc/", "posix/", "right/", "SystemV/"))
    )
    return [(zone, zone.replace("_", " ")) for zone in sorted(named)]


class TicksField(SelectMultipleField):
    """Several of some choices, each a box; they stand together under one legend."""

    grouped = True


def pick(label: str, choices: Any, **kwargs: Any) -> SelectField:
    """One of some choices; anything else that is posted is an error with a sentence."""
    said = {"invalid_choice_message": CHOOSE, "invalid_value_message": CHOOSE}
    return SelectField(label, [InputRequired(CHOOSE)], choices=choices, **said, **kwargs)


class RepeatForm(ConsoleForm):
    """How often, from when, at what time, and until when."""

    often = pick("How often", OFTEN)
    interval = WholeField(
        "Every", [InputRequired(WHOLE), NumberRange(1, 100, "Choose a number from 1 to 100.")], default=1,
        description="1 is each, 2 every other, and so on.",
    )  # fmt: skip
    days = TicksField("Weekdays", choices=WEEK, option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False))
    month_day = pick("Day of the month", MONTH_DAYS, description="A month without that day is passed over.")
    nth = pick("Which one", NTH)
    weekday = pick("Weekday", WEEK)
    rule = StringField(
        "Rule", filters=[strip], description="An RFC 5545 rule, for example FREQ=YEARLY;BYMONTH=3;BYDAY=-1MO.",
    )  # fmt: skip
    first = DateField("First possible day", [InputRequired("Choose a day.")])
    clock = ClockField("At", [InputRequired("Choose a time.")])
    zone = pick("Time zone", zones)
    ends = RadioField("Ends", choices=ENDS, default="never")
    until = DateField("Last day", [Optional()])
    count = WholeField("Runs", [Optional(), NumberRange(1, 9999, "Choose a number from 1 to 9,999.")])

    def validate_days(self, field: Any) -> None:
        """A weekly repetition needs a weekday."""
        if self.often.data == "weekly" and not field.data:
            raise ValidationError("Choose at least one weekday.")

    def validate_ends(self, field: Any) -> None:
        """An end needs its day or its number; what is wrong is said once, here."""
        if field.data == "until" and self.until.data is None and not self.until.errors:
            raise ValidationError("Choose the last day.")
        if field.data == "count" and self.count.data is None and not self.count.errors:
            raise ValidationError("Say after how many runs.")

    def validate_rule(self, field: Any) -> None:
        """A rule of one's own has to be one."""
        if self.often.data == "own":
            try:
                parse(field.data or "")
            except BadRule as problem:
                raise ValidationError(str(problem)) from problem


def rule_of(form: RepeatForm) -> str:
    """The rule that a valid form says."""
    parts = {
        "daily": ["FREQ=DAILY"],
        "weekly": ["FREQ=WEEKLY", "BYDAY=" + ",".join(form.days.data or [])],
        "monthly": ["FREQ=MONTHLY", f"BYMONTHDAY={form.month_day.data}"],
        "nth": ["FREQ=MONTHLY", f"BYDAY={form.nth.data}{form.weekday.data}"],
    }.get(form.often.data)
    if parts is None:
        return str(form.rule.data)
    if (form.interval.data or 1) > 1:
        parts.append(f"INTERVAL={form.interval.data}")
    if form.ends.data == "until":
        parts.append(f"UNTIL={form.until.data:%Y%m%d}")
    if form.ends.data == "count":
        parts.append(f"COUNT={form.count.data}")
    return ";".join(parts)


def filled(campaign: Campaign, now: datetime) -> dict[str, Any]:
    """What the form starts with: the campaign's own repetition, or every week from today's weekday on."""
    zone = zone_of(campaign)
    begun = local(campaign.starts_at or now, zone)
    day, clock = DAYS[begun.weekday()], begun.time() if campaign.starts_at else time(10)
    data = {
        "often": "weekly", "interval": 1, "days": [day], "month_day": str(begun.day), "nth": "1", "weekday": day,
        "first": begun.date(), "clock": clock, "zone": zone, "ends": "never",
    }  # fmt: skip
    return data | (_choices(campaign.recurrence) if campaign.recurrence else {})


def _choices(text: str) -> dict[str, Any]:
    """A rule as the form's choices where these can say it, else as it is."""
    found = parse(text)
    kind, chosen = _kind(found)
    simple = found == Rule(found.frequency, found.interval, found.count, found.ends, found.days, found.month_days)
    named_end = found.ends is None or (found.ends.tzinfo is None and f"{found.ends:%H%M}" == "2359")
    if not (kind and simple and named_end):
        return {"often": "own", "rule": text}
    ends = (
        {"ends": "until", "until": found.ends.date()}
        if found.ends
        else {"ends": "count", "count": found.count}
        if found.count
        else {}
    )
    return {"often": kind, "interval": found.interval, **chosen, **ends}


def _kind(rule: Rule) -> tuple[str, dict[str, Any]]:
    """Which of the choices a rule is, with what it says; "" for none."""
    numbered = [(number, DAYS[day]) for number, day in rule.days]
    match (rule.frequency, rule.month_days, numbered):
        case ("DAILY", (), []):
            return "daily", {}
        case ("WEEKLY", (), [_, *_]):
            return "weekly", {"days": [day for _, day in numbered]}
        case ("MONTHLY", (day,), []) if day >= -1:
            return "monthly", {"month_day": str(day)}
        case ("MONTHLY", (), [(number, day)]) if number in (1, 2, 3, 4, -1):
            return "nth", {"nth": str(number), "weekday": day}
    return "", {}
