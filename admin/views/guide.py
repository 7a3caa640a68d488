"""What may be texted? The compliance guide, written by the table that the linter reads, and what the account decided about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from flask import abort, jsonify, redirect, request
from werkzeug.wrappers import Response

from admin import auth
from admin.views.guarded import GuardedView, Tab, flashed, page
from admin.views.guide_forms import TONES, WEIGHS, ConfirmationForm, WaiverForm, refused
from admin.views.template_drafts import draft
from models.accounts import Profile
from models.consent import Purpose
from models.rules import DecisionKind, RuleDecision
from models.segments import GSM_PART, GSM_SINGLE, UCS_PART, UCS_SINGLE
from sender import keywords, lint_facts, waivers
from sender.compliance import Finding, confirmation, lint
from sender.keywords import Keyword
from sender.rule_examples import examples
from sender.rule_table import FAMILIES, Book, Rule, book, every

COUNTED = frozenset({"K01"})
"""Rules that the editor's counter shows already, character by character."""
SCOPES = {
    "T": "the wording", "C": "the campaign", "R": "each recipient at the moment of sending", "W": "the account", "I": "replies",
}  # fmt: skip
PROFILES = {
    Profile.ASSOCIATION: "Association", Profile.BUSINESS: "Business", Profile.FIRST_PARTY_CREDITOR: "First-party creditor",
    Profile.THIRD_PARTY_COLLECTOR: "Third-party collector",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A rule as the guide shows it to an account."""

    rule: Rule
    waiver: RuleDecision | None
    confirmation: RuleDecision | None

    @property
    def unconfirmed(self) -> bool:
        """Whether neither the table nor the account has a confirmation."""
        return self.rule.unconfirmed and self.confirmation is None

    @property
    def stands_for(self) -> str:
        """What it looks at, in words."""
        return ", ".join(SCOPES[scope] for scope in self.rule.scopes)

    @property
    def limited_to(self) -> str:
        """For whom it is, in words; empty for everybody."""
        kinds = [PROFILES[Profile(one)] for one in sorted(self.rule.profiles)]
        return "; ".join(
            filter(
                None, [", ".join(kinds), ", ".join(sorted(self.rule.purposes)), ", ".join(sorted(self.rule.countries))]
            )
        )


class GuideView(GuardedView):
    """The guide of one account."""

    view_right = "rule:view"
    rights: ClassVar[dict[str, str]] = {
        "waive": "rule:decide", "confirm": "rule:decide", "withdraw": "rule:decide", "findings": "template:edit",
    }  # fmt: skip
    purpose = "What may be texted to whom, when and how often; each rule with its source. Not legal advice."

    @page("/")
    def index(self) -> Any:
        """The rules for one kind of organisation, by family, and the tables that they compare with."""
        today = self.today()
        rules, profile = book(today), self.profile()
        decisions = waivers.standing(self.database, self.account.id, today)
        shown = [rule for rule in every() if profile is None or not rule.profiles or profile.value in rule.profiles]
        return self.render(
            "guide.html", families=self.families(shown, decisions), today=today, tabs=self.tabs(profile), profile=profile,
            weighs=WEIGHS, tones=TONES, now_found=self.about_account(today), own=self.account.profile,
            examples=[one for one in examples() if one.shown_to(profile)], carriers=carriers(rules), limits=rules.limits(),
            segments=((GSM_SINGLE, GSM_PART), (UCS_SINGLE, UCS_PART)), stops=stop_words(today), titles=titles(),
            history=waivers.history(self.database, self.account.id), total=len(shown),
        )  # fmt: skip

    def today(self) -> date:
        """The account's day."""
        return self.now().astimezone(ZoneInfo(self.account.time_zone)).date()

    def profile(self) -> Profile | None:
        """Whose rules are asked for: the account's own kind, unless the address names another, or all."""
        asked = request.args.get("profile", "")
        if asked == "all":
            return None
        return Profile(asked) if asked in list(Profile) else self.account.profile

    def tabs(self, profile: Profile | None) -> list[Tab]:
        """One for each kind of organisation, and one for every rule."""
        found = [
            Tab(PROFILES[one], self.get_url(".index", profile=one.value), active=one is profile) for one in Profile
        ]
        return [*found, Tab("Every rule", self.get_url(".index", profile="all"), active=profile is None)]

    def families(self, rules: list[Rule], decisions: Any) -> list[tuple[str, str, list[Entry]]]:
        """(letter, title, entries) in the order of the table."""
        waived = {one.rule: one for one in decisions if one.kind is DecisionKind.WAIVED}
        return [
            (
                letter,
                title,
                [
                    Entry(rule, waived.get(rule.id), confirmation(rule.id, decisions))
                    for rule in rules
                    if rule.id.startswith(letter)
                ],
            )
            for letter, title in FAMILIES.items()
        ]

    def about_account(self, today: date) -> list[Finding]:
        """What the rules say of the account as it is now."""
        return lint(
            lint_facts.of_account(self.database, self.account), on=today, profile=self.account.profile,
            waivers=waivers.standing(self.database, self.account.id, today),
        )  # fmt: skip

    def rule(self) -> Rule:
        """The rule in force that the address names; 404 for any other."""
        return book(self.today()).rules.get(request.args.get("rule", "")) or abort(404)

    @page("/waive/", "GET", "POST")
    def waive(self) -> Response | str:
        """Let a rule weigh less for a while."""
        rule, today = self.rule(), self.today()
        if not waivers.choices(rule):
            abort(404)
        form = WaiverForm(
            request.form if request.method == "POST" else None, data={"expires_on": today + timedelta(days=90)}
        )
        form.offer(waivers.choices(rule))
        if request.method == "POST" and form.validate():
            try:
                made = waivers.waive(
                    self.database, self.account, rule.id, severity=type(rule.severity)(form.severity.data),
                    reason=form.reason.data, approver=auth.actor(), expires_on=form.expires_on.data, on=today, now=self.now(),
                )  # fmt: skip
            except waivers.NotDecided as problem:
                refused(form, str(problem))
            else:
                after = {"weighs": made.severity, "until": made.expires_on}
                return self._decided(
                    made,
                    "rule:waive",
                    {name: str(value) for name, value in after.items()},
                    "The waiver counts from now on.",
                )
        sentence = (
            "Whoever prepared a campaign cannot pass it by a waiver of their own: somebody else has to approve it."
        )
        return self._ask(rule, form, f"Waive {rule.id}", "Waive it", sentence)

    @page("/confirm/", "GET", "POST")
    def confirm(self) -> Response | str:
        """Record that counsel confirmed a rule, which then stops a campaign instead of warning."""
        rule, today = self.rule(), self.today()
        if not rule.legal:
            abort(404)
        form = ConfirmationForm(request.form if request.method == "POST" else None, data={"decided_on": today})
        if request.method == "POST" and form.validate():
            try:
                made = waivers.confirm(
                    self.database, self.account, rule.id, reason=form.reason.data, approver=auth.actor(),
                    decided_on=form.decided_on.data, on=today, now=self.now(),
                )  # fmt: skip
            except waivers.NotDecided as problem:
                refused(form, str(problem))
            else:
                return self._decided(made, "rule:confirm", {"on": str(made.decided_on)}, f"{rule.id} is confirmed.")
        return self._ask(
            rule,
            form,
            f"Confirm {rule.id}",
            "Record it",
            "From then on a breach stops a campaign where it only warned.",
        )

    @page("/withdraw/", "POST")
    def withdraw(self) -> Response:
        """End a waiver or a confirmation of this account; the entry stays."""
        key = request.form.get("id", "")
        found = self.database.get(RuleDecision, int(key)) if key.isascii() and key.isdigit() and len(key) < 19 else None
        if found is None or found.account_id != self.account.id:
            abort(404)
        if waivers.withdraw(self.database, found, actor=auth.actor(), now=self.now()):
            return self._decided(found, "rule:withdraw", {"kind": found.kind.value}, "It does not count any more.")
        flashed("It was withdrawn already.")
        return redirect(self.get_url(".index") + f"#{found.rule}")

    def _decided(self, decision: RuleDecision, action: str, after: dict[str, str], said: str) -> Response:
        self.record(action, decision, after={"rule": decision.rule} | after)
        self.database.commit()
        flashed(said)
        return redirect(self.get_url(".index", profile="all") + f"#{decision.rule}")

    def _ask(self, rule: Rule, form: Any, title: str, verb: str, sentence: str) -> str:
        return str(
            self.render(
                "admin/command.html", title=title, form=form, verb=verb, sentence=sentence,
                facts=[
                    ("Rule", f"{rule.id} {rule.title}"), ("Weighs", WEIGHS[rule.severity]), ("What is wrong", rule.text),
                    ("Source", rule.source),
                ],
                cancel_url=self.get_url(".index", profile="all") + f"#{rule.id}",
            )
        )  # fmt: skip

    @page("/findings/", "POST")
    def findings(self) -> Response:
        """What the rules find in a wording as it stands, for the editor: JSON in, JSON out."""
        today = self.today()
        asked = draft(today)
        purpose = Purpose.MARKETING if asked.posted.get("purpose") == Purpose.MARKETING.value else Purpose.ACCOUNT
        facts = lint_facts.wording(self.database, self.account, asked.source, on=today, purpose=purpose)
        found = lint(
            facts,
            on=today,
            profile=self.account.profile,
            waivers=waivers.standing(self.database, self.account.id, today),
        )
        return jsonify(
            findings=[
                one.plain() | {"weighs": WEIGHS[one.severity], "tone": TONES[one.severity]}
                for one in found
                if one.rule not in COUNTED
            ]
        )


def titles() -> dict[str, str]:
    """Rule id → its title, for links to it."""
    return {rule.id: rule.title for rule in every()}


def carriers(rules: Book) -> dict[str, dict[str, int]]:
    """Carrier → kind of sender → the largest message in bytes."""
    found: dict[str, dict[str, int]] = {}
    for limit in rules.media():
        found.setdefault(limit.carrier, {})[limit.sender_kind] = limit.size
    return found


def stop_words(on: date) -> list[str]:
    """The words that act at once, in the order of their list."""
    return [row.word for row in keywords.rows() if row.action is Keyword.STOP and row.in_force(on)]
