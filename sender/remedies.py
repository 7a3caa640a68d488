"""Somebody was not texted: what would change that the next time? One act for each thing that can stand in the way."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from models.campaigns import Reason


class Remedy(StrEnum):
    """Something that a person may do. Who may, the console says (`admin/views/why_words.py`)."""

    MEND_ROW = "mend_row"
    ENABLE_COUNTRY = "enable_country"
    ALLOW_LANDLINES = "allow_landlines"
    ALLOW_PICTURES = "allow_pictures"
    CHANGE_HOURS = "change_hours"
    RE_SUBSCRIBE = "re_subscribe"
    RELEASE = "release"
    CLEAR_FLAG = "clear_flag"
    MEET_RULE = "meet_rule"
    SHORTEN_TEXT = "shorten_text"
    SET_TIME_ZONE = "set_time_zone"
    RAISE_LIMIT = "raise_limit"
    RAISE_CAP = "raise_cap"
    SEND_AGAIN = "send_again"
    RESUME = "resume"
    DECIDE = "decide"
    ADD_TO_LIST = "add_to_list"


R, A = Reason, Remedy
SENTENCES: dict[Remedy, str] = {
    A.MEND_ROW: "Mend the row in the list and upload it again.",
    A.ENABLE_COUNTRY: "Enable the country in the country settings, if you may text people there.",
    A.ALLOW_LANDLINES: "Allow landlines in the settings of the country: they are texted in vain in most.",
    A.ALLOW_PICTURES: "Allow pictures in the settings of the country, if its networks carry them, or send the text without one.",
    A.CHANGE_HOURS: "Start earlier, or look at the hours in the country settings.",
    A.RE_SUBSCRIBE: "Re-subscribe the number, with the evidence that the person agreed again.",
    A.RELEASE: "Read what the person wrote, and release the number if it was no refusal.",
    A.CLEAR_FLAG: "Clear the flag, with the reason why it may go.",
    A.MEET_RULE: "Meet the rule, such as by recording the consent that it asks for; what it says is in the compliance guide.",
    A.SHORTEN_TEXT: "Shorten the text of the template, or the row's values.",
    A.SET_TIME_ZONE: "Enter the person's time zone on their contact.",
    A.RAISE_LIMIT: "Raise the segment limit, and send to those who were left out.",
    A.RAISE_CAP: "Send later, or raise the account's frequency cap; what a law allows cannot be raised.",
    A.SEND_AGAIN: "Send another campaign to them.",
    A.RESUME: "Resume the campaign.",
    A.DECIDE: "Decide by what you know whether the text left.",
    A.ADD_TO_LIST: "Add the person to a list, and send to that.",
}
"""What each means, for people."""
REMEDIES: Mapping[Reason, tuple[Remedy, ...]] = {
    R.EMPTY_PHONE: (A.MEND_ROW,),
    R.INVALID_NUMBER: (A.MEND_ROW,),
    R.DUPLICATE: (),
    R.LANDLINE: (A.ALLOW_LANDLINES, A.MEND_ROW),
    R.PREMIUM: (A.MEND_ROW,),
    R.COUNTRY_DISABLED: (A.ENABLE_COUNTRY,),
    R.NO_MMS: (A.ALLOW_PICTURES,),
    R.OPTED_OUT: (A.RE_SUBSCRIBE,),
    R.FLAGGED: (A.CLEAR_FLAG,),
    R.RULE: (A.MEET_RULE,),
    R.MISSING_FIELD: (A.MEND_ROW,),
    R.TOO_LONG: (A.SHORTEN_TEXT,),
    R.NO_TIME_ZONE: (A.SET_TIME_ZONE, A.CHANGE_HOURS),
    R.FREQUENCY: (A.RAISE_CAP,),
    R.ERASED: (),
    R.WINDOW_CLOSED: (A.CHANGE_HOURS, A.SEND_AGAIN),
    R.SEGMENT_LIMIT: (A.RAISE_LIMIT,),
    R.CANCELLED: (A.SEND_AGAIN,),
    R.EXPIRED: (A.SEND_AGAIN,),
    R.ATTEMPTS: (A.SEND_AGAIN,),
}
"""What would change each reason. A duplicate got the text of its first row."""
