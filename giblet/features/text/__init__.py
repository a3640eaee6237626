"""Features of what words and sentences mean, and how frequent they are; they need the extra ``text`` or a model."""
