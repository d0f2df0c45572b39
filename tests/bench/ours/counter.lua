-- SPDX-License-Identifier: Apache-2.0
-- counts a tracepoint
local bpf = require "bpf"

bpf.load[[
BPF_ARRAY(hits, u64, 1);
TRACEPOINT_PROBE(sched, sched_switch)
{
    hits.increment(0);
    return 0;
}
]]:attach()
print("Tracing")
bpf.run()
