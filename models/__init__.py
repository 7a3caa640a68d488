"""What is true: the tables, and the rules that define their values."""
