"""How long does the linter look at a wording and at a recipient, against rendering the same text and measuring it?

`python -m tests.bench.bench_lint` or, from the collected benchmarks, `run()`. The linter looks at a template once, not at each
text of a campaign; what it takes for a recipient is what one reply, or one page about one person, pays.
"""

import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from models.accounts import Profile
from models.base import connect
from models.campaigns import Campaign
from models.schema import migrate
from models.segments import measure
from sender import waivers
from sender.compliance import lint
from sender.expansion import _forbidden
from sender.lint_subjects import RecipientFacts, Subject, TemplateFacts
from sender.recipients import Row, Terms, recipients, terms
from sender.templates import parse, render
from tests.bench.bench_segments import campaign_texts
from tests.bench.bench_windows import expanding, listed
from tests.bench.stage import databases
from tests.conftest import NOW, seed_account

TEXTS = 1_000
ROUNDS = 3
AUDIENCE = 5_000
"""Recipients of one campaign, whose wording is looked at once for all of them."""
MOST_SHARE = 10
"""Percent of rendering that looking at the wording may add for each of them, and of an expansion what rules about people may."""
MOST_RATIO = 400
"""How many texts may be rendered and measured while one is looked at."""
ON = NOW.date()


def seconds(work: Callable[[Sequence[Subject]], object], subjects: Sequence[Subject]) -> float:
    """CPU-seconds for one subject, the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        work(subjects)
        best = min(best, time.process_time() - started)
    return best / len(subjects)


def look(subjects: Sequence[Subject]) -> None:
    """Lint each, in the profile with the most rules."""
    for subject in subjects:
        lint(subject, on=ON, profile=Profile.THIRD_PARTY_COLLECTOR)


def rendering(texts: Sequence[str]) -> float:
    """CPU-seconds to render and measure one text with two fields."""
    template = parse("{{ greeting }} {{ text }}")
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for text in texts:
            measure(render(template, {"greeting": "Hi", "text": text}))
        best = min(best, time.process_time() - started)
    return best / len(texts)


def of_recipients(people: int = 50_000) -> tuple[float, float]:
    """CPU-seconds a recipient of an expansion, and of asking the rules that bind about each, on SQLite."""
    with databases() as urls:
        database = connect(urls["SQLite"])
        migrate(database)
        with database.session() as session:
            account = seed_account(session)
            made = listed(session, account, people)
            waivers.confirm(
                session, account, "N16", reason="Read by counsel.", approver="bench", decided_on=ON, on=ON, now=NOW
            )
            base = expanding(session, made)
            campaign = session.get_one(Campaign, made.campaign_id)
            given = terms(
                session, account_id=account.id, purpose=campaign.purpose, version=campaign.template_version,
                audience=campaign.audience, now=NOW,
            )  # fmt: skip
            slices = list(recipients(session, made.audience_id, given))
            best = min(_asking(session, slices, given) for _ in range(ROUNDS))
        database.engine.dispose()
    return base / people, best / people


def _asking(session: Session, slices: Sequence[Sequence[Row]], given: Terms) -> float:
    started = time.process_time()
    for rows in slices:
        dict(_forbidden(session, rows, given, []))
    return time.process_time() - started


def run() -> None:
    """Print the table and assert the ratio to rendering."""
    texts = campaign_texts(TEXTS)
    base = rendering(texts)
    rows = {
        "a template": seconds(look, [TemplateFacts(text, brands=("Harbor",)) for text in texts]),
        "a recipient": seconds(look, [RecipientFacts(text, now=NOW, consent=True, region="US") for text in texts]),
        "1,600 characters": seconds(look, [TemplateFacts((text * 40)[:1_600]) for text in texts[:50]]),
    }
    share = rows["a template"] / AUDIENCE
    table = Table(title=f"What the rules take, beside {base * 1e6:.1f} µs for rendering and measuring a text")
    for heading in ("subject", "µs", "times rendering"):
        table.add_column(heading, justify="left" if heading == "subject" else "right")
    for name, took in rows.items():
        table.add_row(name, f"{took * 1e6:,.0f}", f"{took / base:,.0f}")
    table.add_row(f"a wording, for each of {AUDIENCE:,}", f"{share * 1e6:,.3f}", f"{share / base:,.3f}")
    Console().print(table)
    slow = [name for name in ("a template", "a recipient") if rows[name] > MOST_RATIO * base]
    assert not slow, f"{', '.join(slow)}: more than {MOST_RATIO} times rendering"
    assert share * 100 <= MOST_SHARE * base, f"the wording of a campaign adds {share / base:.0%} to each text"
    expansion, asked = of_recipients()
    Console().print(
        f"Rules that bind, for each recipient: {asked * 1e6:.2f} µs of {expansion * 1e6:.1f} µs of the expansion."
    )
    assert asked * 100 <= MOST_SHARE * expansion, f"the rules take {asked / expansion:.0%} of an expansion"


if __name__ == "__main__":
    run()
