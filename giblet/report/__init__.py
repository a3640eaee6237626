"""One page that shows what a store, a benchmark, a dataset or a fit holds."""

from giblet.report.writing import write_report

__all__ = ["write_report"]
