"""Features of pictures: light, contrast, motion energy, shot cuts."""
