"""Aligned samples: what was heard, seen and said in a TR, and the BOLD of that moment."""
