"""The ``giblet`` command: how it begins and ends; it imports next to nothing, so that Ctrl-C is answered at once."""

from __future__ import annotations

import os
import signal
import sys

from giblet.errors import GibletError

# How a command ends that was told to stop: by Ctrl-C, or by SIGTERM, as schedulers send it.
INTERRUPTED, TERMINATED = 130, 143


def run() -> None:
    """Run the command line; errors that a user can mend end with status 2, an interrupt with 130, a
    termination with 143.
    """
    # Threads that wait for each other spin for milliseconds by default, which makes everything far slower once another
    # program wants the processor. Spinning for microseconds costs nothing. torch reads this when it loads.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    try:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
        # Loading typer takes a tenth of a second; whoever changes his mind meanwhile gets no traceback.
        from giblet.cli.app import call

        status = call()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except GibletError as error:
        sys.stderr.write(f"giblet: {error}\n")
        status = 2
    except OSError as error:
        # What no place in the code foresaw; -v shows which it was.
        import logging

        logging.getLogger("giblet.cli").debug("unforeseen", exc_info=True)
        reason = error.strerror or type(error).__name__
        sys.stderr.write(f"giblet: the system refuses ({reason}); check names, permissions and space on the disk.\n")
        status = 2
    if status in (INTERRUPTED, TERMINATED):
        sys.stderr.write("giblet: interrupted; nothing half-written was left behind\n")
    sys.exit(status)
