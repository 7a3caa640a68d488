"""What is asked when an account decides about a rule: a waiver with its end, or a confirmation by counsel."""

from __future__ import annotations

from typing import Any

from wtforms import DateField, SelectField, TextAreaField
from wtforms.validators import InputRequired, Length

from admin.forms import ConsoleForm, strip
from sender.rule_table import Severity

WEIGHS = {
    Severity.BLOCK: "Block", Severity.ERROR: "Error", Severity.WARN: "Warning", Severity.INFO: "Information",
}  # fmt: skip
"""Severity → its word on a page."""
TONES = {Severity.BLOCK: "bad", Severity.ERROR: "bad", Severity.WARN: "warn", Severity.INFO: "info"}
NO_DAY = "Choose a day."


class WaiverForm(ConsoleForm):
    """Let a rule weigh less, for a reason and until a day."""

    severity = SelectField("Weighs instead", [InputRequired()], description="A waiver can only make a rule weigh less.")
    reason = TextAreaField(
        "Reason", [InputRequired("Say why."), Length(min=10, max=1000, message="Write at least a sentence.")], filters=[strip],
        description="For whoever asks in a year. It is kept for ever.",
    )  # fmt: skip
    expires_on = DateField(
        "Last day",
        [InputRequired(NO_DAY)],
        description="At most a year from today; then the rule weighs again what it did.",
    )

    def offer(self, severities: list[Severity]) -> None:
        """What the rule may be tuned down to."""
        self.severity.choices = [(one.value, WEIGHS[one]) for one in severities]


class ConfirmationForm(ConsoleForm):
    """Record that counsel confirmed a rule."""

    reason = TextAreaField(
        "Who confirmed it, and how", [InputRequired("Say who."), Length(min=10, max=1000, message="Write at least a sentence.")],
        filters=[strip], description="Such as the name of the counsel and where the letter is kept. It is kept for ever.",
    )  # fmt: skip
    decided_on = DateField("On", [InputRequired(NO_DAY)], description="The day of the confirmation.")


def refused(form: Any, sentence: str) -> None:
    """Put a refusal beside the field that can mend it."""
    field = form.expires_on if "expires_on" in form and "day" in sentence else form.reason
    field.errors = [*field.errors, sentence]
