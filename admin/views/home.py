"""What is going on? The first page."""

from __future__ import annotations

from typing import Any

from flask_admin import AdminIndexView

from admin.views.guarded import Guarded, page


class HomeView(Guarded, AdminIndexView):
    """The overview."""

    view_right = "home:view"
    purpose = "What was sent, what arrived and what it cost."

    @page("/")
    def index(self) -> Any:
        """The page."""
        return self.render("admin/home.html")
