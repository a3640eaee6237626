"""The parts of the sample film: speech, tune, picture."""
