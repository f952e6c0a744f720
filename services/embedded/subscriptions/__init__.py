"""`wirewatch subscriptions`: who gets what, and who has unsubscribed."""
