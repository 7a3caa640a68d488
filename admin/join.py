"""The public page of an account where people sign up for texts themselves; and the picture of it that reviewers look at.

Nobody signs in here. What the page answers never depends on what we know of a number: whether it is known, agreed before or said
no, the next page is the same. A number that is typed is asked by text whether it is the visitor's, so nothing comes of a
stranger's number but one text, and there are limits for each address, each number and each account.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from hashlib import sha256

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response as Answer

from admin import auth
from admin.database import configuration, db
from models.accounts import Account
from models.opt_ins import OptInCapture, OptInPath, OptInRequest, OptInWording
from models.phones import PhoneProblem, normalise
from models.settings import value
from sender import opt_ins
from sender.opt_in_words import phrases
from sender.worker import wall_clock

LONGEST = 40
"""Characters of a number that is typed."""
SMALLEST_BODY = 10_000
"""Bytes of a form of this page; more is not read."""
EXAMPLE = {"US": "(212) 555-0123", "CA": "(416) 555-0123", "GB": "07400 123456"}


def blueprint() -> Blueprint:
    """The pages under /join."""
    pages = Blueprint("join", __name__, url_prefix="/join")

    @pages.before_request
    def bounded() -> None:
        request.max_content_length = SMALLEST_BODY

    @pages.get("/<slug>")
    def form(slug: str) -> str:
        """What one signs up for, and the form."""
        return shown(found(slug))

    @pages.post("/<slug>")
    def submit(slug: str) -> Answer | tuple[str, int]:
        """Ask the number that was typed, if it may be asked; the answer tells nothing of it."""
        wording = found(slug)
        phone, ticked = request.form.get("phone", "")[:LONGEST].strip(), request.form.get("agree") == "yes"
        said = phrases(wording.language)
        number = normalise(phone, wording.account.default_region)
        wrong: dict[str, str] = {}
        if isinstance(number, PhoneProblem):
            example = EXAMPLE.get(wording.account.default_region, EXAMPLE["US"])
            wrong["phone"] = said["wrong_phone"].format(name=example)
        if not ticked:
            wrong["agree"] = said["not_ticked"]
        if wrong or isinstance(number, PhoneProblem):
            return shown(wording, phone=phone, ticked=ticked, wrong=wrong), 400
        if crowded(wording, number.e164, now=wall_clock()):
            return shown(wording, phone=phone, ticked=ticked, wrong={"form": said["too_many"]}), 429
        ask(wording, number.e164, now=wall_clock())
        return redirect(url_for(".thanks", slug=slug), 303)

    @pages.get("/<slug>/thanks")
    def thanks(slug: str) -> str:
        """The same for everybody."""
        wording = found(slug)
        return render_template("opt_ins/join_thanks.html", wording=wording, said=phrases(wording.language))

    @pages.get("/<slug>/evidence/<name>")
    def evidence(slug: str, name: str) -> Response:
        """The picture of the page by its hash: a stable address for a verification form."""
        capture = (
            db()
            .scalars(
                select(OptInCapture)
                .join(Account, Account.id == OptInCapture.account_id)
                .where(Account.slug == slug, OptInCapture.sha256 == name.partition(".")[0])
            )
            .first()
        )
        if capture is None or name != picture_name(capture):
            abort(404)
        answer = Response(capture.image, mimetype=capture.media_type)
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer

    return pages


def found(slug: str) -> OptInWording:
    """The wording in force of the account with this slug; 404 where there is none."""
    account_id = db().scalar(select(Account.id).where(Account.slug == slug))
    wording = opt_ins.current_wording(db(), account_id) if account_id is not None else None
    return wording if wording is not None else abort(404)


def shown(wording: OptInWording, *, phone: str = "", ticked: bool = False, wrong: dict[str, str] | None = None) -> str:
    """The page; after a mistake with what was typed, and a sentence beside it."""
    return render_template(
        "opt_ins/join.html",
        wording=wording,
        said=phrases(wording.language),
        phone=phone,
        ticked=ticked,
        wrong=wrong or {},
    )


def crowded(wording: OptInWording, phone: str, *, now: datetime) -> bool:
    """Whether there were too many tries from this address, for this number or on this account's page."""
    clock, key = time.monotonic(), sha256(phone.encode()).hexdigest()
    tries = [
        auth.too_many_attempts(request.remote_addr or "", "join", now=clock),
        auth.too_many_attempts("", f"join {wording.account_id} {key}", now=clock),
    ]
    lately = select(func.count()).where(
        OptInRequest.account_id == wording.account_id, OptInRequest.path == OptInPath.FORM,
        OptInRequest.created_at > now - timedelta(hours=1),
    )  # fmt: skip
    most = int(value(db(), "opt_in_form_per_hour", account_id=wording.account_id))
    return any(tries) or (db().scalar(lately) or 0) >= most


def ask(wording: OptInWording, phone: str, *, now: datetime) -> None:
    """Make a request of what was submitted; a number that may not be asked is not told from one that may."""
    agent = request.user_agent.string[:1_000]
    evidence = {
        "page": public_url(wording.account), "ip": request.remote_addr or "", "submitted_at": now.isoformat(),
        "user_agent_sha256": sha256(agent.encode()).hexdigest(), "box": "ticked by the visitor",
    }  # fmt: skip
    try:
        opt_ins.start(
            db(), account=wording.account, phone=phone, path=OptInPath.FORM, now=now, evidence=evidence, actor="visitor"
        )
    except opt_ins.NotStarted:
        db().rollback()
    else:
        db().commit()


def public_url(account: Account) -> str:
    """Where the account's page is."""
    return f"{configuration().public_url}/join/{account.slug}"


def picture_name(capture: OptInCapture) -> str:
    """The last part of a picture's address."""
    return f"{capture.sha256}.{'png' if capture.media_type == 'image/png' else 'jpg'}"


def picture_url(account: Account, capture: OptInCapture) -> str:
    """Where everybody can look at a picture: the "opt-in workflow image URL" of a toll-free verification."""
    return f"{public_url(account)}/evidence/{picture_name(capture)}"


def copied(wording: OptInWording, css: str) -> str:
    """The page as it is shown, as one file that needs no other: for the evidence."""
    return render_template(
        "opt_ins/join_copy.html", wording=wording, said=phrases(wording.language), css=css, url=public_url(wording.account),
        phone="", ticked=False, wrong={},
    )  # fmt: skip
