"""Does it cost more than it should, or look like fraud? Rules B01 to B04."""

from __future__ import annotations

from collections.abc import Iterator

from models.money import show
from sender.lint_registry import Hit, rule
from sender.lint_subjects import CampaignFacts, RecipientFacts
from sender.rule_table import Book


@rule("B01", CampaignFacts)
def over_budget(facts: CampaignFacts, _: Book) -> Iterator[Hit]:
    """A forecast above the budget."""
    if facts.forecast_u is not None and facts.budget_u is not None and facts.forecast_u > facts.budget_u:
        yield Hit(f"It may cost {show(facts.forecast_u)}; the budget is {show(facts.budget_u)}.")


@rule("B02", CampaignFacts)
def avoidable(facts: CampaignFacts, book: Book) -> Iterator[Hit]:
    """A share of the audience that can only fail."""
    if facts.audience and facts.avoidable * 100 >= book.limit("avoidable_percent") * facts.audience and facts.avoidable:
        price = facts.message_price_u
        saved = f"{show(price * facts.avoidable)} and " if price is not None else ""
        yield Hit(
            f"{saved}{facts.avoidable:,} of {facts.audience:,} failures are avoidable: opted out or no usable number."
        )


@rule("B03", CampaignFacts)
def pumping(facts: CampaignFacts, book: Book) -> Iterator[Hit]:
    """Signs of artificially inflated traffic."""
    signs = [f"countries that are new: {', '.join(sorted(facts.new_regions))}"] if facts.new_regions else []
    if facts.thousand_block >= book.limit("pumping_prefix_texts"):
        signs.append(f"{facts.thousand_block} recipients in one block of a thousand numbers")
    if facts.sequential >= book.limit("pumping_sequential"):
        signs.append(f"{facts.sequential} numbers in sequence")
    if facts.price_multiple is not None and facts.price_multiple >= book.limit("pumping_price_multiple"):
        signs.append(f"a price {facts.price_multiple} times the usual")
    if signs:
        yield Hit(f"The list has {'; '.join(signs)}.")


@rule("B03", RecipientFacts)
def pumped(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """One recipient in a suspicious group."""
    if facts.suspicious:
        yield Hit(f"The recipient is in a group with {', '.join(facts.suspicious)}.")


@rule("B04", CampaignFacts)
def no_rate(facts: CampaignFacts, _: Book) -> Iterator[Hit]:
    """Destinations without a price."""
    if facts.missing_rates:
        yield Hit(f"No price is known for {', '.join(facts.missing_rates)}.")
