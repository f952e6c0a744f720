"""`wirewatch feeds`: bring feeds along, add one, look at how they fare."""
