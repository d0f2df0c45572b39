-- SPDX-License-Identifier: Apache-2.0
-- ipvsest: how long ipvs walks its rules to estimate their rates, where, and how many there are
--
-- TIME               CPU NETNS             RULES         ms
-- 11:53:18.310224      0 init              30000    119.284  slow
local args, bpf, out = require "args", require "bpf", require "out"
local cpus, dist = require "tool_cpus", require "tool_dist"
local ipvs, net = require "tool_ipvs", require "tool_net"

local opts = args.parse{
  name = "ipvsest",
  summary = "Show how long ipvs walks its rules to estimate their rates, per network namespace.",
  options = {
    { "-T", "--threshold", type = "duration", default = 0.01,
      help = "a walk that takes longer is slow, in seconds or such as 5ms" },
    { "-s", "--slow", help = "lines for slow walks only" },
    { "-c", "--cpu", type = "cpus", help = "these CPUs only, such as 3 or 0,2-3" },
    { "-n", "--netns", arg = "NETNS", type = "string", min = 1,
      help = "this network namespace only: a name of ip netns, or an inode number" },
    { "-S", "--summary", help = "only the sums at the end" },
    { "-d", "--dist", help = "only distributions at the end" },
  },
  positionals = {
    { "duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
  },
  exclusive = { { "summary", "dist", "slow" } },
  examples = {
    { "ipvsest", "a line for each walk, and sums at the end" },
    { "ipvsest -T 50ms -s", "walks of more than 50 ms only" },
    { "ipvsest -n blue -d 60", "how long those of the namespace blue took, over a minute" },
  },
}

local function fail(message, ...)
  io.stderr:write("ipvsest: ", message:format(...), "\n")
  os.exit(1, true)
end

local netns = opts.netns and (net.netns_number(opts.netns) or math.tointeger(tonumber(opts.netns)))
if opts.netns and not netns then
  fail("no network namespace '%s' in /run/netns", opts.netns)
end

local walker, why = ipvs.walker()
if not walker then
  fail(why)
end
local prog = bpf.load{
  define = { CPUS = cpus.given(opts.cpu), NETNS = netns },
  optional = { "kprobe__ip_vs_start_estimator", "kprobe__ip_vs_stop_estimator" },
  text = cpus.TEXT .. ipvs.TEXT .. walker }
cpus.limit(prog, opts.cpu)

local columns = {
  { "ktime", "%-15s", title = "TIME", key = "time", as = "time" },
  { "cpu", "%6d", title = "CPU" }, { "name", " %-16s", title = "NETNS", key = "name" },
  { "rules", "%7d", title = "RULES" }, { "text", "%s", title = "         ms" },
}
local totals = {
  { "name", "%-16s", title = "NETNS" }, { "walks", "%7d", title = "WALKS" },
  { "slow", "%7d", title = "SLOW" }, { "rules", "%7d", title = "RULES" },
  { "avg_ms", "%11.3f" }, { "max_ms", "%11.3f" }, { "cpus", " %s", title = "CPUS" },
}
if out.mode() ~= "text" then
  table.insert(columns, 3, { "netns" })
  columns[#columns] = { "ms" }
  columns[#columns + 1] = { "slow" }
  table.insert(totals, 1, { "netns" })
end
columns, totals = out.columns(columns), out.columns(totals)

local sums, order = {}, {}            -- by inode number, and in the order of coming
local lines = not opts.summary and not opts.dist
prog.walks:each(function(w)
  local sum, slow = sums[w.netns], w.ns > opts.threshold * 1e9
  if not sum then
    sum = ipvs.sum(w.netns)
    sums[w.netns], order[#order + 1] = sum, sum
  end
  sum:add(w, slow)
  if lines and (slow or not opts.slow) then
    columns:row{ ktime = w.ktime, cpu = w.cpu, netns = w.netns ~= 0 and w.netns or nil,
      name = ipvs.name(w.netns),
      rules = sum.rules, ms = w.ns / 1e6, slow = slow,
      text = ("%11.3f%s"):format(w.ns / 1e6, slow and "  slow" or "") }
  end
end)

local function print_sums()
  table.sort(order, function(a, b) return a.max > b.max end)
  for _, s in ipairs(order) do
    totals:row{ netns = s.netns ~= 0 and s.netns or nil, name = ipvs.name(s.netns),
      walks = s.walks, slow = s.slow, rules = s.rules, avg_ms = s.ns / s.walks / 1e6,
      max_ms = s.max / 1e6, cpus = s:cpu_list() }
  end
end

local show = opts.dist and dist.printer{ label = "usecs", section = "netns" }
local function print_dist()
  local list = {}
  for _, s in ipairs(order) do
    for slot, n in pairs(s.slots) do
      list[#list + 1] = { key = ipvs.name(s.netns) or "-", slot = slot, count = n }
    end
  end
  show(list)
end

on_exit(function()
  if opts.dist then
    print_dist()
  elseif out.mode() ~= "csv" or opts.summary then
    if lines and out.mode() == "text" then print() end
    print_sums()
  end
end)
if out.mode() == "text" and not lines then
  print("Tracing walks of ipvs over its rules... Hit Ctrl-C to end.")
elseif out.mode() ~= "json" and not opts.dist then
  after(0, function() (lines and columns or totals):header() end)
end
bpf.run(opts.duration)
