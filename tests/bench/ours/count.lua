-- SPDX-License-Identifier: Apache-2.0
-- counts getppid in a per-CPU map
local bpf = require "bpf"

bpf.load[[
BPF_PERCPU_ARRAY(hits, u64, 1);
TRACEPOINT_PROBE(syscalls, sys_enter_getppid)
{
    u32 zero = 0;
    u64 *n = hits.lookup(&zero);
    if (n)
        (*n)++;
    return 0;
}
]]:attach()
print("Tracing")
bpf.run()
