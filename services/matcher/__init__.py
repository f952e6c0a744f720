"""The matcher: every article against every active rule."""
