-- SPDX-License-Identifier: Apache-2.0
-- probe_value: what an expression recorded, as people read it.

local fmt = require "fmt"
local stack = require "stack"
local sys = require "sys"

local M = {}

local VECTORS = { [0] = "hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched",
  "hrtimer", "rcu" }
local ERRORS = { "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "ENOEXEC", "EBADF",
  "ECHILD", "EAGAIN", "ENOMEM", "EACCES", "EFAULT", "ENOTBLK", "EBUSY", "EEXIST", "EXDEV", "ENODEV",
  "ENOTDIR", "EISDIR", "EINVAL", "ENFILE", "EMFILE", "ENOTTY", "ETXTBSY", "EFBIG", "ENOSPC",
  "ESPIPE", "EROFS", "EMLINK", "EPIPE", "EDOM", "ERANGE", "EDEADLK", "ENAMETOOLONG", "ENOLCK",
  "ENOSYS", "ENOTEMPTY", "ELOOP", [61] = "ENODATA", [95] = "EOPNOTSUPP", [98] = "EADDRINUSE",
  [99] = "EADDRNOTAVAIL", [100] = "ENETDOWN", [101] = "ENETUNREACH", [104] = "ECONNRESET",
  [105] = "ENOBUFS", [106] = "EISCONN", [107] = "ENOTCONN", [110] = "ETIMEDOUT",
  [111] = "ECONNREFUSED", [113] = "EHOSTUNREACH", [114] = "EALREADY", [115] = "EINPROGRESS",
  [512] = "ERESTARTSYS" }

local function symbol(name, offset, address)
  if not name then
    return fmt.hex(address)
  end
  return offset and offset ~= 0 and ("%s+0x%x"):format(name, offset) or name
end

-- text of a number that an expression wants shown so
local SHOW = {
  ksym = function(v) local name, offset = sys.ksym(v) return symbol(name, offset, v) end,
  usym = function(v, rec) local name, offset = sys.usym(rec.tgid, v) return symbol(name, offset, v) end,
  ip4 = function(v) return fmt.ipv4(v & 0xffffffff) end,
  hex = function(v) return fmt.hex(v) end,
  vec_name = function(v) return VECTORS[v] or ("vec" .. v) end,
  errname = function(v) return v < 0 and ERRORS[-v] or tostring(v) end,
}

local function function_name(plan, value)
  local site = plan.sites[1]
  if site.by_address then
    local name = sys.ksym(value)
    return name or fmt.hex(value), site.provider
  end
  site = plan.sites[value] or site
  return site.function_name or site.name, site.provider
end

--- The value of field f in a record, as it is shown.
function M.of(h, f, rec)
  local v, kind = rec[f.member], f.expr.kind
  if f.expr.show then
    return SHOW[f.expr.show](v, rec)
  elseif kind == "func" then
    return (function_name(h.plan, v))
  elseif kind == "probe" then
    local name, provider = function_name(h.plan, v)
    return provider .. ":" .. name
  elseif kind == "kstack" then
    return stack.fold(h.program.stacks, { kernel = v })
  elseif kind == "ustack" then
    return stack.fold(h.program.stacks, { user = v, tgid = rec.tgid })
  end
  return v
end

return M
