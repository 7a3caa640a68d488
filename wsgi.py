"""The console as a WSGI app: `gunicorn wsgi:app`, `flask --app wsgi …`."""

from admin.app import create_app

app = create_app()
