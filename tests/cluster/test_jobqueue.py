"""The scripts that are put into a cluster's queue, as text; no cluster is needed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import laboring
import pytest

from giblet.cluster import check_cluster, crew
from giblet.cluster.jobqueue import SYSTEMS, make_cluster, read_queue
from giblet.errors import ClusterError, MissingExtraError
from giblet.jobs import Job, values
from giblet.progress import SILENT

WHOLE = """
system: {system}
jobs: 3
cores: 8
memory: 16GB
workers_per_job: 2
walltime: 08:00:00
queue: normal
account: films
parallel_environment: smp
directives: ["--constraint=avx"]
setup:
  - module load ffmpeg
  - source /opt/venv/bin/activate
python: /opt/venv/bin/python
interface: lo
scratch: /scratch/dask
logs: {logs}
"""


@pytest.fixture
def write(tmp_path):
    def written(text):
        path = tmp_path / "queue.yaml"
        path.write_text(text.replace("{logs}", str(tmp_path / "logs")))
        return path

    return written


def script(path):
    cluster = make_cluster(read_queue(path), asynchronous=False, n_workers=0)
    try:
        return cluster.job_script(), (tmp := path.parent / "logs").is_dir() and str(tmp)
    finally:
        cluster.close()


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_script_of_a_queue(write, system):
    text, logs = script(write(WHOLE.replace("{system}", system)))
    lines = text.splitlines()
    expected = {
        "slurm": [
            "#SBATCH -J giblet", f"#SBATCH -e {logs}/giblet-%J.err", "#SBATCH -p normal", "#SBATCH -A films",
            "#SBATCH -n 1", "#SBATCH --cpus-per-task=8", "#SBATCH --mem=15G", "#SBATCH -t 08:00:00",
            "#SBATCH --constraint=avx",
        ],
        "sge": [
            "#$ -N giblet", "#$ -q normal", "#$ -P films", "#$ -l h_vmem=1908M", "#$ -l h_rt=08:00:00",
            "#$ -pe smp 8", "#$ --constraint=avx", f"#$ -o {logs}/",
        ],
        "pbs": [
            "#PBS -N giblet", "#PBS -q normal", "#PBS -A films", "#PBS -l select=1:ncpus=8:mem=15259mb",
            "#PBS -l walltime=08:00:00", "#PBS --constraint=avx",
        ],
    }  # fmt: skip
    assert [line for line in expected[system] if line not in lines] == []
    # Four cores for each of two workers, and one film at a time.
    setup = ["module load ffmpeg", "source /opt/venv/bin/activate", "export OMP_NUM_THREADS=4",
             "export GIBLET_THREADS=4"]  # fmt: skip
    places = [lines.index(line) for line in setup]
    assert places == sorted(places)
    worker = lines[-1]
    assert places[-1] < lines.index(worker)
    assert worker.startswith("/opt/venv/bin/python -m distributed.cli.dask_worker tcp://")
    for option in ("--nthreads 1", "--nworkers 2", "--interface lo", "--local-directory /scratch/dask"):
        assert option in worker


def test_the_least_that_a_file_says(write):
    text, _ = script(write("{jobs: 1, cores: 4, memory: 8 GiB}"))
    assert "#SBATCH --cpus-per-task=4" in text
    assert "#SBATCH --mem=8G" in text
    assert "export OMP_NUM_THREADS=4" in text
    assert "#SBATCH -A" not in text
    assert "--nworkers" not in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{jobs: 1, cores: 4, memory: 8GB, wall_time: 1}", "the key 'wall_time' is unknown; did you mean walltime"),
        ("{jobs: 1, cores: 4, memory: 8GB, 7: 1}", "the key '7' is unknown; there are jobs, cores"),
        ("{jobs: 1, cores: 4}", "the key 'memory' is missing"),
        ("{jobs: 0, cores: 4, memory: 8GB}", "jobs is 0; give a whole number"),
        ("{jobs: yes, cores: 4, memory: 8GB}", "jobs is True"),
        ("{jobs: 1, cores: 4, memory: 8}", "memory is 8; give it with its unit"),
        ("{jobs: 1, cores: 4, memory: 8GB, workers_per_job: 5}", "5 workers share 4 cores"),
        ("{jobs: 1, cores: 4, memory: 8GB, system: lsf}", "the system 'lsf' is unknown; choose from slurm, sge, pbs"),
        ("{jobs: 1, cores: 4, memory: 8GB, system: sge}", "parallel_environment: smp"),
        ("{jobs: 1, cores: 4, memory: 8GB, setup: {a: 1}}", "give a list of lines"),
        ('{jobs: 1, cores: 4, memory: 8GB, queue: "a\\nrm x"}', "give a text of one line"),
        ('{jobs: 1, cores: 4, memory: 8GB, directives: ["a\\nrm x"]}', "give a list of lines"),
        ("[1]", "holds no table"),
        ("a: [", "is no YAML"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_at_once(write, text, said):
    path = write(text)
    with pytest.raises(ClusterError) as raised:
        check_cluster(None, None, path)
    assert said in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ClusterError, match="cannot be read"):
        check_cluster(None, None, tmp_path / "no.yaml")


@pytest.mark.parametrize("asked", [(2, None, None), (None, "tcp://1.2.3.4:5", None), (None, None, "queue.yaml")])
def test_without_the_extra_its_name_is_said(monkeypatch, asked):
    monkeypatch.setattr("giblet.cluster.client.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'giblet\[cluster\]'"):
        check_cluster(*asked)
    assert check_cluster(None, None, None) is False


def test_a_queue_whose_command_fails_is_said(write, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(ClusterError, match="jobs of slurm cannot be had"),
        crew(queue=write("{jobs: 1, cores: 1, memory: 1GB}")),
    ):
        pass


def test_jobs_of_a_queue_do_the_work_and_are_taken_back(write, monkeypatch, tmp_path):
    commands = tmp_path / "bin"
    commands.mkdir()
    # What is put into the queue begins at once.
    for name, text in [
        ("sbatch", f'cp "$1" {tmp_path}/job; setsid sh {tmp_path}/job >/dev/null 2>&1 & echo $! >{tmp_path}/pid; '
                   "echo Submitted batch job 17"),
        ("scancel", f"echo $1 >{tmp_path}/cancelled; kill $(cat {tmp_path}/pid)"),
    ]:  # fmt: skip
        (commands / name).write_text(f"#!/bin/sh\n{text}\n")
        (commands / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    places = [str(Path(laboring.__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    with crew(queue=write("{jobs: 1, cores: 1, memory: 1GB, interface: lo}")) as run:
        assert [value for value, _ in values(run, [Job("a", laboring.double, (4,))], SILENT)] == [8]
    assert (tmp_path / "cancelled").read_text() == "17\n"


def test_ctrl_c_stays_what_it_was():
    tried = """
import signal
from giblet.cluster.jobqueue import Queue, make_cluster

before = signal.getsignal(signal.SIGINT)
make_cluster(Queue(jobs=1, cores=1, memory="1GB"), asynchronous=False, n_workers=0).close()
print(signal.getsignal(signal.SIGINT) is before)
"""
    done = subprocess.run([sys.executable, "-c", tried], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True"], done.stderr
