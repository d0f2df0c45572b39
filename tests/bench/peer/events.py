# SPDX-License-Identifier: Apache-2.0
"""a 40-byte event for each getppid call of one process, as text, with bcc"""
import signal
import sys

from bcc import BPF

b = BPF(text=r"""
struct event { u64 ns; u32 pid, cpu; u64 number; char comm[16]; };
BPF_PERF_OUTPUT(events);
BPF_PERCPU_ARRAY(numbers, u64, 1);

TRACEPOINT_PROBE(syscalls, sys_enter_getppid)
{
    u64 id = bpf_get_current_pid_tgid();
    u32 zero = 0;
    u64 *n = numbers.lookup(&zero);
    if (id >> 32 != PID || !n)
        return 0;
    struct event e = { .ns = bpf_ktime_get_ns(), .pid = id >> 32,
        .cpu = bpf_get_smp_processor_id(), .number = (*n)++ };
    bpf_get_current_comm(&e.comm, sizeof(e.comm));
    events.perf_submit(args, &e, sizeof(e));
    return 0;
}
""".replace("PID", sys.argv[1]))


def show(cpu, data, size):
    e = b["events"].event(data)
    print("%d %-7d %3d %10d %s" % (e.ns, e.pid, e.cpu, e.number, e.comm.decode()))


b["events"].open_perf_buffer(show, page_cnt=4096)
print("Tracing", flush=True)
ended = []
signal.signal(signal.SIGINT, lambda *_: ended.append(True))
while not ended:
    b.perf_buffer_poll(timeout=100)
sys.stdout.flush()
