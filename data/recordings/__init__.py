"""Parts of ``fetch_recordings.py``."""
