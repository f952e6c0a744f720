"""The commands below `wirewatch alerts`: what an alert looks like before one is raised."""
