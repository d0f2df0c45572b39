-- SPDX-License-Identifier: Apache-2.0
-- tool_skb: packets followed through the kernel, by their skb and its clones, from function to
-- function. The filter is tool_net's; which functions, and what a hop is shown as, is the script's.

local bpf = require "bpf"
local code = require "tool_skb_code"
local net = require "tool_net"
local probes = require "probes"
local sys = require "sys"

local M = {}

-- what a probe does with the skb of its function; %s is its C expression
local SIMPLE = { network = "return pass(ctx, %s, AT_NETWORK);", origin = "return pass(ctx, %s, ORIGIN);",
  data = "return pass(ctx, %s, AT_DATA);",
  followed = "return pass(ctx, %s, FOLLOWED);", copy = "return copy_begins(ctx, %s);",
  free = "return leave(ctx, %s, PT_REGS_IP(ctx), FREE, 0, 0);" }

-- those that need more arguments, by name; a table is an argument, or what is private to the hook
local OTHERS = {
  veth = { "return veth_transmits(ctx, ARG(%s, skb), ARG(%s, dev));", "skb", "dev" },
  bridge = { "return bridge_forwards(ctx, ARG(%s, skb), ARG(%s, to));", "skb", "to" },
  hook = { "return hook_begins(ctx, ARG(%s, skb), (void *)ARG(%s, state));", "skb", "state",
    returns = "verdict" },
  table = { "return table_begins(ctx, ARG(%s, skb), (void *)ARG(%s, state),"
    .. " (void *)ARG(%s, table));", "skb", "state", "table", returns = "verdict" },
  chain = { "return chain_begins(ctx, ARG(%s, pkt), ARG(%s, priv));", "pkt", "priv",
    returns = "verdict" },
  chain_of_ops = { "return chain_begins(ctx, ARG(%s, pkt), private_of((void *)ARG(%s, ops)));",
    "pkt", "ops", returns = "verdict" },
}

-- place and stars of the parameter that is an skb, or nil
local function skb_of(parameters)
  for i, p in ipairs(parameters) do
    local stars = p.type:gsub("^const ", ""):match("^struct sk_buff (%*+)$")
    if stars then
      return i, #stars
    end
  end
end

-- name of the shared function that takes the skb at this place, whose text is added once
local function simple(text, kind, place, stars)
  local name = ("%s_%d%s"):format(kind, place, stars > 1 and "_indirect" or "")
  if not text[name] then
    local skb = ("(struct sk_buff *)PT_REGS_PARM%d(ctx)"):format(place)
    local lines = { ("int %s(struct pt_regs *ctx)\n{"):format(name) }
    if stars > 1 then
      lines[2] = ("    struct sk_buff *skb;\n    bpf_probe_read_kernel(&skb, sizeof(skb), "
        .. "(void *)PT_REGS_PARM%d(ctx));"):format(place)
      skb = "skb"
    end
    lines[#lines + 1] = "    " .. SIMPLE[kind]:format(skb) .. "\n}\n"
    text[name] = true
    text[#text + 1] = table.concat(lines, "\n")
  end
  return name
end

-- the same of a function with a text of its own, or nil, what is not known
local function other(text, kind, fn, parameters)
  local known = {}
  for _, p in ipairs(parameters) do
    known[p.name] = true
  end
  local row = kind == "chain" and known.ops and OTHERS.chain_of_ops or OTHERS[kind]
  local body = row[1]
  for i = 2, #row do
    local name = row[i] == "table" and not known.table and "priv" or row[i]
    if not known[name] then
      return nil, ("no argument '%s' is known of it here"):format(name)
    end
    body = body:gsub("ARG%(%%s, " .. row[i] .. "%)", ("ARG(%s, %s)"):format(fn, name))
  end
  text[#text + 1] = ("int %s_%s(struct pt_regs *ctx)\n{\n    %s\n}\n"):format(kind, fn, body)
  return ("%s_%s"):format(kind, fn), row.returns
end

local function plan_function(text, row)
  local parameters, message = probes.args("kprobe:" .. row[1])
  if not parameters then
    return nil, message
  end
  if OTHERS[row.kind] then
    return other(text, row.kind, row[1], parameters)
  end
  local place, stars = skb_of(parameters)
  if not place then
    return nil, "no argument of it is an skb here"
  end
  return simple(text, row.kind, place, stars), row.kind == "copy" and "copy_ends" or nil
end

local WHERE = { network = "AT_NETWORK", data = "AT_DATA", followed = "FOLLOWED" }

-- a tracepoint, which has its number instead of an address
local function plan_tracepoint(text, row, number)
  local category, event = row.tracepoint:match("^(.-):(.*)$")
  local there, message = bpf.probe("tracepoint:" .. row.tracepoint)
  if not there then
    return nil, message
  end
  text[#text + 1] = ("TRACEPOINT_PROBE(%s, %s)\n{\n    "
    .. "return traced(args, (void *)args->skbaddr, %s, %s, %d);\n}\n"):format(category, event,
    WHERE[row.kind], row.result and "args->" .. row.result or "0", number)
  return true
end

local function has_field(spec, name)
  for _, field in ipairs(probes.args(spec) or {}) do
    if field.name == name then
      return true
    end
  end
end

-- attaches the functions of the plan that this kernel has
local function attach(plan, prog)
  for _, p in ipairs(plan) do
    local link, message
    if p.fn then
      link, message = prog:kprobe(p.fn, p.row[1], { optional = true })
    end
    if link and p.returns then
      local back, why = prog:kretprobe(p.returns, p.row[1], { optional = true })
      if not back then
        message = why
        link:detach()
        link = nil
      end
    end
    p.ok = p.ok or link ~= nil
    p.why = not p.ok and (message or p.why) or nil
  end
end

local function plan_row(text, row, number, by_name)
  local p = { row = row }
  if not row.tracepoint and bpf.feature("kprobe") == false then
    p.why = "this kernel has no kprobes"
  elseif not row.tracepoint then
    p.fn, p.returns = plan_function(text, row)
    p.why = not p.fn and p.returns or nil
  elseif row.instead and by_name[row.instead].fn and sys.kfunction(row.instead) then
    p.unused = true
  else
    p.ok, p.why = plan_tracepoint(text, row, number)
  end
  by_name[row[1]] = p
  return p
end

--- Loads and attaches what follows packets.
-- opts: hops, a list of rows { function, kind=, ... } or { name, kind=,
-- tracepoint="CATEGORY:EVENT", result=field, instead=function }; define, with what
-- tool_net.defines() made of the filter; max_age in seconds; tracks, how many skbs at a time;
-- stacks, how many (nil: none).
-- Kinds: network, data (where the headers are), origin (network, and where IP sends what is new),
-- followed (only an skb that is followed already),
-- copy (returns another skb), free, veth, bridge, hook, table, chain. A row with `instead` is there
-- for a kernel on which that function cannot be probed.
-- No packet is followed before begin(). Returns the program, and a list of { row=, ok=, why=,
-- unused= } for the rows.
function M.follow(opts)
  local text, plan, by_name, define = { code.C }, {}, {}, opts.define
  for i, row in ipairs(opts.hops) do
    plan[i] = plan_row(text, row, i, by_name)
  end
  define.MAX_AGE, define.TRACKS = math.floor(opts.max_age * 1000000000), opts.tracks
  define.STACKS = opts.stacks
  define.HAVE_REASON = has_field("tracepoint:skb:kfree_skb", "reason")
  define.TABLE_TYPES = probes.fields("struct nft_chain") and probes.fields("struct xt_table")
    and true
  local prog = bpf.load{ text = net.C .. table.concat(text, "\n"), define = define }
  attach(plan, prog)
  return prog, plan
end

--- Lets the program of M.follow() follow packets, once bpf.run has attached all, and calls fn().
--- A packet that ends before would have the next one of its memory for the rest of its path.
function M.begin(prog, fn)
  after(0, function()
    prog.live[0] = 1
    fn()
  end)
end

--- Calls fn(event) for each hop in the order of time, across CPUs; they wait a moment for that.
function M.each(prog, fn)
  local queue, n = {}, 0
  prog.hops:each(function(e)
    n = n + 1
    e.order = n
    queue[#queue + 1] = e
  end)
  local function deliver(before)
    local later, now = {}, queue
    queue = later
    table.sort(now, function(a, b)
      if a.ns ~= b.ns then
        return a.ns < b.ns
      end
      return a.order < b.order
    end)
    for _, e in ipairs(now) do
      if e.ns < before then
        fn(e)
      else
        later[#later + 1] = e
      end
    end
  end
  every(0.25, function() deliver(sys.monotonic_ns() - 150000000) end)
  on_exit(function() deliver(math.maxinteger) end)
end

--- Deletes tracks that nobody saw for max_age seconds, from time to time, and calls fn(before)
--- then, a time of the kernel's clock. Returns a function that tells how many.
function M.sweep(prog, max_age, fn)
  local old = 0
  every(math.max(max_age / 4, 1), function()
    local before = sys.monotonic_ns() - math.floor(max_age * 1000000000)
    for _, e in ipairs(prog.tracks:snapshot()) do
      if e.value.last < before then
        prog.tracks:delete(e.key)
        old = old + 1
      end
    end
    fn(before)
  end)
  return function() return old end
end

return M
