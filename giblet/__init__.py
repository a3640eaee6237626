"""Features of films and stories, exact in time with the fMRI volumes they were heard in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from giblet.cluster import extract_many
    from giblet.data import AudioProcessor, extract, open_store, open_study

__version__ = "0.1.0"
__all__ = ["AudioProcessor", "__version__", "extract", "extract_many", "open_store", "open_study"]


def __getattr__(name: str) -> Any:
    # Looked up on first use: `import giblet` and every error of the command line stay quick.
    if name in {"AudioProcessor", "extract", "open_store", "open_study"}:
        import giblet.data

        return getattr(giblet.data, name)
    if name == "extract_many":
        import giblet.cluster

        return giblet.cluster.extract_many
    raise AttributeError(f"module 'giblet' has no attribute {name!r}")
