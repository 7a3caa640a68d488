"""The proof that a text is sent once, whatever is killed: `make crash`.

`points` names where a process can die, `doomed` are the processes that do, `provider` is the Twilio they talk to, `world` gives
them work, `chaos` kills and counts, `verdict` accounts for every row afterwards. `large` plays one long campaign.
"""
