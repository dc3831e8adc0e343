"""What the server that workers are forked from imports: their work, and nothing else."""

from __future__ import annotations

import signal

from analyzer.own_process import leave_out_frames

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver to answer
leave_out_frames()

import analyzer.batch  # noqa: E402, F401 (pyarrow would have imported NumPy by then)
