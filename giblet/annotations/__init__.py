"""Words, scenes and events that people wrote down beside a film → one table on the stimulus' clock."""

from giblet.annotations.events import Annotations
from giblet.annotations.reading import read_annotations

__all__ = ["Annotations", "read_annotations"]
