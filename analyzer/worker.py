"""What the server that workers are forked from imports: their work, and nothing else."""

from __future__ import annotations

from analyzer.own_process import leave_out_frames

leave_out_frames()

import analyzer.batch  # noqa: E402, F401 (pyarrow would have imported NumPy by then)
