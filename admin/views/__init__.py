"""What is in the menu? Every view of the console in its group, registered here and nowhere else."""

from __future__ import annotations

from flask import Flask
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme

from admin.views.audit import AuditView
from admin.views.campaigns import CampaignView
from admin.views.connection import ConnectionView
from admin.views.consent import ConsentView
from admin.views.contacts import ContactView
from admin.views.countries import CountryView
from admin.views.flags import FlagView
from admin.views.frequency import FrequencyView
from admin.views.guide import GuideView
from admin.views.home import HomeView
from admin.views.jobs import JobsView
from admin.views.links import LinkView
from admin.views.messages import MessageView
from admin.views.opt_ins import OptInView
from admin.views.retention import RetentionView
from admin.views.reviews import ReviewView
from admin.views.settings import SettingsView
from admin.views.templates import TemplateView
from admin.views.users import UserView
from models.campaigns import Campaign
from models.consent import ConsentEvent
from models.contacts import Contact
from models.countries import CountrySetting
from models.flags import ContactFlag
from models.links import ShortLink
from models.messages import Message
from models.opt_ins import OptInRequest
from models.templates import Template
from models.users import AuditEntry, User

MESSAGING, COMPLIANCE, MONEY, SYSTEM = "Messaging", "Compliance", "Money", "System"


def init_views(app: Flask) -> None:
    """The console's pages. Flask-Admin's theme class is named for its own templates; ours win over them by name."""
    home = HomeView(name="Overview", url="/", menu_icon_value="bars")
    admin = Admin(app, name="Textledger", url="/", index_view=home, theme=Bootstrap4Theme())
    with app.app_context():
        for view in pages():
            admin.add_view(view)


def pages() -> list[object]:
    """The views after the overview, in the order of the menu."""
    return [
        CampaignView(Campaign, name="Campaigns", category=MESSAGING, endpoint="campaigns", menu_icon_value="send"),
        TemplateView(Template, name="Templates", category=MESSAGING, endpoint="templates", menu_icon_value="file"),
        LinkView(ShortLink, name="Short links", category=MESSAGING, endpoint="links", menu_icon_value="copy"),
        ContactView(Contact, name="Contacts", category=MESSAGING, endpoint="contacts", menu_icon_value="people"),
        MessageView(Message, name="Messages", category=MESSAGING, endpoint="messages", menu_icon_value="message"),
        ConsentView(
            ConsentEvent, name="Unsubscribes", category=COMPLIANCE, endpoint="unsubscribes", menu_icon_value="ban"
        ),
        ReviewView(
            ConsentEvent, name="Replies to review", category=COMPLIANCE, endpoint="reviews", menu_icon_value="inbox"
        ),
        FlagView(ContactFlag, name="Flags", category=COMPLIANCE, endpoint="flags", menu_icon_value="shield"),
        OptInView(
            OptInRequest,
            name="Opt-ins",
            category=COMPLIANCE,
            endpoint="opt_ins",
            url="/opt-ins",
            menu_icon_value="check",
        ),
        CountryView(
            CountrySetting, name="Country settings", category=COMPLIANCE, endpoint="countries", menu_icon_value="globe"
        ),
        FrequencyView(name="Frequency caps", category=COMPLIANCE, endpoint="frequency", menu_icon_value="clock"),
        GuideView(name="Compliance guide", category=COMPLIANCE, endpoint="guide", menu_icon_value="shield"),
        RetentionView(name="Retention", category=COMPLIANCE, endpoint="retention", menu_icon_value="clock"),
        JobsView(name="Jobs", category=SYSTEM, endpoint="jobs", menu_icon_value="repeat"),
        ConnectionView(name="SMS account", category=SYSTEM, endpoint="connection", menu_icon_value="key"),
        SettingsView(name="Settings", category=SYSTEM, endpoint="settings", menu_icon_value="switch"),
        UserView(User, name="Users", category=SYSTEM, endpoint="users", menu_icon_value="user"),
        AuditView(AuditEntry, name="Audit log", category=SYSTEM, endpoint="audit", menu_icon_value="list"),
    ]
