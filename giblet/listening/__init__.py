"""Listening tests: how good features sound to people, after ITU-R BS.1534-3 (MUSHRA)."""

from giblet.listening.making import ListeningTest, make_test
from giblet.listening.scoring import Scores, Summary, score, write_scores

__all__ = ["ListeningTest", "Scores", "Summary", "make_test", "score", "write_scores"]
