# SPDX-License-Identifier: Apache-2.0
"""counts stacks of getppid in `paths`, then symbolizes and folds them, with bcc"""
import subprocess
import sys
import time

from bcc import BPF

b = BPF(text=r"""
struct who { int kernel, user; u32 tgid; char comm[16]; };
BPF_HASH(counts, struct who, u64, 262144);
BPF_STACK_TRACE(stacks, 524288);
BPF_ARRAY(calls, u64, 1);
TRACEPOINT_PROBE(syscalls, sys_enter_getppid)
{
    struct who w = {};
    bpf_get_current_comm(&w.comm, sizeof(w.comm));
    if (w.comm[0] != 'p' || w.comm[1] != 'a' || w.comm[2] != 't' || w.comm[3] != 'h')
        return 0;
    w.tgid = bpf_get_current_pid_tgid() >> 32;
    w.kernel = stacks.get_stackid(args, 0);
    w.user = stacks.get_stackid(args, BPF_F_USER_STACK);
    counts.increment(w);
    calls.increment(0);
    return 0;
}
""")
n = int(sys.argv[2])
paths = subprocess.Popen([sys.argv[1], str(n)], stdin=subprocess.PIPE)
paths.stdin.write(b"\n")
paths.stdin.flush()
while b["calls"][0].value < n:
    time.sleep(0.05)
print("Tracing", flush=True)
stacks = b["stacks"]
for k, v in b["counts"].items():
    user = [] if k.user < 0 else [b.sym(a, k.tgid) for a in stacks.walk(k.user)]
    kernel = [] if k.kernel < 0 else [b.ksym(a) for a in stacks.walk(k.kernel)]
    line = [k.comm] + list(reversed(user)) + list(reversed(kernel))
    print("%s %d" % (b";".join(line).decode("utf-8", "replace"), v.value))
paths.stdin.close()
