"""What the recorded facts say about where things come from and what they lead to."""
