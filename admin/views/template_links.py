"""The addresses in a wording, shortened on our own domain while it is written."""

from __future__ import annotations

from flask import abort, jsonify, request
from werkzeug.wrappers import Response

from admin import auth
from admin.database import configuration
from admin.views.guarded import GuardedModelView, page
from sender import short_links


class TemplateLinks(GuardedModelView):
    """What the editor asks for when somebody shortens the links of a text."""

    @page("/shorten/", "POST")
    def shorten(self) -> Response:
        """The text with its long addresses replaced, and how many there were: JSON in, JSON out."""
        asked, base = request.get_json(silent=True), configuration().public_url
        source = asked.get("source") if isinstance(asked, dict) else None
        if not isinstance(source, str) or len(source) > 2 * short_links.LONGEST + 1_000:
            abort(400)
        made: dict[str, str] = {}
        for url in short_links.long_ones(source, base):
            try:
                link = short_links.shorten(
                    self.database, account_id=self.account.id, url=url, actor=auth.actor(), now=self.now()
                )
            except short_links.LinkProblem:
                continue
            self.record("link:create", link, after={"url": link.url})
            made[url] = short_links.address(base, link)
        self.database.commit()
        for url in sorted(made, key=len, reverse=True):
            source = source.replace(url, made[url])
        return jsonify(source=source, links=len(made))
