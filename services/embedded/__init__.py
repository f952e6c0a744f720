"""All steps in one process, with the bus and the database in one folder."""
