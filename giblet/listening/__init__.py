"""Listening tests: how good features sound to people, after ITU-R BS.1534-3 (MUSHRA)."""

from giblet.listening.making import ListeningTest, make_test


__all__ = ["ListeningTest", "make_test"]
