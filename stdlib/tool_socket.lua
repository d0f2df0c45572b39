-- SPDX-License-Identifier: Apache-2.0
-- tool_socket: sockets behind files and file descriptors, read in BPF and put into words.

local M = {}

--- C text. Needs types of a kernel with IPv6; runs on 3.10 and later. An address of a kind that
--- is not read is 0.
--   struct socket_info     a member of an event; M.words() takes it
--   socket_of_file(f, info)  1, and info filled, if f is a socket's file; else 0
--   socket_of_sock(sk, info) info from a struct sock
--   file_of_fd(fd)         the struct file of the current task's fd, or 0
M.C = [[
#include <linux/sched.h>
#include <linux/fs.h>
#include <linux/fdtable.h>
#include <linux/net.h>
#include <net/sock.h>

struct socket_info {
    char protocol[16];                /* as struct proto has it: TCP, UDPv6, UNIX */
    u8 saddr[16], daddr[16];          /* 4 bytes of them with AF_INET */
    u16 family, type, sport, dport;   /* ports in host order */
    u32 state;
};

static inline void socket_of_sock(struct sock *sk, struct socket_info *info)
{
    struct proto *proto = 0;
    u16 port = 0;
    u8 state = 0;
    bpf_probe_read_kernel(&info->family, sizeof(u16), &sk->__sk_common.skc_family);
    bpf_probe_read_kernel(&state, sizeof(state), (void *)&sk->__sk_common.skc_state);
    bpf_probe_read_kernel(&proto, sizeof(proto), &sk->__sk_common.skc_prot);
    bpf_probe_read_kernel(&info->protocol, sizeof(info->protocol) - 1, &proto->name);
    info->state = state;
    if (info->family != AF_INET && info->family != AF_INET6)
        return;
    bpf_probe_read_kernel(&info->sport, sizeof(u16), &sk->__sk_common.skc_num);
    bpf_probe_read_kernel(&port, sizeof(port), &sk->__sk_common.skc_dport);
    info->dport = ntohs(port);
    if (info->family == AF_INET) {
        bpf_probe_read_kernel(&info->saddr, 4, &sk->__sk_common.skc_rcv_saddr);
        bpf_probe_read_kernel(&info->daddr, 4, &sk->__sk_common.skc_daddr);
        return;
    }
    bpf_probe_read_kernel(&info->saddr, 16, &sk->__sk_common.skc_v6_rcv_saddr);
    bpf_probe_read_kernel(&info->daddr, 16, &sk->__sk_common.skc_v6_daddr);
}

/* a socket and its file point to each other: what does not, is none */
static inline int socket_of_file(struct file *file, struct socket_info *info)
{
    struct inode *inode = 0;
    struct socket *sock = 0;
    struct file *back = 0;
    struct sock *sk = 0;
    u16 mode = 0;
    bpf_probe_read_kernel(&inode, sizeof(inode), &file->f_inode);
    bpf_probe_read_kernel(&mode, sizeof(mode), &inode->i_mode);
    if (!S_ISSOCK(mode))
        return 0;
    bpf_probe_read_kernel(&sock, sizeof(sock), &file->private_data);
    bpf_probe_read_kernel(&back, sizeof(back), &sock->file);
    bpf_probe_read_kernel(&sk, sizeof(sk), &sock->sk);
    if (!sk || back != file)
        return 0;
    bpf_probe_read_kernel(&info->type, sizeof(u16), &sock->type);
    socket_of_sock(sk, info);
    return 1;
}

static inline struct file *file_of_fd(int fd)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct files_struct *files = 0;
    struct fdtable *table = 0;
    struct file **slots = 0, *file = 0;
    u32 size = 0;
    bpf_probe_read_kernel(&files, sizeof(files), &task->files);
    bpf_probe_read_kernel(&table, sizeof(table), &files->fdt);
    bpf_probe_read_kernel(&size, sizeof(size), &table->max_fds);
    bpf_probe_read_kernel(&slots, sizeof(slots), &table->fd);
    if (fd < 0 || (u32)fd >= size)
        return 0;
    bpf_probe_read_kernel(&file, sizeof(file), slots + fd);
    return file;
}
]]

local AF_INET, AF_INET6 = 2, 10
local TCP_LISTEN = 10
local STREAM = 1
local TYPES = { "STREAM", "DGRAM", "RAW", [5] = "SEQPACKET" }

--- TCP states by number.
M.STATES = { "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE",
  "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV" }

-- bytes as EVENTS gives an array of u8: a list
local function v6(bytes)
  local groups, best, length = {}, nil, 1
  for i = 1, 16, 2 do
    groups[#groups + 1] = bytes[i] << 8 | bytes[i + 1]
  end
  for i = 1, 8 do
    local n = 0
    while groups[i + n] == 0 do n = n + 1 end
    if n > length then best, length = i, n end
  end
  if best == 1 and length == 5 and groups[6] == 0xffff then
    return ("::ffff:%d.%d.%d.%d"):format(table.unpack(bytes, 13, 16))
  end
  local function hex(from, to)
    local list = {}
    for i = from, to do list[#list + 1] = ("%x"):format(groups[i]) end
    return table.concat(list, ":")
  end
  return best and hex(1, best - 1) .. "::" .. hex(best + length, 8) or hex(1, 8)
end

local function address(family, bytes, port)
  if family == AF_INET6 then
    return ("[%s]:%d"):format(v6(bytes), port)
  end
  return ("%d.%d.%d.%d:%d"):format(bytes[1], bytes[2], bytes[3], bytes[4], port)
end

--- Is it a socket that waits for connections?
function M.listens(info)
  return info.family ~= 0 and info.type == STREAM and info.state == TCP_LISTEN
end

--- "127.0.0.1:80" and "127.0.0.1:4711", the latter nil without a peer; nil for other families.
function M.addresses(info)
  if info.family ~= AF_INET and info.family ~= AF_INET6 then
    return nil
  end
  return address(info.family, info.saddr, info.sport),
    info.dport ~= 0 and address(info.family, info.daddr, info.dport) or nil
end

--- One socket in a few words: "TCP 127.0.0.1:80 127.0.0.1:4711 ESTABLISHED", "LISTEN 0.0.0.0:80",
--- "UNIX-STREAM"; nil if it is none.
function M.words(info)
  if info.family == 0 then
    return nil
  end
  local here, there = M.addresses(info)
  local protocol = info.protocol ~= "" and info.protocol or "family " .. info.family
  if not here then
    local kind = TYPES[info.type]
    protocol = kind and not protocol:find("-", 1, true) and protocol .. "-" .. kind or protocol
    return M.listens(info) and "LISTEN " .. protocol or protocol
  end
  if M.listens(info) then
    return "LISTEN " .. here
  end
  local state = protocol:find("^M?P?TCP") and M.STATES[info.state]
  return table.concat({ protocol, here, there or "-", state or nil }, " ")
end

return M
