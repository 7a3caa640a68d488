"""Where is a list? Its page, sort, search and filters live in its address, so that it can be bookmarked and shared."""

from __future__ import annotations

from typing import Any

from flask import flash, request
from flask_admin.contrib.sqla import ModelView
from flask_admin.model.base import ViewArgs

from admin import auth
from admin.views.filters import Filter

LAST_PAGE = 10_000
SEARCH_LENGTH = 100


class AddressedModelView(ModelView):
    """A table whose address says what it shows; whatever an address may carry, it never raises."""

    extra_arguments: tuple[str, ...] = ()
    """Names that the list's address may carry besides our own."""
    named_filter_urls = True

    def hidden(self) -> set[str]:
        """The columns that the role may not see."""
        return set()

    def _get_list_extra_args(self) -> ViewArgs:
        args = super()._get_list_extra_args()
        args.page = min(max(args.page or 0, 0), LAST_PAGE)
        args.search = (args.search or "").replace("\0", "").strip()[:SEARCH_LENGTH] or None
        args.extra_args = {name: value for name, value in args.extra_args.items() if name in self.extra_arguments}
        if args.filters:
            args.filters = [found for found in args.filters if self._may_filter(found[0])]
        hidden = self._get_column_by_idx(args.sort)
        if hidden is not None and hidden[0] in self.hidden():
            args.sort = None
        return args

    def _get_list_filter_args(self) -> Any:
        found = []
        for name, value in request.args.items():
            place, _, arg = name.removeprefix("flt").partition("_")
            known = self._filter_args.get(arg) if name.startswith("flt") and self._filters else None
            if known is None or not value.strip():
                continue
            index, flt = known
            if flt.validate(value):
                found.append((place, (index, str(flt.name), value)))
            else:
                flash(f"The filter {flt.name} has no such value; it was left out.", "error")
        return [pair for _, pair in sorted(found, key=lambda entry: entry[0])]

    def _get_list_url(self, view_args: ViewArgs) -> str:
        return str(
            self.get_url(
                ".index_view", page=view_args.page or None, sort=view_args.sort, desc=1 if view_args.sort_desc else None,
                search=view_args.search, **view_args.extra_args, **self._get_filters(view_args.filters),
            )
        )  # fmt: skip

    def get_filter_arg(self, index: int, flt: Any) -> str:
        return str(flt.arg)

    def _get_filter_groups(self) -> None:
        """Our list draws its filters itself."""

    def _may_filter(self, index: int) -> bool:
        flt: Filter = self._filters[index]
        return not flt.right or auth.allowed(flt.right)

    def offered_filters(self) -> list[tuple[str, Filter]]:
        """(name in the address, filter) of each filter that the role may use."""
        return [(f"flt{i}_{flt.arg}", flt) for i, flt in enumerate(self._filters or []) if self._may_filter(i)]

    def filter_url(self, **values: str) -> str:
        """The list with only these filters on: filter_url(state="draft")."""
        names = {flt.arg: name for name, flt in self.offered_filters()}
        return str(self.get_url(".index_view", **{names[arg]: value for arg, value in values.items() if arg in names}))

    def filtered_by(self, arg: str) -> str:
        """The present value of a filter; "" when it is off."""
        return next(
            (value for name, value in request.args.items() if name.startswith("flt") and name.partition("_")[2] == arg),
            "",
        )

    def chips(self) -> list[tuple[str, str, str]]:
        """(label, value in words, address without it) of each active filter."""
        args = self._get_list_extra_args()
        active = args.filters or []
        return [
            (
                str(name),
                self._filters[index].say(value),
                self._get_list_url(args.clone(page=0, filters=[f for f in active if f != (index, name, value)])),
            )
            for index, name, value in active
        ]
