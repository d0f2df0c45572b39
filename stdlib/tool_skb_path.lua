-- SPDX-License-Identifier: Apache-2.0
-- tool_skb_path: what tool_skb's events mean for the packet they are of, and the ways that packets
-- took, with the time of each step.

local bpf = require "bpf"
local debuginfo = require "debuginfo"
local fmt = require "fmt"
local net = require "tool_net"
local out = require "out"
local sys = require "sys"

local M = {}

-- ---- where in the kernel, and why ----

local symbols = {}

-- the function of an event, by its name in the source; the name of a tracepoint's row
local function function_of(e, hops)
  if e.ip == 0 then
    local row = hops[e["function"][1]]
    return row and row[1]
  end
  local name = symbols[e.ip]
  if not name then
    name = (sys.ksym(e.ip) or ("0x%x"):format(e.ip)):match("^[^.]+")
    symbols[e.ip] = name
  end
  return name
end

-- "function+0x12"
local function location_of(address)
  local name, offset = sys.ksym(address)
  return name and ("%s+0x%x"):format(name, offset) or ("0x%x"):format(address)
end

--- Names of the reasons of skb:kfree_skb by number; none on kernels that tell none.
function M.drop_reasons()
  local root = sys.tracefs()
  local format = root and sys.read(root .. "/events/skb/kfree_skb/format") or ""
  local names = {}
  for number, name in format:gmatch('{%s*(%w+),%s*"([%w_]+)"%s*}') do
    names[math.tointeger(tonumber(number)) or name] = name
  end
  return names
end

-- ---- events as rows ----

local KINDS = { "hook", "table", "chain" }
local EVENTS = { [0] = "hop", "return", "copy", "drop", "consumed", "freed", "enter" }
local HOOK_VERDICTS = { [0] = "stolen", [1] = "accept" }
local IPTABLES = { [2] = "iptables", [10] = "ip6tables" }
local Journal = {}
Journal.__index = Journal

-- Since 5.19 a packet that was read is freed by a function of its own; where that is not seen, the
-- end in a socket's queue may be either.
local function tells_merges(plan)
  for _, p in ipairs(plan) do
    if p.row[1] == "skb_attempt_defer_free" then
      return p.ok or not sys.kfunction(p.row[1])
    end
  end
  return false
end

--- What is known of each packet on its way. hops: the rows of tool_skb.follow(), plan: what it
--- returned.
function M.journal(hops, plan)
  local by_name = {}
  for _, row in ipairs(hops) do
    by_name[row[1]] = row
  end
  return setmetatable({ hops = hops, rows = by_name, reasons = M.drop_reasons(), branches = {},
    paths = {}, n = 0, tells_merges = tells_merges(plan) }, Journal)
end

-- a branch, which is a packet or a copy of it: its number and what it was seen with last
local function branch_of(journal, id, path_id)
  local branch = journal.branches[id]
  if branch then
    return branch
  end
  local path = journal.paths[path_id]
  if not path then
    journal.n = journal.n + 1
    path = { id = path_id, number = journal.n, branches = 0, live = 0 }
    journal.paths[path_id] = path
  end
  path.branches, path.live = path.branches + 1, path.live + 1
  branch = { path = path, hooks = {},
    name = path.number .. (path.branches > 1 and "." .. path.branches or "") }
  journal.branches[id] = branch
  return branch
end

local function end_branch(journal, id)
  local path = journal.branches[id].path
  path.live = path.live - 1
  journal.branches[id] = nil
  if path.live == 0 then
    journal.paths[path.id] = nil
  end
end

-- functions late on the way, and frees, do not tell the device: it is the last that was seen
local function add_place(row, branch, e)
  if e.at.ifindex ~= 0 then
    branch.at = { device = e.at.device, ifindex = e.at.ifindex, netns = e.at.netns }
  end
  local at = branch.at
  if at then
    row.device, row.ifindex, row.netns_id = at.device, at.ifindex, at.netns
    row.netns = net.netns_name(at.netns)
  end
  if e.peer.ifindex ~= 0 then
    row.peer, row.peer_ifindex = e.peer.device, e.peer.ifindex
    row.peer_netns = net.netns_name(e.peer.netns)
  end
end

local function add_flow(row, branch, e)
  local flow = net.flow(e.flow)
  local text = flow and net.flow_text(flow)
  branch.flow = flow or branch.flow
  if text and text ~= branch.text then
    row.new = text                          -- the first, or an address was translated
    branch.text = text
  end
  for name, value in pairs(branch.flow or {}) do
    row[name] = value
  end
end

local function add_hook(row, branch, e)
  row.family, row.hook = net.nf_family(e.pf), net.nf_hook(e.pf, e.hook)
  row.detail = row.family .. " " .. row.hook
  table.insert(branch.hooks, row.detail)
end

-- the names of a table of iptables or a chain of nftables
local NAMES = {}

function NAMES.table(row, e)
  row.family, row.hook = net.nf_family(e.pf), net.nf_hook(e.pf, e.hook)
  row.table, row.chain = e.table, row.hook
  return ("%s %s %s"):format(IPTABLES[e.pf] or "tables", row.table, row.chain)
end

function NAMES.chain(row, e)
  row.table, row.chain = e.table, e.chain
  return ("nftables %s %s"):format(row.table, row.chain)
end

-- what a hook, a table or a chain has decided
local function add_verdict(row, branch, e, kind)
  if NAMES[kind] then
    row.detail, row.verdict = NAMES[kind](row, e), net.nf_verdict(e.verdict)
    branch.inside = row.verdict == "drop" and row.detail or nil
    return
  end
  row.family, row.hook = net.nf_family(e.pf), net.nf_hook(e.pf, e.hook)
  row.verdict = HOOK_VERDICTS[e.verdict] or "drop"
  row.detail = row.family .. " " .. row.hook
  table.remove(branch.hooks)
  branch.inside = nil
end

-- who frees what is left in the queues of a socket: the kernel counts it as dropped
local UNREAD = { sk_stream_kill_queues = true, inet_csk_destroy_sock = true,
  inet_sock_destruct = true, tcp_disconnect = true, tcp_close = true, __tcp_close = true }

-- a drop is a hook's where it fell in there, or in a table of it, or one has decided so
local function add_drop(row, branch, e, reasons)
  row.location = location_of(e.other)
  row.reason = reasons[e.reason]
  local hook = branch.hooks[#branch.hooks]
  if hook and (branch.inside or row.location:find("^nf_hook_slow")) then
    row.by = "netfilter " .. hook .. (branch.inside and ", " .. branch.inside or "")
  end
  local unread = UNREAD[row.location:match("^[%w_]+")]
  row.detail = row.location .. (unread and ": unread when its socket ended" or "")
    .. (row.by and " by " .. row.by or "")
    .. (row.reason and " (" .. row.reason .. ")" or "")
end

local function add_copy(journal, row, branch, e)
  local copy = branch_of(journal, e.other, e.path)
  copy.at, copy.flow, copy.text, copy.seen = branch.at, branch.flow, branch.text, branch.seen
  copy.hooks = table.move(branch.hooks, 1, #branch.hooks, 1, {})
  row.copy, row.detail = copy.name, "copy " .. copy.name
end

--- An event as plain values: event, path and branch ("2", a copy of it "2.1"), hop (its number),
--- ns, delta_ns, cpu, pid, comm, func, length, device, ifindex, netns, netns_id, peer, peer_netns
--- (where it goes), the fields of net.flow(), family, hook, table, chain, verdict (netfilter's),
--- copy (its branch), location, reason, by (of a drop); new: the flow as text where it is not as
--- before; detail: what else there is to say. Each is nil where it is not known.
--- Nil where the event is no hop.
function Journal:row(e)
  local branch = branch_of(self, e.branch, e.path)
  local name = function_of(e, self.hops)
  local known = self.rows[name] or {}
  branch.seen = e.ns
  local kind = KINDS[e.kind] or known.kind  -- not known: the kernel hides its addresses
  if EVENTS[e.event] == "enter" then
    branch.inside = NAMES[kind]({}, e)
    return nil
  end
  local row = { event = EVENTS[e.event], path = branch.path.number, branch = branch.name,
    hop = e.number, ns = e.ns, delta_ns = e.delta, cpu = e.cpu, pid = e.pid, comm = e.comm,
    func = name, length = e.length, detail = known.says }
  add_place(row, branch, e)
  add_flow(row, branch, e)
  if row.event == "hop" and kind == "hook" then
    add_hook(row, branch, e)
  elseif row.event == "return" then
    add_verdict(row, branch, e, kind)
  elseif row.event == "drop" then
    row.func = "kfree_skb"
    add_drop(row, branch, e, self.reasons)
  elseif row.event == "copy" then
    add_copy(self, row, branch, e)
  elseif row.event == "consumed" then
    row.func = "consume_skb"
  end
  if row.event == "freed" and name == "skb_release_head_state" and branch.last == "tcp_queue_rcv"
    and self.tells_merges then
    row.detail = "its data is with the packet before it in the queue"
  end
  branch.last = name
  if e.event >= 3 then
    end_branch(self, e.branch)
  end
  return row
end

--- Ends the branches that were not seen since a time of the kernel's clock; their names.
function Journal:forget(before)
  local names = {}
  for id, branch in pairs(self.branches) do
    if branch.seen < before then
      names[#names + 1] = branch.name
      end_branch(self, id)
    end
  end
  return names
end

--- Says on standard error how many of the plan's hops cannot be probed on this kernel, each with
--- the reason where verbose.
function M.tell_missing(tool, plan, verbose)
  local missing, all = {}, 0
  if bpf.feature("kprobe") == false then
    io.stderr:write(tool, ": this kernel has no kprobes: there are only hops at tracepoints\n")
    return
  end
  for _, p in ipairs(plan) do
    all = p.unused and all or all + 1
    if not p.ok and not p.unused then
      missing[#missing + 1] = p.row[1]
      if verbose then
        io.stderr:write(("%s: %s: %s\n"):format(tool, p.row[1], p.why or "not on this kernel"))
      end
    end
  end
  if #missing > 0 then
    io.stderr:write(("%s: %d of %d hops cannot be probed here: %s\n"):format(tool, #missing, all,
      table.concat(missing, ", ")))
  end
end

--- Says on standard error if the kernel hides the addresses of the functions that are probed.
function M.tell_hidden(tool, plan)
  local probed
  for _, p in ipairs(plan) do
    if p.ok and p.fn then
      probed = true
      if debuginfo.kernel_address(p.row[1]) then
        return
      end
    end
  end
  local restrict = (sys.read("/proc/sys/kernel/kptr_restrict") or ""):match("%d+")
  if probed and restrict then
    io.stderr:write(("%s: the kernel hides its addresses (kernel.kptr_restrict is %s): "
      .. "functions have no names\n"):format(tool, restrict))
  end
end

-- ---- what packets went through, and how long it took ----

local MOST_HOPS, MOST_PATHS = 200, 100
local STEPS = { { "path", "%d" }, { "packets", "%d" }, { "step", "%d" }, { "function" },
  { "netns" }, { "device" }, { "avg_us", "%.1f" }, { "max_us", "%.1f" } }
local Summary = {}
Summary.__index = Summary

--- Chains of hops. Each branch, a text, has one; branches with the same hops add up.
function M.summary()
  return setmetatable({ chains = {}, paths = {}, order = {}, others = 0,
    columns = out.columns(STEPS) }, Summary)
end

-- what the hop of a row is, wherever it is the same
local function label(row)
  local what = row.func
  if row.event == "drop" then
    what = "dropped at " .. row.location:gsub("%+.*", "") .. (row.by and " by " .. row.by or "")
  elseif row.event == "consumed" or row.event == "freed" then
    what = row.event
  elseif row.hook or row.chain then
    what = what .. " " .. row.detail .. (row.verdict and ": " .. row.verdict or "")
  end
  return { what, row.netns or "", (row.device or "") .. (row.peer and ">" .. row.peer or "") }
end

local function add_hop(chain, labels, ns)
  if #chain < MOST_HOPS then
    chain[#chain + 1] = { labels = labels, ns = #chain == 0 and 0 or ns }
    chain.keys[#chain] = table.concat(labels, "\t")
  end
end

local function add_up(path, chain)
  local sum = 0
  path.count = path.count + 1
  for i, hop in ipairs(chain) do
    local total = path[i]
    sum = sum + hop.ns
    total.sum, total.max = total.sum + hop.ns, math.max(total.max, hop.ns)
  end
  path.sum, path.max = path.sum + sum, math.max(path.max, sum)
end

local function finish(summary, branch)
  local chain = summary.chains[branch]
  local key = table.concat(chain.keys, "\n")
  local path = summary.paths[key]
  summary.chains[branch] = nil
  if not path and #summary.order >= MOST_PATHS then
    summary.others = summary.others + 1
    return
  elseif not path then
    path = { count = 0, sum = 0, max = 0 }
    for i, hop in ipairs(chain) do
      path[i] = { labels = hop.labels, sum = 0, max = 0 }
    end
    summary.paths[key] = path
    table.insert(summary.order, path)
  end
  add_up(path, chain)
end

--- A row of a journal goes into the chain of its branch; the end of the branch ends the chain.
function Summary:add(row)
  local chain = self.chains[row.branch]
  if not chain then
    chain = { keys = {} }
    self.chains[row.branch] = chain
  end
  add_hop(chain, label(row), row.delta_ns)
  if row.copy then
    self.chains[row.copy] = table.move(chain, 1, #chain, 1,
      { keys = table.move(chain.keys, 1, #chain.keys, 1, {}) })
  elseif row.location or row.event == "consumed" or row.event == "freed" then
    finish(self, row.branch)
  end
end

local function end_all(summary)
  local open = {}
  for branch in pairs(summary.chains) do
    open[#open + 1] = branch
  end
  table.sort(open)
  for _, branch in ipairs(open) do
    add_hop(summary.chains[branch], { "not ended yet", "", "" }, 0)
    finish(summary, branch)
  end
  table.sort(summary.order, function(a, b) return a.count > b.count end)
end

local function print_text(taken)
  print(("\n%d packet%s, %.1f us on average, %.1f at most:\n%10s %10s  %-10s %-20s %s"):format(
    taken.count, taken.count == 1 and "" or "s", taken.sum / taken.count / 1000, taken.max / 1000,
    "AVG us", "MAX us", "NETNS", "DEVICE", "FUNCTION"))
  for _, step in ipairs(taken) do
    local what, netns, device = table.unpack(step.labels)
    print(("%10.1f %10.1f  %-10s %-20s %s"):format(step.sum / taken.count / 1000, step.max / 1000,
      fmt.safe(netns), fmt.safe(device), fmt.safe(what)))
  end
end

--- Ends the chain of each of these branches, of which nothing was seen any more.
function Summary:lose(branches)
  for _, branch in ipairs(branches) do
    if self.chains[branch] then
      add_hop(self.chains[branch], { "not seen any more", "", "" }, 0)
      finish(self, branch)
    end
  end
end

--- Ends what has not ended, and prints the paths, the most frequent first, with the time that each
--- step took since the one before; as JSON and CSV a row for each step.
function Summary:print(tool)
  end_all(self)
  for number, taken in ipairs(self.order) do
    if out.mode() == "text" then
      print_text(taken)
    end
    for i, step in ipairs(out.mode() == "text" and {} or taken) do
      local what, netns, device = table.unpack(step.labels)
      self.columns:row{ path = number, packets = taken.count, step = i, ["function"] = what,
        netns = netns, device = device, avg_us = step.sum / taken.count / 1000,
        max_us = step.max / 1000 }
    end
  end
  if self.others > 0 then
    io.stderr:write(("%s: %d packets took other paths than these %d\n"):format(tool, self.others,
      #self.order))
  end
end

return M
