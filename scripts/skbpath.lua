-- SPDX-License-Identifier: Apache-2.0
-- skbpath: the path of packets through the kernel: devices, bridges, netfilter, sockets, drops
--
--      11653.7    222.5 1      0   ping-1217          red        veth-a>port-a        veth_xmit
local args, bpf, out, stack = require "args", require "bpf", require "out", require "stack"
local net, path, skb = require "tool_net", require "tool_skb_path", require "tool_skb"

local opts = args.parse{
  name = "skbpath",
  summary = "Follow packets from function to function, across devices, namespaces and copies.",
  options = net.options{
    { "--summary", help = "only what paths were taken and how long each step took, at the end" },
    { "--stack", help = "the kernel stack at each hop" },
    { "--max-age", arg = "TIME", type = "duration", min = 1, max = 3600, default = 30,
      help = "forget a packet that was not seen for so long" },
    { "--tracks", type = "uint", min = 64, max = 1048576, default = 16384,
      help = "packets that can be followed at a time" },
    { "--stack-storage-size", type = "uint", min = 16, max = 1048576, default = 16384,
      help = "distinct stacks that can be stored" },
    { "-v", "--verbose", help = "name the functions that cannot be probed here, and why" },
  },
  positionals = {
    { "duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
  },
  exclusive = { { "summary", "stack" } },
  examples = {
    { "skbpath -a 10.0.0.2 -P icmp", "pings from and to 10.0.0.2" },
    { "skbpath -P tcp --dport 80 --summary 10", "where packets to port 80 spend their time" },
    { "skbpath -n red -i veth0 --stack", "what is on veth0 of the namespace red, with stacks" },
  },
}

-- Functions in the order of a packet's way, and what a packet is doing there.
local HOPS = {
  { "skb_clone", kind = "copy" }, { "skb_copy", kind = "copy" },
  { "skb_copy_expand", kind = "copy" }, { "__pskb_copy", kind = "copy" },
  { "__pskb_copy_fclone", kind = "copy" },
  { "__ip_local_out_sk", kind = "origin", says = "sent by this host" },
  { "__ip_local_out", kind = "origin", says = "sent by this host" },
  { "__ip6_local_out", kind = "origin", says = "sent by this host" },
  { "ip_output", kind = "network" }, { "ip6_output", kind = "network" },
  { "ip_finish_output", kind = "network" }, { "ip6_finish_output", kind = "network" },
  { "__dev_queue_xmit", kind = "network", says = "to the queue of the device" },
  { "net_dev_queue", kind = "network", tracepoint = "net:net_dev_queue",
    instead = "__dev_queue_xmit" },
  { "dev_hard_start_xmit", kind = "network", says = "to the driver" },
  { "net_dev_xmit", kind = "followed", tracepoint = "net:net_dev_xmit", result = "rc",
    instead = "dev_hard_start_xmit" },
  { "loopback_xmit", kind = "network" }, { "veth_xmit", kind = "veth", says = "to the peer" },
  { "vlan_dev_hard_start_xmit", kind = "network" }, { "vxlan_xmit", kind = "network" },
  { "tun_net_xmit", kind = "network" },
  { "br_dev_xmit", kind = "network", says = "into the bridge" },
  { "netif_rx_internal", kind = "data", says = "to the backlog of a CPU" },
  { "netif_rx", kind = "data", tracepoint = "net:netif_rx", instead = "netif_rx_internal" },
  { "__netif_receive_skb_core", kind = "data", says = "received" },
  { "netif_receive_skb", kind = "data", tracepoint = "net:netif_receive_skb",
    instead = "__netif_receive_skb_core" },
  { "br_handle_frame", kind = "network", says = "into the bridge" },
  { "br_forward", kind = "bridge" },
  { "__br_forward", kind = "bridge", says = "to the other port" },
  { "br_pass_frame_up", kind = "network", says = "to the bridge itself" },
  { "nf_hook_slow", kind = "hook" }, { "ipt_do_table", kind = "table" },
  { "ip6t_do_table", kind = "table" }, { "nft_do_chain", kind = "chain" },
  { "ip_rcv", kind = "network" }, { "ipv6_rcv", kind = "network" },
  { "ip_route_input_noref", kind = "network", says = "routed" },
  { "ip_route_input_slow", kind = "network", says = "looked up in the routing table" },
  { "ip_forward", kind = "network" }, { "ip6_forward", kind = "network" },
  { "ip_local_deliver", kind = "network" }, { "ip6_input", kind = "network" },
  { "tcp_v4_rcv", kind = "network" }, { "tcp_v6_rcv", kind = "network" },
  { "udp_queue_rcv_skb", kind = "network" }, { "udpv6_queue_rcv_skb", kind = "network" },
  { "icmp_rcv", kind = "network" }, { "icmpv6_rcv", kind = "network" },
  { "raw_rcv", kind = "network" }, { "ping_rcv", kind = "network" },
  { "tcp_queue_rcv", kind = "followed", says = "to the socket" },
  { "tcp_drop", kind = "followed", says = "not wanted by TCP" },
  { "skb_attempt_defer_free", kind = "followed", says = "read, to be freed where it was made" },
  { "__sock_queue_rcv_skb", kind = "followed", says = "to the socket" },
  { "__kfree_skb", kind = "free" }, { "skb_release_head_state", kind = "free" },
}

local prog, plan = skb.follow{ hops = HOPS, define = net.defines("skbpath", opts, {}),
  max_age = opts.max_age, tracks = opts.tracks, stacks = opts.stack and opts.stack_storage_size }
local journal, summary, started = path.journal(HOPS, plan), path.summary(), nil
local swept = skb.sweep(prog, opts.max_age, function(before)
  summary:lose(journal:forget(before))
end)

local function time_of(row)
  started = started or row.ns
  return ("%.1f"):format((row.ns - started) / 1000)
end

local function what_of(row)
  local text = (row.detail or "") .. (row.verdict and ": " .. row.verdict or "")
  return text .. (row.new and text ~= "" and "; " or "") .. (row.new or "")
end

local function device_of(row)
  return (row.device or "-") .. (row.peer and ">" .. row.peer or "")
end

local lines = out.columns(out.mode() == "text" and {
  { time_of, "%11s", title = "TIME us" },
  { function(row) return ("%.1f"):format(row.delta_ns / 1000) end, "%8s", title = "+us" },
  { "branch", "%-6s", title = "PATH" }, { "cpu", "%-3d", title = "CPU" },
  { function(row) return ("%s-%d"):format(row.comm, row.pid) end, "%-18s", title = "TASK" },
  { function(row) return row.netns or "-" end, "%-10s", title = "NETNS" },
  { device_of, "%-20s", title = "DEVICE" }, { "func", "%-24s", title = "FUNCTION" },
  { what_of, "%s", title = "WHAT" },
} or {
  { "ns", "%d" }, { "delta_ns", "%d" }, { "path", "%d" }, { "branch" }, { "hop", "%d" },
  { "event" }, { "cpu", "%d" }, { "comm" }, { "pid", "%d" }, { "netns" }, { "device" },
  { "peer" }, { "func" },
  { "protocol" }, { "saddr" }, { "sport" }, { "daddr" }, { "dport" }, { "icmp_id" }, { "icmp_seq" },
  { "length", "%d" }, { "family" }, { "hook" }, { "table" }, { "chain" }, { "verdict" },
  { "location" }, { "reason" }, { "by" },
})

local function show(row, e)
  if out.mode() ~= "json" then
    lines:row(row)
  else
    row.stack = opts.stack and stack.fold(prog.stacks, { kernel = e.stack }) or nil
    print(out.json(row))
  end
  if opts.stack and out.mode() == "text" then
    stack.print(io.stdout, stack.resolve(prog.stacks, { kernel = e.stack }), 8, { offset = true })
  end
end

skb.each(prog, function(e)
  local row = journal:row(e)
  if row then
    summary:add(row)
  end
  if row and not opts.summary then
    show(row, e)
  end
end)

on_exit(function()
  if out.mode() ~= "csv" or opts.summary then
    summary:print("skbpath")
  end
  if swept() > 0 then
    io.stderr:write(("skbpath: %d packets were not seen for --max-age\n"):format(swept()))
  end
end)
path.tell_missing("skbpath", plan, opts.verbose)
path.tell_hidden("skbpath", plan)
net.tell_device("skbpath", opts.device)
skb.begin(prog, function()
  if out.mode() == "csv" then
    (opts.summary and summary.columns or lines):header()
  elseif out.mode() == "text" then
    print("Following packets... Hit Ctrl-C to end.")
  end
end)
bpf.run(opts.duration)
