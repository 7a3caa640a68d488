"""What shows a carrier how people agreed? A pack of files: the facts, the page, its picture, and all of it as a PDF.

The only import of fpdf. Its built-in fonts know Western European letters only, so a PDF writes what lies outside as "?"; the exact
words are in the page's copy and in the facts, whose hashes the PDF names.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from models.opt_ins import OptInCapture, OptInWording

CODING = "windows-1252"
MARGIN, FOOT = 18, 20
"""Millimetres around the page, and under it."""


def facts(wording: OptInWording, capture: OptInCapture, *, image_url: str) -> dict[str, str]:
    """What is known of the page and its picture, by its label; times in UTC."""
    return {
        "Organisation": wording.account.name,
        "Name in texts": wording.brand,
        "Programme": wording.programme,
        "Description": wording.description,
        "Frequency": wording.frequency,
        "Wording version": f"{wording.number}, in force since {_time(wording.created_at)}, written by {wording.created_by}",
        "What people agree to": wording.agreement,
        "Terms": wording.terms_url,
        "Privacy policy": wording.privacy_url,
        "Page": capture.url,
        "Opt-in workflow image URL": image_url,
        "Picture taken": f"{_time(capture.captured_at)}, by {capture.captured_by}",
        "SHA-256 of the picture": capture.sha256,
        "SHA-256 of the page": capture.page_sha256,
    }


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def pdf(wording: OptInWording, capture: OptInCapture, *, texts: Sequence[str], image_url: str) -> bytes:
    """The pack on paper: the facts, the texts that a person gets, and the picture on a page of its own."""
    made = FPDF(format="A4")
    made.core_fonts_encoding = CODING
    made.set_creation_date(capture.captured_at)
    made.set_title(_plain(f"Opt-in evidence of {wording.account.name}"))
    made.set_margins(MARGIN, MARGIN)
    made.set_auto_page_break(auto=True, margin=FOOT)
    made.add_page()
    _line(made, f"How people agree to texts from {wording.brand}", size=17, bold=True)
    for label, said in facts(wording, capture, image_url=image_url).items():
        made.ln(2)
        _line(made, label, size=9, bold=True)
        _line(made, said, size=11)
    made.ln(3)
    _line(made, "Texts that a person gets", size=13, bold=True)
    for text in texts:
        made.ln(1)
        _line(made, text, size=11)
    made.add_page()
    _line(made, "The page as it was shown", size=13, bold=True)
    made.ln(3)
    room = made.h - made.get_y() - FOOT
    made.image(BytesIO(capture.image), w=made.epw, h=room, keep_aspect_ratio=True)
    return bytes(made.output())


def _line(made: FPDF, text: str, *, size: int, bold: bool = False) -> None:
    made.set_font("Helvetica", style="B" if bold else "", size=size)
    made.multi_cell(0, size * 0.48, _plain(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _plain(text: str) -> str:
    return text.encode(CODING, "replace").decode(CODING)


def pack(wording: OptInWording, capture: OptInCapture, *, texts: Sequence[str], image_url: str) -> bytes:
    """The zip archive with `pack.pdf`, `page.html`, the picture and `facts.json`; the same bytes each time."""
    known = {**facts(wording, capture, image_url=image_url), "Texts": list(texts)}
    picture = "screenshot.png" if capture.media_type == "image/png" else "screenshot.jpg"
    files = {
        "pack.pdf": pdf(wording, capture, texts=texts, image_url=image_url),
        "page.html": capture.page.encode(),
        picture: capture.image,
        "facts.json": json.dumps(known, ensure_ascii=False, indent=2).encode(),
    }
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, held in files.items():
            entry = zipfile.ZipInfo(name, date_time=capture.captured_at.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, held)
    return made.getvalue()
