"""What features hold of films and sounds: coded and made again, measured, and compared between runs."""

from giblet.benchmark.result import (
    BenchmarkFile,
    BenchmarkRun,
    Drift,
    Interval,
    Method,
    Quality,
    Skipped,
)

__all__ = ["BenchmarkFile", "BenchmarkRun", "Drift", "Interval", "Method", "Quality", "Skipped"]
