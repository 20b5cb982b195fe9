"""Where models are: the one that ships with the program, and the local cache."""
