-- SPDX-License-Identifier: Apache-2.0
-- opensnoop: files as they are opened: by whom, with what result
--
-- PID     COMM              FD ERR PATH
-- 1576    snmpd             11   0 /proc/sys/net/ipv6/conf/lo/forwarding
local args, bpf, out = require "args", require "bpf", require "out"

local opts = args.parse{
  name = "opensnoop",
  summary = "Trace open and openat: one line for each call.",
  options = {
    { "-p", "--pid", type = "pid", help = "this process only" },
    { "-t", "--tid", type = "tid", help = "this thread only" },
    { "-u", "--uid", type = "uint", max = 4294967294, help = "this user only" },
    { "-n", "--name", arg = "TEXT", help = "only commands whose name contains TEXT" },
    { "-x", "--failed", help = "failed calls only" },
    { "-T", "--time", "--timestamp", help = "the time of each line in front" },
    { "-e", "--flags", help = "the flags of the call" },
  },
  positionals = {
    { "duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
  },
  exclusive = { { "json", "csv" } },
  examples = {
    { "opensnoop", "all open calls" },
    { "opensnoop -x -p 181", "those of process 181 that failed" },
    { "opensnoop --json 10", "ten seconds as JSON, an object a line" },
  },
}

local HEAD = [[
struct call { const char *path; u64 flags; };    /* no padding: old verifiers refuse it */
struct opened {
    u64 ktime;
    u32 pid, tid, uid;
    int ret, flags;
    char comm[TASK_COMM_LEN];
    char path[256];
};
EVENTS(opens, struct opened, 256);
BPF_HASH(calls, u32, struct call);
BPF_PERCPU_ARRAY(scratch, struct opened, 1);

static inline int enter(const char *path, int flags)
{
    u64 id = bpf_get_current_pid_tgid();
    u32 tid = id;
    struct call c = { .path = path, .flags = flags };
#ifdef PID
    if (id >> 32 != PID)
        return 0;
#endif
#ifdef TID
    if (tid != TID)
        return 0;
#endif
#ifdef UID
    if ((u32)bpf_get_current_uid_gid() != UID)
        return 0;
#endif
    if (calls.update(&tid, &c))
        LOSS(map_full);
    return 0;
}

static inline int leave(void *ctx, int ret)
{
    u64 id = bpf_get_current_pid_tgid();
    u32 tid = id, zero = 0;
    struct call *c = calls.lookup(&tid);
    struct opened *e = scratch.lookup(&zero);
    if (!c || !e)
        return 0;
#ifdef FAILED
    if (ret >= 0) {
        calls.delete(&tid);
        return 0;
    }
#endif
    e->ktime = bpf_ktime_get_ns();
    e->pid = id >> 32;
    e->tid = tid;
    e->uid = bpf_get_current_uid_gid();
    e->ret = ret;
    e->flags = c->flags;
    e->path[0] = 0;
    bpf_get_current_comm(&e->comm, sizeof(e->comm));
    bpf_probe_read_user_str(e->path, sizeof(e->path), c->path);
    calls.delete(&tid);
    opens.submit(ctx, e);
    return 0;
}
]]

-- the calls that this kernel has (arm64 has no open, old kernels no openat2)
local BODY = {
  open = [[
TRACEPOINT_PROBE(syscalls, sys_enter_open) { return enter(args->filename, args->flags); }
TRACEPOINT_PROBE(syscalls, sys_exit_open) { return leave(args, args->ret); }
]],
  openat = [[
TRACEPOINT_PROBE(syscalls, sys_enter_openat) { return enter(args->filename, args->flags); }
TRACEPOINT_PROBE(syscalls, sys_exit_openat) { return leave(args, args->ret); }
]],
  openat2 = [[
TRACEPOINT_PROBE(syscalls, sys_enter_openat2) { return enter(args->filename, 0); }
TRACEPOINT_PROBE(syscalls, sys_exit_openat2) { return leave(args, args->ret); }
]],
}
local text = HEAD
for _, call in ipairs{ "open", "openat", "openat2" } do
  if call == "openat" or bpf.probe("tracepoint:syscalls:sys_enter_" .. call) then
    text = text .. BODY[call]
  end
end

local prog = bpf.load{ text = text,
  define = { PID = opts.pid, TID = opts.tid, UID = opts.uid, FAILED = opts.failed } }

local columns = {
  { "pid", "%-7d", title = "PID" }, { "comm", "%-16s", title = "COMM" },
  { function(e) return e.ret >= 0 and e.ret or -1 end, "%3d", title = "FD", key = "fd" },
  { function(e) return e.ret < 0 and -e.ret or 0 end, "%3d", title = "ERR", key = "err" },
}
if opts.time then
  table.insert(columns, 1, { "ktime", "%-15s", title = "TIME", key = "time", as = "time" })
end
if opts.flags then
  columns[#columns + 1] = { "flags", "%08o", title = "FLAGS" }
end
columns[#columns + 1] = { "path", "%s", title = "PATH" }

local sink = out.columns(columns)
if opts.name then
  prog.opens:each(function(e)
    if e.comm:find(opts.name, 1, true) then
      sink:row(e)
    end
  end)
  after(0, function() sink:header() end)
else
  prog.opens:each(sink)
end
bpf.run(opts.duration)
