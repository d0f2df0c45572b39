-- SPDX-License-Identifier: Apache-2.0
-- probe_text: the BPF C of a one-liner. Each expression of the user stands on a line of its own,
-- so that what the compiler says of that line is said of the expression.
--
-- A site is a function in C: one probe, or those of a pattern that can share one. What is recorded
-- is a struct mt_rec, the key of a map or an event. A paired site has a second function at the
-- return; what it needs of the entry waits in `starts`.

local code = require "probe_code"
local add = code.add

local M = {}

-- where struct NAME is defined
local HEADERS = {
  { "task_struct", "linux/sched.h" }, { "mm_struct", "linux/mm_types.h" },
  { "vm_area_struct", "linux/mm_types.h" }, { "page", "linux/mm_types.h" },
  { "file", "linux/fs.h" }, { "inode", "linux/fs.h" }, { "super_block", "linux/fs.h" },
  { "kiocb", "linux/fs.h" }, { "path", "linux/path.h" }, { "filename", "linux/fs.h" },
  { "dentry", "linux/dcache.h" }, { "bio", "linux/blkdev.h" }, { "request", "linux/blkdev.h" },
  { "request_queue", "linux/blkdev.h" }, { "gendisk", "linux/blkdev.h" },
  { "sk_buff", "linux/skbuff.h" }, { "net_device", "linux/netdevice.h" },
  { "napi_struct", "linux/netdevice.h" }, { "sock", "net/sock.h" }, { "socket", "linux/net.h" },
  { "msghdr", "linux/socket.h" }, { "sockaddr", "linux/socket.h" },
  { "request_sock", "net/request_sock.h" }, { "net", "net/net_namespace.h" },
  { "cred", "linux/cred.h" }, { "linux_binprm", "linux/binfmts.h" },
  { "iov_iter", "linux/uio.h" }, { "timer_list", "linux/timer.h" },
  { "hrtimer", "linux/hrtimer.h" }, { "work_struct", "linux/workqueue.h" },
  { "irqaction", "linux/interrupt.h" }, { "module", "linux/module.h" },
  { "cgroup", "linux/cgroup.h" }, { "pid", "linux/pid.h" },
}

-- ---- the whole ----

local function add_includes(g, plan)
  local named = {}
  for _, site in ipairs(plan.sites) do
    for _, f in ipairs(site.all) do
      if f.expr.text:find("->", 1, true) or f.expr.text:find(".", 1, true) then
        for _, a in ipairs(f.expr.args) do
          named[(a.type or ""):match("struct ([%w_]+)") or ""] = true
        end
      end
      for name in f.expr.text:gmatch("struct%s+([%w_]+)") do
        named[name] = true
      end
      if f.expr.uses.bpf_endian then
        named.endian = true
      end
    end
  end
  local done = {}
  for _, row in ipairs(HEADERS) do
    if named[row[1]] and not done[row[2]] then
      add(g, "#include <%s>", row[2])
      done[row[2]] = true
    end
  end
  for _, path in ipairs(plan.include or {}) do
    add(g, "#include <%s>", path)
  end
end

local function add_struct(g, plan)
  if plan.members == 0 and not plan.paired then
    return
  end
  add(g, "struct mt_rec {")
  for _, m in ipairs(plan.layout) do
    add(g, m.size and "\tchar %s[%d];" or "\ts64 %s;", m.name, m.size)
  end
  if #plan.layout == 0 then
    add(g, "\ts64 none;")
  end
  add(g, "};")
end

local function add_maps(g, plan)
  add(g, "BPF_PERCPU_ARRAY(hits, u64, 1);")
  if plan.record == "trace" then
    add(g, "EVENTS(events, struct mt_rec, %d);", plan.pages)
    if plan.scratch then
      add(g, "BPF_PERCPU_ARRAY(scratch, struct mt_rec, 1);")
    end
  elseif plan.record == "sum" then
    add(g, "struct mt_sum { u64 count; s64 sum; };")
    add(g, "BPF_HASH(values, struct mt_rec, struct mt_sum, %d);", plan.entries)
  elseif plan.record == "extreme" then
    add(g, "struct mt_extreme { u64 seen; s64 value; };")
    add(g, "BPF_HASH(values, struct mt_rec, struct mt_extreme, %d);", plan.entries)
  elseif plan.members > 0 then
    add(g, "BPF_HASH(values, struct mt_rec, u64, %d);", plan.entries)
  end
  if plan.stacks then
    add(g, "BPF_STACK_TRACE(stacks, %d);", plan.stack_entries)
  end
  if plan.paired then
    add(g, "struct mt_call { u64 thread, frame; };")
    add(g, "struct mt_start {")
    add(g, "\tu64 ns;")
    add(g, "\ts64 value;")
    for _, a in ipairs(plan.saved) do
      add(g, "\tu64 a_%s;", a.name)
    end
    add(g, "\tstruct mt_rec rec;")
    add(g, "};")
    add(g, "BPF_HASH(starts, struct mt_call, struct mt_start, %d);", plan.entries)
    add(g, "#ifdef __x86_64__")
    add(g, "#define MT_POPPED 8")
    add(g, "#else")
    add(g, "#define MT_POPPED 0")
    add(g, "#endif")
  end
end

local function add_literals(g, plan)
  for _, site in ipairs(plan.sites) do
    for _, f in ipairs(site.all) do
      for _, l in ipairs(f.expr.literals) do
        add(g, "static inline int %s(const char *s)", l.name)
        add(g, "{")
        -- one branch: the verifier follows both sides of each
        local bits = {}
        for i = 1, #l.value do
          bits[i] = ("(s[%d] ^ %d)"):format(i - 1, string.unpack("b", l.value, i))
        end
        bits[#bits + 1] = ("s[%d]"):format(#l.value)
        add(g, "\treturn !(%s);", table.concat(bits, " | "))
        add(g, "}")
      end
    end
  end
end

--- The C text of a plan, and the places of expressions in it: by line {text=, name=, map= or at=}.
--- The plan is what probe_plan makes.
function M.generate(plan)
  local g = { lines = {}, places = {} }
  add_includes(g, plan)
  add_struct(g, plan)
  add_maps(g, plan)
  add(g, "static inline void mt_hit(void)")
  add(g, "{")
  add(g, "\tu32 zero = 0;")
  add(g, "\tu64 *n = hits.lookup(&zero);")
  add(g, "\tif (n)")
  add(g, "\t\t*n += 1;")
  add(g, "}")
  add_literals(g, plan)
  for _, site in ipairs(plan.sites) do
    code.site(g, plan, site)
  end
  return table.concat(g.lines, "\n") .. "\n", g.places
end

return M
