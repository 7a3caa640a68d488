"""The console as a WSGI app: `gunicorn wsgi:app`, `flask --app wsgi …`."""

from admin import logs
from admin.app import create_app
from admin.config import Config

config = Config.from_environment()
logs.start(config.log)
app = create_app(config)
