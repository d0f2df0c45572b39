# SPDX-License-Identifier: Apache-2.0
"""counts calls at many probes, with bcc: FILE has "CATEGORY:EVENT" or a kernel function in each line"""
import sys
import time

from bcc import BPF

probes = open(sys.argv[1]).read().split()
count = "{ u32 zero = 0; u64 *n = hits.lookup(&zero); if (n) (*n)++; return 0; }\n"
text = "BPF_PERCPU_ARRAY(hits, u64, 1);\n"
tracepoints = [p.split(":") for p in probes if ":" in p]
for category, event in tracepoints:
    text += "TRACEPOINT_PROBE(%s, %s) %s" % (category, event, count)
if not tracepoints:
    text += "int on_call(void *ctx) " + count
b = BPF(text=text)
if not tracepoints:
    for name in probes:
        b.attach_kprobe(event=name, fn_name="on_call")
print("Tracing", flush=True)
try:
    time.sleep(99999)
except KeyboardInterrupt:
    print("Ending", flush=True)
