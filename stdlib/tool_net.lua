-- SPDX-License-Identifier: Apache-2.0
-- tool_net: what scripts about packets share: C that reads an skb's headers, its device and its
-- network namespace and matches them with a filter; the options of that filter; names and
-- addresses as text.

local fmt = require "fmt"
local oneliner = require "oneliner"
local sys = require "sys"

local M = {}

--- C text in front of a script's own. Numbers of packets stay in network order.
---
--- struct net_flow: what the headers say. family is 4, 6 or 0 (no IP header, or none yet);
---   protocol; ports is 1 where sport and dport are known, 2 where they are the id and the sequence
---   number of an ICMP echo, 0 where neither is there (a later fragment, a header that is not
---   written or not in the linear part); seq: TCP's; type, code: ICMP's; length: of the IP packet.
--- struct net_place: ifindex, device, netns (its inode number); 0 and "": not known.
---
--- int net_parse(skb, received, flow)
---   Fills flow and is 1, or is 0. received: skb->data is at the network header, as it is from
---   eth_type_trans() until the protocol takes it; else skb->network_header tells where it is.
---   transport_header is not used: what is behind the network header is known by that.
--- NET_READ(into, struct->member)
---   Reads a member of the kernel's.
--- void net_place(device, place), void net_place_of(skb, place)
---   Of an skb without a device (not yet routed out) it is the device of its route.
--- int net_wanted(flow, place)
---   1 if both match the filter that M.defines() made of the options.
M.C = [[
#include <linux/skbuff.h>
#include <linux/ip.h>
#include <linux/netdevice.h>
#include <net/dst.h>
#include <net/net_namespace.h>

/* a number or a pointer, of whatever size it has on this kernel; not of a const struct */
#define NET_READ(into, from) do { \
        typeof(from) net_value = 0; \
        bpf_probe_read_kernel(&net_value, sizeof(net_value), &(from)); \
        (into) = net_value; \
    } while (0)
#define NET_NONE 0xffff                 /* a header's offset that is not set */

struct net_flow {
    u32 saddr[4], daddr[4];             /* IPv4: the first */
    u32 seq;
    u16 sport, dport, length;
    u8 family, protocol, ports, type, code, unused;
};
struct net_place { u32 ifindex, netns; char device[16]; };

struct net_ip4 {
    u8 first, tos;
    u16 length, id, fragment;
    u8 ttl, protocol;
    u16 check;
    u32 saddr, daddr;
};
struct net_ip6 { u32 first; u16 length; u8 next, hops; u32 saddr[4], daddr[4]; };
struct net_l4 { u16 words[4]; };

static inline void net_parse_l4(unsigned char *head, u32 at, u32 end, struct net_flow *f)
{
    struct net_l4 l4;
    int echo;

    if (at + sizeof(l4) > end || bpf_probe_read_kernel(&l4, sizeof(l4), head + at))
        return;
    if (f->protocol == 1 || f->protocol == 58) {
        f->type = l4.words[0];
        f->code = l4.words[0] >> 8;
        echo = f->protocol == 1 ? f->type == 0 || f->type == 8 : f->type == 128 || f->type == 129;
        if (!echo)
            return;
        f->sport = l4.words[2];
        f->dport = l4.words[3];
        f->ports = 2;
    } else if (f->protocol == 6 || f->protocol == 17 || f->protocol == 132 || f->protocol == 136) {
        f->sport = l4.words[0];
        f->dport = l4.words[1];
        f->ports = 1;
        if (f->protocol == 6)
            f->seq = l4.words[2] | (u32)l4.words[3] << 16;
    }
}

static inline int net_parse_ip4(unsigned char *head, u32 at, u32 end, struct net_flow *f)
{
    struct net_ip4 ip;

    if (at + sizeof(ip) > end || bpf_probe_read_kernel(&ip, sizeof(ip), head + at) ||
        (ip.first & 15) < 5)
        return 0;
    f->family = 4;
    f->protocol = ip.protocol;
    f->length = ip.length;
    f->saddr[0] = ip.saddr;
    f->daddr[0] = ip.daddr;
    if (!(ip.fragment & htons(0x1fff)))
        net_parse_l4(head, at + (ip.first & 15) * 4, end, f);
    return 1;
}

/* up to three extension headers are passed over; what is behind more is not known */
static inline int net_parse_ip6(unsigned char *head, u32 at, u32 end, struct net_flow *f)
{
    struct net_ip6 ip;
    u8 next[4];
    int i, later = 0;

    if (at + sizeof(ip) > end || bpf_probe_read_kernel(&ip, sizeof(ip), head + at))
        return 0;
    f->family = 6;
    f->length = ip.length;              /* without this header */
    __builtin_memcpy(f->saddr, ip.saddr, sizeof(ip.saddr));
    __builtin_memcpy(f->daddr, ip.daddr, sizeof(ip.daddr));
    at += sizeof(ip);
#pragma unroll
    for (i = 0; i < 3; i++) {
        if (ip.next != 0 && ip.next != 43 && ip.next != 44 && ip.next != 60)
            break;
        if (at + 8 > end || bpf_probe_read_kernel(next, sizeof(next), head + at))
            break;
        later |= ip.next == 44 && ((next[2] << 8 | next[3]) & 0xfff8);
        at += ip.next == 44 ? 8 : (next[1] + 1) * 8;
        ip.next = next[0];
    }
    f->protocol = ip.next;
    if (!later)
        net_parse_l4(head, at, end, f);
    return 1;
}

static inline int net_parse(struct sk_buff *skb, int received, struct net_flow *f)
{
    unsigned char *head, *data;
    u16 network, protocol;
    u8 first;
    u32 at, end;

    NET_READ(head, skb->head);
    NET_READ(end, skb->tail);           /* an offset: 64 bits */
    NET_READ(protocol, skb->protocol);
    NET_READ(network, skb->network_header);
    at = network;
    if (received) {
        NET_READ(data, skb->data);
        at = data - head;
    } else if (network == 0 || network == NET_NONE) {
        return 0;
    }
    if (bpf_probe_read_kernel(&first, sizeof(first), head + at))
        return 0;
    /* 0: not set yet on the way out; a VLAN's tag stands in front of what network_header has */
    if (!received && (!protocol || protocol == htons(0x8100) || protocol == htons(0x88a8)))
        protocol = first >> 4 == 4 ? htons(0x0800) : htons(0x86dd);
    if (first >> 4 == 4 && protocol == htons(0x0800))
        return net_parse_ip4(head, at, end, f);
    if (first >> 4 == 6 && protocol == htons(0x86dd))
        return net_parse_ip6(head, at, end, f);
    return 0;
}

static inline void net_place(struct net_device *dev, struct net_place *p)
{
    struct net *net;

    NET_READ(p->ifindex, dev->ifindex);
    bpf_probe_read_kernel(&p->device, sizeof(p->device), &dev->name);
    bpf_probe_read_kernel(&net, sizeof(net), &dev->nd_net);  /* a pointer, or a struct of one */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(3, 19, 0)
    NET_READ(p->netns, net->ns.inum);
#else
    NET_READ(p->netns, net->proc_inum);
#endif
}

static inline void net_place_of(struct sk_buff *skb, struct net_place *p)
{
    struct net_device *dev;
    unsigned long dst;

    NET_READ(dev, skb->dev);
    if (!dev) {
        NET_READ(dst, skb->_skb_refdst);
        dst &= ~1UL;
        if (dst)
            NET_READ(dev, ((struct dst_entry *)dst)->dev);
    }
    if (dev)
        net_place(dev, p);
}

#define NET_SAME(words, name) ((words)[0] == name##_0 && (words)[1] == name##_1 && \
                               (words)[2] == name##_2 && (words)[3] == name##_3)

static inline int net_wanted(const struct net_flow *f, const struct net_place *p)
{
    if (!f->family)
        return 0;
#ifdef NET_FAMILY
    if (f->family != NET_FAMILY)
        return 0;
#endif
#ifdef NET_PROTOCOL
    if (f->protocol != NET_PROTOCOL)
        return 0;
#endif
#ifdef NET_SADDR
    if (!NET_SAME(f->saddr, NET_SADDR))
        return 0;
#endif
#ifdef NET_DADDR
    if (!NET_SAME(f->daddr, NET_DADDR))
        return 0;
#endif
#ifdef NET_ADDRESS
    if (!NET_SAME(f->saddr, NET_ADDRESS) && !NET_SAME(f->daddr, NET_ADDRESS))
        return 0;
#endif
#ifdef NET_SPORT
    if (f->ports != 1 || f->sport != NET_SPORT)
        return 0;
#endif
#ifdef NET_DPORT
    if (f->ports != 1 || f->dport != NET_DPORT)
        return 0;
#endif
#ifdef NET_PORT
    if (f->ports != 1 || (f->sport != NET_PORT && f->dport != NET_PORT))
        return 0;
#endif
#ifdef NET_ICMP_ID
    if (f->ports != 2 || f->sport != NET_ICMP_ID)
        return 0;
#endif
#ifdef NET_DEVICE
    if ((((u64 *)p->device)[0] & NET_DEVICE_MASK_0) != NET_DEVICE_0 ||
        (((u64 *)p->device)[1] & NET_DEVICE_MASK_1) != NET_DEVICE_1)
        return 0;
#endif
#ifdef NET_NETNS
    if (p->netns != NET_NETNS)
        return 0;
#endif
    return 1;
}
]]

local PROTOCOLS = { icmp = 1, igmp = 2, tcp = 6, udp = 17, gre = 47, esp = 50, icmp6 = 58,
  sctp = 132 }
local PROTOCOL_NAMES = {}
for name, number in pairs(PROTOCOLS) do
  PROTOCOL_NAMES[number] = name
end

local function protocol(text)
  local number = PROTOCOLS[text] or (text:find("^%d+$") and tonumber(text))
  if not number or number > 255 then
    return nil, "tcp, udp, icmp, icmp6, sctp, gre, esp, igmp or a number to 255"
  end
  return math.tointeger(number)
end

-- a name is compared byte by byte, as the kernel has it
local function device(text)
  if #text > 15 or text == "" or text:find("[/%s%c:]") then
    return nil, "the name of a device, up to 15 bytes"
  end
  return text
end

local function netns(text)
  if text == "" or text:find("[/%c]") then
    return nil, "a name of ip netns, or an inode number"
  end
  return text
end

--- Option rows for args.parse that match packets; rows of the script's own follow.
function M.options(rows)
  local all = {
    { "-s", "--saddr", type = "addr", help = "packets from this address only" },
    { "-d", "--daddr", type = "addr", help = "packets to this address only" },
    { "-a", "--address", type = "addr", help = "packets from or to this address" },
    { "--sport", type = "port", help = "packets from this TCP or UDP port" },
    { "--dport", type = "port", help = "packets to this TCP or UDP port" },
    { "--port", type = "port", help = "packets from or to this TCP or UDP port" },
    { "-P", "--protocol", arg = "NAME|N", type = protocol,
      help = "tcp, udp, icmp, icmp6... or a number" },
    { "-I", "--icmp-id", type = "uint", max = 65535, help = "this id of ICMP echoes (ping's id)" },
    { "-i", "--device", arg = "DEV", type = device, help = "packets that are on this device" },
    { "-n", "--netns", arg = "NETNS", type = netns,
      help = "packets in this network namespace: a name of ip netns, or an inode number" },
  }
  return table.move(rows, 1, #rows, #all + 1, all)
end

local function fail(tool, status, message, ...)
  io.stderr:write(tool, ": ", message:format(...), "\n")
  os.exit(status, true)
end

local function add_address(defines, tool, name, address)
  if not address then
    return
  end
  if defines.NET_FAMILY and defines.NET_FAMILY ~= address.family then
    fail(tool, 2, "addresses of IPv4 and IPv6 match no packet together")
  end
  defines.NET_FAMILY, defines[name] = address.family, true
  local words = { ("<I4I4I4I4"):unpack(address.bytes .. ("\0"):rep(16 - #address.bytes)) }
  for i = 1, 4 do
    defines[name .. "_" .. i - 1] = words[i]
  end
end

local function be16(number)
  return number and (number & 0xff) << 8 | number >> 8
end

local function number_of_netns(tool, text)
  local number = text and (M.netns_number(text) or math.tointeger(tonumber(text)))
  if text and (not number or number < 1 or number > 0xffffffff) then
    fail(tool, 1, "no network namespace '%s' in /run/netns", fmt.clip(text, 60))
  end
  return number
end

--- Adds what M.C's filter needs to `defines`, of the options of M.options(); script `tool` ends
--- with status 2 where they cannot match anything, and 1 where there is no such namespace.
function M.defines(tool, opts, defines)
  add_address(defines, tool, "NET_SADDR", opts.saddr)
  add_address(defines, tool, "NET_DADDR", opts.daddr)
  add_address(defines, tool, "NET_ADDRESS", opts.address)
  defines.NET_PROTOCOL = opts.protocol
  defines.NET_SPORT, defines.NET_DPORT = be16(opts.sport), be16(opts.dport)
  defines.NET_PORT, defines.NET_ICMP_ID = be16(opts.port), be16(opts.icmp_id)
  defines.NET_NETNS = number_of_netns(tool, opts.netns)
  if opts.device then
    local length = #opts.device + 1          -- what is behind its NUL may be of an older name
    defines.NET_DEVICE = true
    defines.NET_DEVICE_0, defines.NET_DEVICE_1 =
      ("<i8i8"):unpack(opts.device .. ("\0"):rep(16 - #opts.device))
    defines.NET_DEVICE_MASK_0, defines.NET_DEVICE_MASK_1 =
      ("<i8i8"):unpack(("\xff"):rep(length) .. ("\0"):rep(16 - length))
  end
  return defines
end

-- ---- text ----

--- An address of a struct net_flow: family and its four words.
function M.address(family, words)
  if family == 4 then
    return fmt.ipv4(words[1])
  end
  return fmt.ipv6(("<I4I4I4I4"):pack(words[1], words[2], words[3], words[4]))
end

--- The name of an IP protocol, else its number as text.
function M.protocol(number)
  return PROTOCOL_NAMES[number] or tostring(number)
end

local ICMP = {
  [1] = { [0] = "echo reply", [3] = "unreachable", [5] = "redirect", [8] = "echo request",
    [11] = "time exceeded" },
  [58] = { [1] = "unreachable", [2] = "packet too big", [3] = "time exceeded",
    [128] = "echo request", [129] = "echo reply", [133] = "router solicitation",
    [134] = "router advertisement",
    [135] = "neighbour solicitation", [136] = "neighbour advertisement" },
}

--- A struct net_flow as a table of plain values: ip (4 or 6), protocol, saddr, daddr, length (of
--- the IP packet), and what is known of sport, dport (or icmp_id, icmp_seq), tcp_seq, icmp. Nil of
--- one without an IP header.
function M.flow(f)
  if f.family == 0 then
    return nil
  end
  local t = { protocol = M.protocol(f.protocol), saddr = M.address(f.family, f.saddr),
    daddr = M.address(f.family, f.daddr), ip = f.family,
    length = fmt.port(f.length) + (f.family == 6 and 40 or 0) }
  if f.ports == 1 then
    t.sport, t.dport = fmt.port(f.sport), fmt.port(f.dport)
    t.tcp_seq = f.protocol == 6 and (">I4"):unpack(("<I4"):pack(f.seq)) or nil
  elseif f.ports == 2 then
    t.icmp_id, t.icmp_seq = fmt.port(f.sport), fmt.port(f.dport)
  end
  if ICMP[f.protocol] and (f.ports == 2 or f.type > 0) then
    t.icmp = ICMP[f.protocol][f.type] or ("type %d code %d"):format(f.type, f.code)
  end
  return t
end

--- "10.0.0.1:80", "[::1]:80"; without a port the address alone.
function M.endpoint(address, port)
  if not port then
    return address
  end
  return (address:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(address, port)
end

--- What M.flow() made, as a line: "icmp 10.0.0.1 > 10.0.0.2 echo request id 7 seq 1".
function M.flow_text(t)
  local text = ("%s %s > %s"):format(t.protocol, M.endpoint(t.saddr, t.sport),
    M.endpoint(t.daddr, t.dport))
  if t.icmp then
    text = text .. " " .. t.icmp
  end
  if t.icmp_id then
    text = ("%s id %d seq %d"):format(text, t.icmp_id, t.icmp_seq)
  elseif t.tcp_seq then
    text = ("%s seq %d"):format(text, t.tcp_seq)
  end
  return text
end

local FAMILIES = { [1] = "inet", [2] = "ipv4", [3] = "arp", [5] = "netdev", [7] = "bridge",
  [10] = "ipv6" }
local HOOKS = { [0] = "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING" }
local HOOKS_OF = { [3] = { [0] = "INPUT", "OUTPUT", "FORWARD" },
  [5] = { [0] = "INGRESS", "EGRESS" },
  [7] = { [0] = "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", "BROUTING" } }
local VERDICTS = { [0] = "drop", "accept", "stolen", "queue", "repeat", "stop" }

--- The name of a netfilter family (NFPROTO_), of a hook in it, and of a verdict (NF_), whose upper
--- bits say more.
function M.nf_family(pf)
  return FAMILIES[pf] or ("family %d"):format(pf)
end

function M.nf_hook(pf, hook)
  return (HOOKS_OF[pf] or HOOKS)[hook] or ("hook %d"):format(hook)
end

function M.nf_verdict(verdict)
  return VERDICTS[verdict & 0xff] or ("verdict %d"):format(verdict)
end

-- ---- network namespaces ----

local SOON, LATER = 100000000, 300000000    -- ns: of a name that is not known, and one that is
local names, looked_at = {}, nil

local function add_names(found)
  for _, dir in ipairs{ "/run/netns/", "/var/run/netns/" } do
    for _, name in ipairs(sys.list(dir) or {}) do
      local inode = sys.inode(dir .. name)
      if inode and not found[inode] then
        found[inode] = name
      end
    end
  end
end

-- the process of the lowest number that is in it
local function add_processes(found)
  local pids = {}
  for _, name in ipairs(sys.list("/proc") or {}) do
    pids[#pids + 1] = math.tointeger(tonumber(name))
  end
  table.sort(pids)
  for _, pid in ipairs(pids) do
    local inode = sys.inode(("/proc/%d/ns/net"):format(pid))
    if inode and not found[inode] then
      found[inode] = pid == 1 and "init" or ("pid %d"):format(pid)
    end
  end
end

-- those that are gone keep their name until another has their number
local function look()
  local found = {}
  add_names(found)
  add_processes(found)
  for inode, name in pairs(found) do
    names[inode] = name
  end
end

--- What a network namespace is called: its name of ip netns, "init" where process 1 is in it,
--- "pid N" where another is, else net:[INODE]. It is looked up again from time to time.
function M.netns_name(inode)
  local now = sys.monotonic_ns()
  if not looked_at or now - looked_at > (names[inode] and LATER or SOON) then
    looked_at = now
    look()
  end
  return names[inode] or ("net:[%d]"):format(inode)
end

-- whether a process is in a namespace with a device of this name
local function is_seen(wanted)
  local seen = {}
  for _, pid in ipairs(sys.list("/proc") or {}) do
    local inode = pid:find("^%d+$") and sys.inode("/proc/" .. pid .. "/ns/net")
    if inode and not seen[inode] then
      seen[inode] = true
      for name in (sys.read("/proc/" .. pid .. "/net/dev") or ""):gmatch("\n%s*([^%s|]+):") do
        if name == wanted then
          return true
        end
      end
    end
  end
  return false
end

--- Says on standard error where the device of option -i, if any, is not known now: it may come, or
--- be in a namespace without processes.
function M.tell_device(tool, name)
  if name and not oneliner.dry() and not is_seen(name) then
    io.stderr:write(("%s: no process has a device '%s' in its network namespace\n"):format(tool,
      fmt.safe(name)))
  end
end

--- The inode number of a namespace of ip netns, or nil.
function M.netns_number(name)
  if name:find("/", 1, true) or name:find("^%.%.?$") then
    return nil
  end
  return sys.inode("/run/netns/" .. name) or sys.inode("/var/run/netns/" .. name)
end

return M
