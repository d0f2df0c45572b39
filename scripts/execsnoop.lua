-- SPDX-License-Identifier: Apache-2.0
-- execsnoop: new processes as they are executed, with their arguments
--
-- PCOMM            PID     PPID    RET ARGS
-- ls               4213    4001      0 /bin/ls -l /tmp
local args, bpf, out = require "args", require "bpf", require "out"

local opts = args.parse{
  name = "execsnoop",
  summary = "Trace execve: one line for each new program.",
  options = {
    { "-x", "--fails", "--failed", help = "failed calls too" },
    { "-T", "--time", "--timestamp", help = "the time of each line in front" },
    { "-u", "-U", "--uid", type = "uint", max = 4294967294, help = "this user only" },
    { "-P", "--ppid", type = "pid", help = "children of this process only" },
    { "-n", "--name", arg = "TEXT", help = "only commands whose name contains TEXT" },
    { "-l", "--line", arg = "TEXT", help = "only lines whose arguments contain TEXT" },
    { "-q", "--quote", help = "arguments in double quotes" },
    { "--max-args", type = "uint", default = 20, min = 1, max = 60, help = "arguments shown" },
  },
  positionals = {
    { "duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
  },
  exclusive = { { "json", "csv" } },
  examples = {
    { "execsnoop", "each new program" },
    { "execsnoop -xT", "failed calls too, with the time" },
    { "execsnoop -n ssh 60", "a minute of commands named *ssh*" },
  },
}

-- 3.10 has no tracepoint for execve: there the call's function is probed
local has_tracepoint = bpf.probe("tracepoint:syscalls:sys_enter_execve")

local HEAD = [[
#define ARG_SIZE 128
enum kind { PIECE, MORE, DONE };
struct exec {
    u64 ktime;
    u32 pid, uid;
    int ret, kind;
    char comm[TASK_COMM_LEN];
    char arg[ARG_SIZE];
};
EVENTS(execs, struct exec, 256);
BPF_PERCPU_ARRAY(scratch, struct exec, 1);

static inline struct exec *begin(void)
{
    u32 zero = 0;
    struct exec *e = scratch.lookup(&zero);
#ifdef UID
    if ((u32)bpf_get_current_uid_gid() != UID)
        return 0;
#endif
    if (e) {
        e->ktime = bpf_ktime_get_ns();
        e->pid = bpf_get_current_pid_tgid() >> 32;
        e->uid = bpf_get_current_uid_gid();
        e->ret = 0;
    }
    return e;
}

static inline int enter(void *ctx, const char *path, const char *const *argv)
{
    struct exec *e = begin();
    if (!e)
        return 0;
    e->kind = PIECE;
    bpf_probe_read_user_str(e->arg, ARG_SIZE, (void *)path);
    execs.submit(ctx, e);
#pragma unroll
    for (int i = 1; i < 60; i++) {   /* the most that may be asked for: a bundle has all */
        const char *arg = 0;
        if (i >= MAX_ARGS)
            break;
        bpf_probe_read_user(&arg, sizeof(arg), (void *)&argv[i]);
        if (!arg)
            return 0;
        bpf_probe_read_user_str(e->arg, ARG_SIZE, (void *)arg);
        execs.submit(ctx, e);
    }
    e->kind = MORE;
    execs.submit(ctx, e);
    return 0;
}

static inline int leave(void *ctx, int ret)
{
    struct exec *e = begin();
    if (!e)
        return 0;
    e->kind = DONE;
    e->ret = ret;
    bpf_get_current_comm(&e->comm, sizeof(e->comm));
    execs.submit(ctx, e);
    return 0;
}
]]

local TRACEPOINTS = [[
TRACEPOINT_PROBE(syscalls, sys_enter_execve)
{
    return enter(args, args->filename, (const char *const *)args->argv);
}
TRACEPOINT_PROBE(syscalls, sys_exit_execve) { return leave(args, args->ret); }
]]

local KPROBES = [[
int call(struct pt_regs *ctx)
{
    return enter(ctx, (const char *)PT_REGS_PARM1(ctx), (const char *const *)PT_REGS_PARM2(ctx));
}
int ret(struct pt_regs *ctx) { return leave(ctx, PT_REGS_RC(ctx)); }
]]

local prog = bpf.load{ text = HEAD .. (has_tracepoint and TRACEPOINTS or KPROBES),
  define = { MAX_ARGS = opts.max_args, UID = opts.uid } }
local sys = require "sys"
local pieces = {}                        -- by pid: the arguments so far

local function parent_of(pid)
  local status = sys.read("/proc/" .. pid .. "/status")
  return status and math.tointeger(tonumber(status:match("\nPPid:%s*(%d+)"))) or 0
end

local columns = {
  { "comm", "%-16s", title = "PCOMM" }, { "pid", "%-7d", title = "PID" },
  { "ppid", "%-7d", title = "PPID" }, { "ret", "%3d", title = "RET" },
  { "args", "%s", title = "ARGS" },
}
if opts.time then
  table.insert(columns, 1, { "ktime", "%-15s", title = "TIME", key = "time", as = "time" })
end
local sink = out.columns(columns)

local function quoted(list)
  for i, word in ipairs(list) do
    list[i] = '"' .. word:gsub('["\\]', "\\%0") .. '"'
  end
end

local function finish(e)
  local list = pieces[e.pid] or { "?" }
  pieces[e.pid] = nil
  local ppid = parent_of(e.pid)
  if (e.ret ~= 0 and not opts.fails) or (opts.ppid and ppid ~= opts.ppid) then
    return
  end
  if opts.quote then
    quoted(list)
  end
  local line = table.concat(list, " ")
  if (opts.name and not e.comm:find(opts.name, 1, true)) or
    (opts.line and not line:find(opts.line, 1, true)) then
    return
  end
  sink:row{ ktime = e.ktime, comm = e.comm, pid = e.pid, ppid = ppid, ret = e.ret, args = line }
end

prog.execs:each(function(e)
  if e.kind == 2 then
    return finish(e)
  end
  local list = pieces[e.pid] or {}
  pieces[e.pid] = list
  list[#list + 1] = e.kind == 1 and "..." or e.arg
end)
-- behind the reader: what is attached by hand sends events at once
if not has_tracepoint then
  prog:kprobe("call", "sys_execve")
  prog:kretprobe("ret", "sys_execve")
end
after(0, function() sink:header() end)
bpf.run(opts.duration)
