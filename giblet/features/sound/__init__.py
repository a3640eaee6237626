"""Low-level features of sound: power, envelope, pitch, spectral centroid, onset strength."""
