"""How does a list stay quick at ten million rows? Pages start at a row, not at a number; counts stop at ten thousand.

A page is asked for by the sort value and id of the row beside it (`?after=` older rows, `?before=` newer ones), so the last page
costs what the first does. Only indexed sorts are offered, and only indexed searches.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any

from flask import abort, g, request
from sqlalchemy import func, literal, select, text, tuple_
from sqlalchemy.exc import OperationalError

from admin.views.guarded import GuardedModelView
from models.base import UTCDateTime

COUNT_TO = 10_000
PATIENCE = "5s"
"""How long PostgreSQL may look for the rows of one list page."""


class KeysetModelView(GuardedModelView):
    """A table too long for page numbers. Its sort is one NOT NULL column and then the id."""

    keyset_column = "created_at"
    keyset_descending = True
    order_words, newer_label, older_label = "Newest first", "Newer", "Older"
    simple_list_pager = True
    column_sortable_list: tuple[str, ...] = ()

    def _key(self) -> Any:
        return getattr(self.model, self.keyset_column)

    def _apply_sorting(self, query: Any, joins: Any, sort_column: Any, sort_desc: bool) -> tuple[Any, Any]:
        backwards = "before" in request.args and self._token("before") is not None
        descending = self.keyset_descending != backwards
        columns = (self._key(), self.model.id)
        return query.order_by(*(column.desc() if descending else column.asc() for column in columns)), joins

    def _apply_pagination(self, query: Any, page: int | None, page_size: int | None) -> Any:
        for side in ("after", "before"):
            token = self._token(side)
            if token is not None:
                here = tuple_(self._key(), self.model.id)
                there = tuple_(literal(token[0], self._key().type), literal(token[1], self.model.id.type))
                further = (side == "after") == self.keyset_descending
                query = query.filter(here < there if further else here > there)
                break
        return query.limit(page_size + 1) if page_size else query

    def get_list(  # the signature is Flask-Admin's
        self,
        page: Any,
        sort_column: Any,
        sort_desc: Any,
        search: Any,
        filters: Any,
        execute: bool = True,
        page_size: Any = None,
    ) -> tuple[int | None, Any]:
        size = self.page_size if page_size is None else page_size
        _, query = super().get_list(
            None, None, sort_desc=False, search=search, filters=filters, execute=False, page_size=size
        )
        if not execute:
            return None, query
        self._be_patient()
        try:
            rows = list(query)
            g.keyset_count = self._count(search, filters)
        except OperationalError:
            self.database.rollback()
            abort(503)
        more = len(rows) > size
        rows = rows[:size]
        backwards = self._token("before") is not None
        if backwards:
            rows.reverse()
        first = self._token("after") is None and not backwards
        g.keyset_newer = rows and not first and (more or not backwards) and self._page_url(before=self._mint(rows[0]))
        g.keyset_older = rows and (more or backwards) and self._page_url(after=self._mint(rows[-1]))
        return None, rows

    def _be_patient(self) -> None:
        if self.database.get_bind().dialect.name == "postgresql":
            self.database.execute(text(f"SET LOCAL statement_timeout = '{PATIENCE}'"))

    def _count(self, search: Any, filters: Any) -> str:
        query = self.get_query()
        if search and self._search_supported:
            query, *_ = self._apply_search(query, None, {}, {}, search)
        if filters:
            query, *_ = self._apply_filters(query, None, {}, {}, filters)
        some = query.with_entities(self.model.id).limit(COUNT_TO + 1).subquery()
        count = self.database.scalar(select(func.count()).select_from(some)) or 0
        return f"more than {COUNT_TO:,}" if count > COUNT_TO else f"{count:,}"

    def render(self, template: str, **kwargs: Any) -> Any:
        if "keyset_count" in g:
            kwargs.update(keyset_count=g.keyset_count, keyset_newer=g.keyset_newer, keyset_older=g.keyset_older)
        return super().render(template, **kwargs)

    # tokens
    def _mint(self, row: Any) -> str:
        value = getattr(row, self.keyset_column)
        plain = value.isoformat() if isinstance(value, datetime) else value
        return base64.urlsafe_b64encode(json.dumps([plain, row.id]).encode()).decode().rstrip("=")

    def _token(self, side: str) -> tuple[Any, int] | None:
        """The row that the address names, or None: a malformed token means the first page."""
        given = request.args.get(side, "")
        try:
            value, key = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
            if isinstance(self._key().type, UTCDateTime):
                value = datetime.fromisoformat(value)
                if value.tzinfo is None:
                    return None
                value = value.astimezone(UTC)
            elif not isinstance(value, self._key().type.python_type):
                return None
            return (value, key) if isinstance(key, int) and 0 <= key < 2**63 else None
        except (ValueError, TypeError, binascii.Error, UnicodeDecodeError, OverflowError):
            return None

    def _page_url(self, **token: str) -> str:
        args = self._get_list_extra_args()
        return str(self._get_list_url(args.clone(page=0, extra_args={**args.extra_args, **token})))
