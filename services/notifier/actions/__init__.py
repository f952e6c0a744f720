"""What a message offers to do, by signed links: see the alert, silence, unsubscribe."""
