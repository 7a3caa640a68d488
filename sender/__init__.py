"""What we do: the only folder that talks to Twilio."""
