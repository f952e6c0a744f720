"""What every process needs: settings, log, metrics, health, and how to start and stop."""
