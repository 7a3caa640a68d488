"""What people see: the console, the front door of webhooks, the commands."""
