"""From `matches` to accepted by a mail server and by Slack: how many a second, and how late."""
