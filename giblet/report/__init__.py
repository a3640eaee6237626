"""One page that shows what a store, a benchmark or a dataset holds."""

from giblet.report.writing import write_report

__all__ = ["write_report"]
