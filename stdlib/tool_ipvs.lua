-- SPDX-License-Identifier: Apache-2.0
-- tool_ipvs: the walks of ipvs over its rules, and how many rules a network namespace has.

local hist = require "hist"
local net = require "tool_net"
local probes = require "probes"
local sys = require "sys"

local M = {}

--- C of a script that reads the map walks: an event for each walk: ktime at its end, ns, netns,
--- cpu at its begin, and changes, how many rules came or went since the start. M.walker() follows.
--- It stands behind that of tool_cpus; NETNS limits it, too.
M.TEXT = [[
#include <net/net_namespace.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(3, 19, 0)
#include <net/ip_vs.h>
#endif
struct running { u64 began; u32 netns, cpu; };
struct walk { u64 ktime, ns, changes; u32 netns, cpu; };
EVENTS(walks, struct walk);
BPF_HASH(running, u64, struct running, 8192);
BPF_ARRAY(changes, u64, 1);          /* rules that came or went */

static inline void begin(u64 who, u32 netns)
{
    struct running r = { .began = bpf_ktime_get_ns(), .netns = netns };
    r.cpu = bpf_get_smp_processor_id();
    if (!on_wanted_cpu())
        return;
#ifdef NETNS
    if (netns != NETNS)
        return;
#endif
    if (running.update(&who, &r))
        LOSS(map_full);
}

static inline void end(void *ctx, u64 who)
{
    struct running *r = running.lookup(&who);
    struct walk w = { .ktime = bpf_ktime_get_ns() };
    u32 zero = 0;
    u64 *n = changes.lookup(&zero);
    if (!r)
        return;                      /* not wanted, or it was running before we were */
    w.ns = w.ktime - r->began;
    w.netns = r->netns;
    w.cpu = r->cpu;
    w.changes = n ? *n : 0;
    running.delete(&who);
    if ((s64)w.ns < 0)
        LOSS(negative);              /* clocks of 3.10 may do that */
    else
        walks.submit(ctx, &w);
}

static inline u32 inum_of(struct net *net)
{
    u32 inum = 0;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(3, 19, 0)
    bpf_probe_read_kernel(&inum, sizeof(inum), &net->ns.inum);
#else
    bpf_probe_read_kernel(&inum, sizeof(inum), &net->proc_inum);
#endif
    return inum;
}

/* ipvs's own structs are those of a module: only headers have them */
#ifdef _NET_IP_VS_H
#define OF_IPVS(member) offsetof(struct netns_ipvs, member)
static inline u32 inum_of_ipvs(struct netns_ipvs *ipvs)
{
    struct net *net = 0;
    bpf_probe_read_kernel(&net, sizeof(net), &ipvs->net);
    return inum_of(net);
}
#else
#define OF_IPVS(member) 0
#define inum_of_ipvs(ipvs) 0
#if defined(NETNS) && LINUX_VERSION_CODE >= KERNEL_VERSION(4, 4, 0)
#error which network namespace ipvs walks is known only with kernel headers
#endif
#endif

static inline int changed(void)
{
    u32 zero = 0;
    u64 *n = changes.lookup(&zero);
    if (n)
        lock_xadd(n, 1);
    return 0;
}
int kprobe__ip_vs_start_estimator(struct pt_regs *ctx) { return changed(); }
int kprobe__ip_vs_stop_estimator(struct pt_regs *ctx) { return changed(); }
]]

-- a timer stays on its CPU, and no other one interrupts it
local TIMER = [[
int kprobe__estimation_timer(struct pt_regs *ctx)
{
    begin(bpf_get_smp_processor_id(), netns_of(ctx));
    return 0;
}

int kretprobe__estimation_timer(struct pt_regs *ctx)
{
    end(ctx, bpf_get_smp_processor_id());
    return 0;
}
]]

-- whose timer it is, by its argument: the timer, or what was stored with it
local OF_TIMER = [[
static inline u32 netns_of(struct pt_regs *ctx)
{
    void *timer = ARG(estimation_timer, t);
    return inum_of_ipvs(timer - OF_IPVS(est_timer));
}
]]
local OF_NUMBER = [[
static inline u32 netns_of(struct pt_regs *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 4, 0)
    return inum_of_ipvs((void *)ARG(estimation_timer, arg));
#else
    return inum_of((void *)ARG(estimation_timer, arg));
#endif
}
]]

local THREAD = [[
int kprobe__FUNCTION(struct pt_regs *ctx)
{
    begin((u32)bpf_get_current_pid_tgid(), inum_of_ipvs(ipvs_of(ctx)));
    return 0;
}

int kretprobe__FUNCTION(struct pt_regs *ctx)
{
    end(ctx, (u32)bpf_get_current_pid_tgid());
    return 0;
}
]]

-- whose thread it is, by the argument
local OF_TICK = [[
static inline struct netns_ipvs *ipvs_of(struct pt_regs *ctx)
{
    struct netns_ipvs *ipvs = 0;
#ifdef _NET_IP_VS_H
    struct ip_vs_est_kt_data *kd = ARG(ip_vs_tick_estimation, kd);
    bpf_probe_read_kernel(&ipvs, sizeof(ipvs), &kd->ipvs);
#endif
    return ipvs;
}
]]

-- whose thread it is, by what it was started with; KTHREAD_DATA is where struct kthread has that
local OF_CHAIN = [[
#include <linux/sched.h>
static inline struct netns_ipvs *ipvs_of(struct pt_regs *ctx)
{
    struct netns_ipvs *ipvs = 0;
#if defined(_NET_IP_VS_H) && KTHREAD_DATA
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct ip_vs_est_kt_data *kd = 0;
    void *kthread = 0;
    bpf_probe_read_kernel(&kthread, sizeof(kthread), &task->worker_private);
    bpf_probe_read_kernel(&kd, sizeof(kd), kthread + KTHREAD_DATA);
    bpf_probe_read_kernel(&ipvs, sizeof(ipvs), &kd->ipvs);
#elif defined(NETNS)
#error which network namespace ipvs walks is known only with kernel headers and BTF
#endif
    return ipvs;
}
]]

-- struct kthread is private to kernel/kthread.c; 0: not known
local function kthread_data()
  for _, field in ipairs(probes.fields("struct kthread") or {}) do
    if field.name == "data" then
      return field.offset
    end
  end
  return 0
end

local THREADS = { "ip_vs_tick_estimation", "ip_vs_chain_estimation" }

local function thread_text(name)
  local by = name == "ip_vs_tick_estimation" and OF_TICK
    or ("#define KTHREAD_DATA %d\n"):format(kthread_data()) .. OF_CHAIN
  return by .. THREAD:gsub("FUNCTION", name)
end

--- C that probes who walks on this kernel: until 6.1 a timer, in one go; since 6.2 threads, in
--- portions, or, where the compiler has inlined that function, what a portion does in one go.
--- nil and the reason where that cannot be.
function M.walker()
  local major, minor = sys.release():match("^(%d+)%.(%d+)")
  local version = tonumber(major) * 1000 + tonumber(minor)
  local timer = (version < 4015 and OF_NUMBER or OF_TIMER) .. TIMER
  if sys.kfunction("estimation_timer") then
    return timer
  end
  for _, name in ipairs(THREADS) do
    if sys.kfunction(name) then
      return thread_text(name)
    end
  end
  if not sys.kfunction("vfs_read") then  -- a target whose functions are not known
    return version < 6002 and timer or thread_text(THREADS[1])
  elseif sys.kfunction("ip_vs_start_estimator") then
    return nil, ("none of estimation_timer, %s can be probed here"):format(
      table.concat(THREADS, ", "))
  end
  return nil, "this kernel has no ipvs, or its module is not loaded (modprobe ip_vs)"
end

local HEADING = 3                    -- lines in front of the rules

local function is_in(pid, inode)
  return pid and sys.inode(("/proc/%d/ns/net"):format(pid)) == inode
end

local pids = {}

-- a process in the namespace, or nil
local function process_in(inode)
  if is_in(pids[inode], inode) then
    return pids[inode]
  end
  pids[inode] = nil
  for _, name in ipairs(sys.list("/proc") or {}) do
    local pid = math.tointeger(tonumber(name))
    if is_in(pid, inode) then
      pids[inode] = pid
      return pid
    end
  end
  return nil
end

-- a file with the namespace's rules, or nil; one without a process has to be entered
local function open(inode)
  local pid, name = process_in(inode), net.netns_name(inode)
  if pid then
    return io.open(("/proc/%d/net/ip_vs"):format(pid))
  end
  if net.netns_number(name) ~= inode then
    return nil
  end
  local path = ("/run/netns/" .. name):gsub("'", "'\\''")
  return io.popen(("exec nsenter --net='%s' cat /proc/net/ip_vs 2>/dev/null"):format(path))
end

--- What the namespace is called; one that is not known (0) is nil.
function M.name(inode)
  return inode ~= 0 and net.netns_name(inode) or nil
end

--- Services and destinations of the namespace, together; nil where they cannot be read.
function M.rules(inode)
  local file, n = inode ~= 0 and open(inode), -HEADING
  if not file then
    return nil
  end
  for _ in file:lines() do
    n = n + 1
  end
  file:close()
  return n >= 0 and n or nil
end

local Sum = {}
Sum.__index = Sum

--- What is known of a namespace's walks: netns, walks, slow, ns, max (ns), slots (of a histogram in
--- usecs), and rules, or nil where these cannot be read.
function M.sum(inode)
  return setmetatable({ netns = inode, walks = 0, slow = 0, ns = 0, max = 0, cpus = {},
    slots = {} }, Sum)
end

-- counted again when rules came or went, at the next walk and once more behind that: the kernel
-- tells that a rule comes just before it is listed
function Sum:count_rules(changes)
  local told = sys.kfunction("ip_vs_start_estimator") and sys.kfunction("ip_vs_stop_estimator")
  if not told or self.changes ~= changes or not self.sure then
    self.sure = self.changes == changes
    self.rules, self.changes = M.rules(self.netns), changes
  end
end

--- Adds an event of the map walks.
function Sum:add(w, slow)
  local slot = hist.slot(w.ns // 1000)
  self.walks, self.ns, self.max = self.walks + 1, self.ns + w.ns, math.max(self.max, w.ns)
  self.slow = self.slow + (slow and 1 or 0)
  self.cpus[w.cpu] = true
  self.slots[slot] = (self.slots[slot] or 0) + 1
  self:count_rules(w.changes)
end

--- The CPUs on which it was walked: "0,2".
function Sum:cpu_list()
  local list = {}
  for cpu in pairs(self.cpus) do
    list[#list + 1] = cpu
  end
  table.sort(list)
  return table.concat(list, ",")
end

return M
