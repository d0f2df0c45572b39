-- SPDX-License-Identifier: Apache-2.0
-- reads, sorts and prints a hash of a million entries
local bpf, out = require "bpf", require "out"

local counts = bpf.load([[
BPF_HASH(counts, u32, u64, 1048576);
int f(void *c) { u32 k = 0; counts.increment(k); return 0; }
]]).counts
for i = 1, 1000000 do
  counts[i] = i * 7919 % 1000003
end
print("Tracing")
counts:print(out.columns{ { "key", "%10d" }, { "value", "%10d" } })
