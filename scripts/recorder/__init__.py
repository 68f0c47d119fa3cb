"""Records programs in a real terminal, as text."""
