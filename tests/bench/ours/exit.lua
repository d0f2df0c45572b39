-- SPDX-License-Identifier: Apache-2.0
-- counts calls at many probes: FILE has "CATEGORY:EVENT" or a kernel function in each line
local bpf, sys = require "bpf", require "sys"

local probes = assert(sys.read(arg[1]))
local COUNT = "{ u32 zero = 0; u64 *n = hits.lookup(&zero); if (n) (*n)++; return 0; }\n"
local text = { "BPF_PERCPU_ARRAY(hits, u64, 1);\n" }
for category, event in probes:gmatch "(%S+):(%S+)" do
  text[#text + 1] = ("TRACEPOINT_PROBE(%s, %s) %s"):format(category, event, COUNT)
end
local functions = #text == 1
if functions then text[2] = "int on_call(void *ctx) " .. COUNT end

local prog = bpf.load(table.concat(text))
if functions then
  for name in probes:gmatch "%S+" do prog:attach("on_call", "kprobe:" .. name) end
else
  prog:attach()
end
print("Tracing")
bpf.run()
