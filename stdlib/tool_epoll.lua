-- SPDX-License-Identifier: Apache-2.0
-- tool_epoll: the kernel's half of epollwake, and where the kernel keeps what it reads.

local bpf = require "bpf"
local oneliner = require "oneliner"
local probes = require "probes"
local socket = require "tool_socket"
local sys = require "sys"

local M = {}

local TEXT = socket.C .. [[
#include <linux/wait.h>
#define WOKEN 1
#define RETURNS 2
#define SLEEPS 3
#define ACCEPTS 4
#define CLOSES 5
#define CALLS 6
#define PF_KERNEL_THREAD 0x00200000
#define TASK 1                       /* of context; 2: a kernel thread, 3 and more: */
#define SOFTIRQ 3
#define TIMER 4
#define HARDIRQ 5
#define FRAMES 4096                  /* of stack between ep_poll_callback and what it calls */
#if !defined(TASK_STATE) && LINUX_VERSION_CODE >= KERNEL_VERSION(5, 14, 0)
#define TASK_STATE 1                 /* without BTF, which would say */
#endif
#if TASK_STATE
#define task_state __state
#else
#define task_state state
#endif

struct event {
    u64 ns, poll, inode, address;
    char comm[TASK_COMM_LEN], waker[TASK_COMM_LEN];
    u32 kind, tid, tgid, waker_tid, waker_tgid, context, vec, bits, wanted;
    int fd, count, known;            /* known: of a wake-up, that the thread is in epoll_wait; */
    struct socket_info socket;       /* of a return, that the fd is the file's (1), or not (0) */
};
struct callback { u64 wait, key, sp; };
struct wake { u64 file; int fd; };
EVENTS(events, struct event);
BPF_ARRAY(live, u32, 1);
BPF_PERCPU_ARRAY(callbacks, struct callback, 1);
BPF_PERCPU_ARRAY(running, u32, 6);           /* vector + 1 by context; 0: none */
BPF_TABLE("lru_hash", u32, u32, inside, 65536);           /* threads: 1 in epoll_wait, 0 not */
BPF_HASH(pending, u32, struct wake, 65536);  /* woken, and not yet back */
BPF_HASH(accepting, u32, int, 65536);

static inline int is_live(void)
{
    u32 zero = 0, *on = live.lookup(&zero);
    return on && *on;
}

static inline int wanted(u32 tgid, char *comm)
{
    u64 *words = (u64 *)comm;
#ifdef PID
    if (tgid != PID)
        return 0;
#endif
    return (words[0] & NAME_MASK0) == NAME0 && (words[1] & NAME_MASK1) == NAME1;
}

/* of the current task; 0: not wanted */
static inline int begin(struct event *e, u32 kind)
{
    u64 id = bpf_get_current_pid_tgid();
    bpf_get_current_comm(&e->comm, sizeof(e->comm));
    if (!is_live() || !wanted(id >> 32, e->comm))
        return 0;
    e->ns = bpf_ktime_get_ns();
    e->kind = kind;
    e->tid = id;
    e->tgid = id >> 32;
    return 1;
}

static inline u64 inode_of(struct file *file)
{
    struct inode *inode = 0;
    unsigned long number = 0;
    bpf_probe_read_kernel(&inode, sizeof(inode), &file->f_inode);
    bpf_probe_read_kernel(&number, sizeof(number), &inode->i_ino);
    return number;
}

/* what the epoll instance watches; the offsets are those of struct eppoll_entry and epitem */
static inline u64 watched(struct event *e, u64 wait)
{
    const struct file_operations *ops = 0;
    struct file *file = 0;
    u64 item = 0;
    bpf_probe_read_kernel(&item, sizeof(item), (void *)(wait - WAIT_TO_ITEM));
    bpf_probe_read_kernel(&file, sizeof(file), (void *)(item + ITEM_FILE));
    bpf_probe_read_kernel(&e->fd, sizeof(e->fd), (void *)(item + ITEM_FD));
    bpf_probe_read_kernel(&e->wanted, sizeof(e->wanted), (void *)(item + ITEM_EVENTS));
    bpf_probe_read_kernel(&ops, sizeof(ops), &file->f_op);
    bpf_probe_read_kernel(&e->poll, sizeof(e->poll), &ops->poll);
    e->inode = inode_of(file);
    socket_of_file(file, &e->socket);
    return (u64)file;
}

static inline void look_for(struct event *e, u32 what)
{
    u32 *now = running.lookup(&what);
    if (now && *now) {
        e->context = what;
        e->vec = *now - 1;
    }
}

/* who is on this CPU, and what for: a hard interrupt comes above a soft one */
static inline void waker(struct event *e)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    u64 id = bpf_get_current_pid_tgid();
    u32 flags = 0;
    e->waker_tid = id;
    e->waker_tgid = id >> 32;
    bpf_get_current_comm(&e->waker, sizeof(e->waker));
    bpf_probe_read_kernel(&flags, sizeof(flags), &task->flags);
    e->context = flags & PF_KERNEL_THREAD ? 2 : TASK;
    look_for(e, SOFTIRQ);
    look_for(e, TIMER);
    look_for(e, HARDIRQ);
}

int kprobe__ep_poll_callback(struct pt_regs *ctx)
{
    u32 zero = 0;
    struct callback *c = callbacks.lookup(&zero);
    if (!c)
        return 0;
    c->wait = (u64)ARG(ep_poll_callback, wait);
    c->key = (u64)ARG(ep_poll_callback, key);
    c->sp = PT_REGS_SP(ctx);
    return 0;
}

int kretprobe__ep_poll_callback(struct pt_regs *ctx)
{
    u32 zero = 0;
    struct callback *c = callbacks.lookup(&zero);
    if (c)
        c->wait = 0;
    return 0;
}

/* called by ep_poll_callback, it wakes the first thread in epoll_wait that is asleep */
int kprobe__default_wake_function(struct pt_regs *ctx)
{
    u32 zero = 0, mode = (u32)ARG(default_wake_function, mode), state = 0, *in;
    struct callback *c = callbacks.lookup(&zero);
    struct task_struct *task = 0;
    struct event e = {};
    struct wake wake = {};
    if (!c || !c->wait || c->sp - PT_REGS_SP(ctx) > FRAMES || !is_live())
        return 0;
    bpf_probe_read_kernel(&task, sizeof(task), &ARG(default_wake_function, curr)->private);
    bpf_probe_read_kernel(&e.tgid, sizeof(e.tgid), &task->tgid);
    bpf_probe_read_kernel(&e.comm, sizeof(e.comm), &task->comm);
    bpf_probe_read_kernel(&state, sizeof(state), (void *)&task->task_state);
    if (!wanted(e.tgid, e.comm) || !(state & mode))
        return 0;                    /* 0: awake */
    bpf_probe_read_kernel(&e.tid, sizeof(e.tid), &task->pid);
    in = inside.lookup(&e.tid);
    if (in && !*in)
        return 0;                    /* in poll(), which watches the epoll file */
    e.known = in != 0;
    e.kind = WOKEN;
    e.ns = bpf_ktime_get_ns();
    e.bits = c->key;
    wake.file = watched(&e, c->wait);
    wake.fd = e.fd;
    waker(&e);
    if (pending.update(&e.tid, &wake))
        LOSS(map_full);
    events.submit(ctx, &e);
    return 0;
}

static inline int enters(void)
{
    u32 tid = bpf_get_current_pid_tgid(), one = 1;
    struct event e = {};
    if (begin(&e, 0) && inside.update(&tid, &one))
        LOSS(map_full);
    return 0;
}

static inline int returns(void *ctx, long result)
{
    struct event e = {};
    u32 zero = 0;
    struct wake *wake;
    if (!begin(&e, RETURNS))
        return 0;
    if (inside.update(&e.tid, &zero))
        LOSS(map_full);
    e.count = result;
    e.fd = -1;
    wake = pending.lookup(&e.tid);
    if (wake) {
        e.fd = wake->fd;
        e.known = (u64)file_of_fd(wake->fd) == wake->file;
        pending.delete(&e.tid);
    }
    events.submit(ctx, &e);
    return 0;
}

/* woken, asleep again, and still in epoll_wait: somebody else took what there was */
TRACEPOINT_PROBE(sched, sched_switch)
{
    u32 tid = args->prev_pid;
    struct wake *wake = pending.lookup(&tid);
    struct event e = {};
    if (!wake || !(args->prev_state & TASK_INTERRUPTIBLE))
        return 0;
    e.fd = wake->fd;
    e.known = (u64)file_of_fd(wake->fd) == wake->file;
    pending.delete(&tid);
    if (begin(&e, SLEEPS))
        events.submit(args, &e);
    return 0;
}

static inline int accept_enters(int fd)
{
    struct event e = {};
    u32 tid = bpf_get_current_pid_tgid();
    if (begin(&e, 0) && accepting.update(&tid, &fd))
        LOSS(map_full);
    return 0;
}

static inline int accept_returns(void *ctx, long result)
{
    struct event e = {};
    u32 tid = bpf_get_current_pid_tgid();
    int *fd = accepting.lookup(&tid);
    if (!fd)
        return 0;
    e.fd = *fd;
    e.count = result;
    accepting.delete(&tid);
    if (!begin(&e, ACCEPTS))
        return 0;
    e.inode = inode_of(file_of_fd(e.fd));
    if (result >= 0)
        socket_of_file(file_of_fd(result), &e.socket);
    events.submit(ctx, &e);
    return 0;
}

TRACEPOINT_PROBE(syscalls, sys_enter_accept) { return accept_enters(args->fd); }
TRACEPOINT_PROBE(syscalls, sys_enter_accept4) { return accept_enters(args->fd); }
TRACEPOINT_PROBE(syscalls, sys_exit_accept) { return accept_returns(args, args->ret); }
TRACEPOINT_PROBE(syscalls, sys_exit_accept4) { return accept_returns(args, args->ret); }

TRACEPOINT_PROBE(syscalls, sys_enter_close)
{
    struct event e = {};
    struct file *file;
    if (!begin(&e, CLOSES))
        return 0;
    e.fd = args->fd;
    file = file_of_fd(e.fd);
    if (!socket_of_file(file, &e.socket))
        return 0;
    e.inode = inode_of(file);
    events.submit(args, &e);
    return 0;
}

static inline u64 argument(struct pt_regs *ctx, u32 n)
{
    return n == 1 ? PT_REGS_PARM1(ctx) : n == 2 ? PT_REGS_PARM2(ctx) : n == 3 ? PT_REGS_PARM3(ctx) :
        n == 4 ? PT_REGS_PARM4(ctx) : n == 5 ? PT_REGS_PARM5(ctx) : n == 6 ? PT_REGS_PARM6(ctx) : 0;
}

int on_callback(struct pt_regs *ctx)
{
    struct event e = {};
    if (!begin(&e, CALLS))
        return 0;
    e.fd = argument(ctx, CALLBACK_FD);
    e.bits = argument(ctx, CALLBACK_BITS);
    e.address = PT_REGS_IP(ctx);
    events.submit(ctx, &e);
    return 0;
}

static inline int runs(u32 what, u32 value)
{
    u32 *now = running.lookup(&what);
    if (now)
        *now = value;
    return 0;
}

TRACEPOINT_PROBE(irq, softirq_entry) { return runs(SOFTIRQ, args->vec + 1); }
TRACEPOINT_PROBE(irq, softirq_exit) { return runs(SOFTIRQ, 0); }
TRACEPOINT_PROBE(irq, irq_handler_entry) { return runs(HARDIRQ, args->irq + 1); }
TRACEPOINT_PROBE(irq, irq_handler_exit) { return runs(HARDIRQ, 0); }
TRACEPOINT_PROBE(timer, hrtimer_expire_entry) { return runs(TIMER, 1); }
TRACEPOINT_PROBE(timer, hrtimer_expire_exit) { return runs(TIMER, 0); }
]]

-- struct epitem and eppoll_entry are private to fs/eventpoll.c. The offsets are the same on all
-- 64-bit machines; their source was read in:
local READ = {
  -- 3.10.0-514, -1062, -1127, -1160 of EL7
  { el7 = true, first = 514, last = 1160, events = 112 },
  -- 4.2.8, 4.4.155, 4.9.154, 4.10.17, 4.12.4, 4.14.74, 4.15.1, 4.16.13, 4.18, 4.19.90, 4.20.0, 5.0.1,
  -- 5.2.1, 5.3.1, 5.4.18, 5.6.4, 5.7.14, 5.9.1, 5.10.13
  { first = 402, last = 510, events = 112 },
  -- 5.11.4, 5.14.2, 5.15.135, 5.17, 5.19, 6.0.1, 6.1.0, 6.5, 6.12
  { first = 511, last = 612, events = 104 },
}

local WAITS = { "epoll_wait", "epoll_pwait", "epoll_pwait2" }
local PROBES = [[
TRACEPOINT_PROBE(syscalls, sys_enter_NAME) { return enters(); }
TRACEPOINT_PROBE(syscalls, sys_exit_NAME) { return returns(args, args->ret); }
]]

--- C text: a stream `events` of struct event from when live[0] is 1. Ends the script where the
--- kernel does not tell system calls.
function M.text()
  local list = { TEXT }
  for _, name in ipairs(WAITS) do
    if bpf.probe("tracepoint:syscalls:sys_enter_" .. name) then
      list[#list + 1] = PROBES:gsub("NAME", name)
    end
  end
  if not list[2] then
    local _, message, tag = bpf.probe("tracepoint:syscalls:sys_enter_epoll_pwait")
    oneliner.raise(tag, message)
  end
  return table.concat(list)
end

local function read_in_source(release)
  local major, minor = release:match("^(%d+)%.(%d+)")
  local build = release:match("^3%.10%.0%-(%d+).*%.el7%.")
  local vendor = release:find("%.el%d") or release:find("uek") or release:find("%.amzn")
  local version = build or (not vendor and (tonumber(major) or 0) * 100 + (tonumber(minor) or 0))
  for _, row in ipairs(READ) do
    if version and row.el7 == (build ~= nil or nil) and tonumber(version) >= row.first
      and tonumber(version) <= row.last then
      return { WAIT_TO_ITEM = 8, ITEM_FILE = 48, ITEM_FD = 56, ITEM_EVENTS = row.events }
    end
  end
  return nil
end

local function offsets_of(type)
  local fields, message, tag = probes.fields("struct " .. type)
  local at = {}
  for _, f in ipairs(fields or {}) do at[f.name] = f.offset end
  return fields and at, message, tag
end

local function in_btf()
  local entry, item, fd = offsets_of("eppoll_entry"), offsets_of("epitem"), offsets_of("epoll_filefd")
  if not (entry and item and fd and item.ffd and item.event and fd.fd and entry.wait) then
    return nil
  end
  return { WAIT_TO_ITEM = entry.wait - entry.base, ITEM_FILE = item.ffd + fd.file,
    ITEM_FD = item.ffd + fd.fd, ITEM_EVENTS = item.event }
end

-- 1: struct task_struct has __state (5.14+), 0: state; nil: no BTF to ask
local function renamed_state()
  local task = offsets_of("task_struct")
  return task and (task.__state and 1 or 0)
end

--- Where this kernel keeps what text() reads, as defines for it: from its BTF, else from its source.
--- Ends the script where neither is known.
function M.layout(script)
  local found = in_btf() or read_in_source(sys.release())
  if not found then
    oneliner.raise("E-SIGNATURE", ("%s: struct epitem is not known for %s"):format(script,
      sys.release()), "a kernel with BTF tells it; without, 3.10.0-514 to -1160 of EL7 and 4.2 to 6.12 are known")
  end
  found.TASK_STATE = renamed_state()
  return found
end

--- Adds the defines for `name`, the name of a thread; nil: of any.
function M.define_name(define, name)
  local mask = name and ("\xff"):rep(#name + 1) or ""
  define.NAME0, define.NAME1 = string.unpack("<i8i8", (name or "") .. ("\0"):rep(16))
  define.NAME_MASK0, define.NAME_MASK1 = string.unpack("<i8i8", mask .. ("\0"):rep(16))
end

--- For args: PATH:GLOB.
function M.callback_type(text)
  local path, glob = text:match("^([^:]+):([^:]+)$")
  if not path then
    return nil, "PATH:GLOB, the symbols as the file has them"
  end
  return { path = path, glob = glob }
end

return M
