"""Which rows of a list prove that somebody agreed? Only those that say who, when, how, to which words, and where the proof is.

A row that lacks one of them is refused with its reason, and so is one from a bought or shared list (CTIA, rules N12 and N15), or
about a number that said no: a list never ends a refusal. The whole list is written in one transaction; the hash of its file and the
number of the row stand in each event, so that loading it again adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.phones import PhoneProblem, normalise
from sender import consent
from sender.among import among
from sender.opt_in_words import forbidden
from sender.tables import AudienceProblem, Table

COLUMNS = ("phone", "at", "how", "wording", "evidence")
MOST_ROWS = 5_000
"""Rows of one list: each is an entry of the chain by itself, and nobody else may write to it meanwhile."""
LONGEST = 2_000
"""Characters of a cell that are kept."""
LACKS = {
    "at": "It does not say when they agreed.",
    "how": "It does not say how they agreed.",
    "wording": "It does not say which words they were shown.",
    "evidence": "It names no evidence, such as a form's number or a recording.",
}


@dataclass(frozen=True)
class Proof:
    """One row that may become a yes."""

    row: int
    phone: str
    at: datetime
    how: str
    wording: str
    evidence: str


@dataclass
class Reading:
    """What a list comes to: rows that count, rows that are refused with a sentence, and those that were loaded before."""

    good: list[Proof] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    known: int = 0


def read(session: Session, *, account: Account, table: Table, sha256: str, purpose: Purpose, now: datetime) -> Reading:
    """Judge every row of a list; nothing is written. Raises AudienceProblem for a list without the columns (COLUMNS)."""
    missing = [name for name in COLUMNS if name not in _named(table.columns)]
    if missing:
        raise AudienceProblem(
            f"The list lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}. It needs "
            f"{', '.join(COLUMNS[:-1])} and {COLUMNS[-1]}, each with that name in the first row."
        )
    named, found = _named(table.columns), Reading()
    firsts: dict[str, int] = {}
    for number, cells in enumerate(table.rows, 1):
        said = {name: cells[named[name]].strip()[:LONGEST] for name in COLUMNS}
        proof = _proof(account, number, said, now)
        if isinstance(proof, Proof) and proof.phone in firsts:
            proof = f"The list has this number already, in row {firsts[proof.phone]}."
        if isinstance(proof, str):
            found.refused.append((number, proof))
        else:
            firsts[proof.phone] = number
            found.good.append(proof)
    _against_the_ledger(session, account, found, sha256, purpose)
    return found


def _named(columns: Iterable[str]) -> dict[str, str]:
    """Our name of a column → the list's."""
    return {column.strip().casefold(): column for column in columns}


def _proof(account: Account, number: int, said: Mapping[str, str], now: datetime) -> Proof | str:
    """The row, or the sentence why it proves nothing."""
    phone = normalise(said["phone"], account.default_region)
    if isinstance(phone, PhoneProblem):
        return phone.sentence
    lacking = next((sentence for name, sentence in LACKS.items() if not said[name]), "")
    if lacking:
        return lacking
    at = _time(said["at"], account.time_zone)
    if at is None:
        return "The time is not understood; write it like 2026-03-31 14:05."
    if at > now:
        return "They agreed in the future; check the date."
    if forbidden(said["how"]) or forbidden(said["evidence"]):
        return "It comes from a bought or shared list, which proves nothing."
    return Proof(number, phone.e164, at, said["how"], said["wording"], said["evidence"])


def _time(said: str, zone: str) -> datetime | None:
    """A time as ISO 8601 writes it; without a zone it is the account's."""
    try:
        found = datetime.fromisoformat(said)
        if found.tzinfo is None:
            found = found.replace(tzinfo=ZoneInfo(zone))
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found.year >= 1990 else None


def _against_the_ledger(session: Session, account: Account, found: Reading, sha256: str, purpose: Purpose) -> None:
    """Take out who said no, and what this list brought before."""
    phones = [one.phone for one in found.good]
    said_no = consent.blocked(session, account.id, phones, purpose)
    before = _loaded(session, account.id, phones, sha256)
    good = []
    for one in found.good:
        if one.phone in before:
            found.known += 1
        elif one.phone in said_no:
            kind = "waits to be read" if said_no[one.phone].kind is ConsentKind.HOLD else "said no"
            sentence = f"This number {kind}, which no list undoes; re-subscribe it by hand, with its evidence."
            found.refused.append((one.row, sentence))
        else:
            good.append(one)
    found.good = good
    found.refused.sort()


def _loaded(session: Session, account_id: int, phones: list[str], sha256: str) -> set[str]:
    """The numbers that a list with this hash brought a yes for."""
    events = select(ConsentEvent.phone, ConsentEvent.evidence).where(
        ConsentEvent.account_id == account_id, ConsentEvent.source == ConsentSource.IMPORT,
        ConsentEvent.kind == ConsentKind.OPT_IN, among(ConsentEvent.phone, "phones"),
    )  # fmt: skip
    found: set[str] = set()
    for start in range(0, len(phones), consent.PHONES):
        rows = session.execute(events, {"phones": phones[start : start + consent.PHONES]})
        found |= {phone for phone, evidence in rows if evidence.get("file_sha256") == sha256}
    return found


def load(
    session: Session,
    *,
    account: Account,
    proofs: Iterable[Proof],
    purpose: Purpose,
    filename: str,
    sha256: str,
    origin: str,
    actor: str,
    now: datetime,
) -> int:
    """Write a yes for each row into the ledger; how many. `origin` says in words where the list is from. Not committed."""
    written = list(proofs)
    for one in written:
        evidence = {
            "file": filename, "file_sha256": sha256, "row": one.row, "origin": origin, "agreed_at": one.at.isoformat(),
            "how": one.how, "wording": one.wording, "evidence": one.evidence,
        }  # fmt: skip
        consent.append(
            session, account_id=account.id, phone=one.phone, kind=ConsentKind.OPT_IN, purpose=purpose,
            source=ConsentSource.IMPORT, reason=one.how[:300], evidence=evidence, actor=actor, now=now,
        )  # fmt: skip
    return len(written)
