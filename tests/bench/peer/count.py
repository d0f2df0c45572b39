# SPDX-License-Identifier: Apache-2.0
"""counts getppid in a per-CPU map, with bcc"""
import time

from bcc import BPF

b = BPF(text=r"""
BPF_PERCPU_ARRAY(hits, u64, 1);
TRACEPOINT_PROBE(syscalls, sys_enter_getppid)
{
    u32 zero = 0;
    u64 *n = hits.lookup(&zero);
    if (n)
        (*n)++;
    return 0;
}
""")
print("Tracing", flush=True)
try:
    time.sleep(99999)
except KeyboardInterrupt:
    pass
