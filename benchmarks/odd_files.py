"""What ``giblet extract`` does with each file of a folder of difficult ones, as a table.

python benchmarks/odd_files.py FOLDER
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Print the table."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: python benchmarks/odd_files.py FOLDER, a folder of films and sound files", file=sys.stderr)
        sys.exit(2)
    folder = Path(sys.argv[1])
    print("| file | status | what it said |")
    print("| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        for number, file in enumerate(sorted(folder.iterdir())):
            store = Path(scratch, str(number))
            command = [
                sys.executable,
                "-m",
                "giblet",
                "extract",
                str(file),
                "-o",
                str(store),
                "--codec",
                "tiny",
                "--no-cache",
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            said = (done.stdout + done.stderr).strip().replace(str(folder) + "/", "").replace(f" → {store}", "")
            if done.returncode and any(Path(scratch).glob(f"*{number}*")):
                said += " (LEFT SOMETHING BEHIND)"
            print(f"| {file.name} | {done.returncode} | {said} |", flush=True)


if __name__ == "__main__":
    main()
