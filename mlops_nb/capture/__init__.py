"""What ran: cells, their names and files, runs, artifacts and the environment."""
