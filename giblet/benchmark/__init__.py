"""What features hold of films and sounds: coded and made again, measured, and compared between runs."""

from giblet.benchmark.comparison import TOLERANCES, Change, Comparison, compare, tolerances
from giblet.benchmark.recording import Elsewhere
from giblet.benchmark.result import (
    BenchmarkFile,
    BenchmarkRun,
    Drift,
    Interval,
    Method,
    Quality,
    Skipped,
)
from giblet.benchmark.run import check_settings, run_benchmark
from giblet.benchmark.work import check_output

__all__ = [
    "TOLERANCES",
    "BenchmarkFile",
    "BenchmarkRun",
    "Change",
    "Comparison",
    "Drift",
    "Elsewhere",
    "Interval",
    "Method",
    "Quality",
    "Skipped",
    "check_output",
    "check_settings",
    "compare",
    "run_benchmark",
    "tolerances",
]
