# SPDX-License-Identifier: Apache-2.0
"""counts a tracepoint, with bcc"""
import time

from bcc import BPF

b = BPF(text=r"""
BPF_ARRAY(hits, u64, 1);
TRACEPOINT_PROBE(sched, sched_switch)
{
    hits.increment(0);
    return 0;
}
""")
print("Tracing", flush=True)
try:
    time.sleep(99999)
except KeyboardInterrupt:
    pass
