-- SPDX-License-Identifier: Apache-2.0
-- probe_code: the functions of a one-liner's BPF C, one for each site, two where the return is
-- waited for. g has the lines so far and, by line, the places of expressions.

local M = {}

-- ---- lines ----

--- A line.
function M.add(g, fmt, ...)
  g.lines[#g.lines + 1] = select("#", ...) > 0 and fmt:format(...) or fmt
end

local add = M.add

-- the line is `c`, of the expression r of the option `name`
local function add_place(g, r, name, c, map)
  add(g, "%s", c)
  g.places[#g.lines] = { text = r.text, name = name, map = map }
  g.places[#g.lines + 1] = { text = r.text, name = name, at = #r.text + 1 }
end

-- ---- what a function needs before its expressions ----

-- in this order: the first of a line needs those above
local LOCALS = {
  { "id", "u64 mt_id = bpf_get_current_pid_tgid();" },
  { "pid", "u32 mt_pid = mt_id >> 32;" },
  { "tid", "u32 mt_tid = mt_id;" },
  { "uid", "u32 mt_uid = bpf_get_current_uid_gid();" },
  { "gid", "u32 mt_gid = bpf_get_current_uid_gid() >> 32;" },
  { "cpu", "u32 mt_cpu = bpf_get_smp_processor_id();" },
  { "cgroup", "u64 mt_cgroup = bpf_get_current_cgroup_id();" },
  { "rand", "u32 mt_rand = bpf_get_prandom_u32();" },
  { "ns", "u64 mt_ns = bpf_ktime_get_ns();" },
}

local function merge(into, from)
  for name in pairs(from) do
    into[name] = true
  end
end

-- names that the expressions of a phase use, and arguments in the order of their first use
local function needs_of(fields)
  local uses, args, seen = {}, {}, {}
  for _, f in ipairs(fields) do
    merge(uses, f.expr.uses)
    for _, a in ipairs(f.expr.args) do
      if not seen[a.name] then
        seen[a.name] = true
        args[#args + 1] = { arg = a, field = f }
      end
    end
  end
  uses.id = uses.pid or uses.tid
  return uses, args
end

local function add_position(g, site, i)
  add(g, "\tu64 mt_arg%d = %s;", i, site.context == "raw" and ("ctx->args[%d]"):format(i - 1) or
    site.context == "usdt" and "mt_a" .. i or ("PT_REGS_PARM%d(ctx)"):format(i))
end

local function add_builtins(g, uses, site, phase)
  for _, row in ipairs(LOCALS) do
    if uses[row[1]] then
      add(g, "\t" .. row[2])
    end
  end
  if uses.compared_comm then
    add(g, "\tchar mt_comm[16];")
    add(g, "\tbpf_get_current_comm(&mt_comm, sizeof(mt_comm));")
  end
  for i = 1, 6 do
    if uses["arg" .. i] and phase == "exit" then
      add(g, "\tu64 mt_arg%d = mt_s->a_arg%d;", i, i)
    elseif uses["arg" .. i] then
      add_position(g, site, i)
    end
  end
end

-- an argument as a local variable of its own name
local function add_argument(g, site, need)
  local a, f = need.arg, need.field
  if site.context == "tracepoint" then
    if site.provider == "syscall" then
      add(g, "\t%s %s = (%s)args->%s;", a.c_type or "u64", a.name, a.c_type or "u64", a.c or a.name)
    end
    return
  end
  local at = f.expr.text:find("%f[%w_]" .. a.name .. "%f[^%w_]") or 1
  local type, value = a.type
  if site.context == "raw" then
    type = a.c_type or "u64"
    value = ("(%s)ctx->args[%d]"):format(type, a.position - 1)
  elseif site.context == "fentry" then
    value = ("(%s)ctx[%d]"):format(type, a.position - 1)
  else
    value = ("ARG(%s, %s)"):format(site.function_name, a.name)
    type = type or ("typeof(%s)"):format(value)
  end
  if type:find("%(%*%)") then          -- pointer to a function
    type = "void *"
  end
  add_place(g, f.expr, f.name, ("\t%s%s%s = %s;"):format(type, type:find("%*$") and "" or " ",
    a.name, value))
  g.places[#g.lines].at = at
  g.places[#g.lines + 1] = nil
end

-- ---- expressions ----

local READ = {
  kernel = "bpf_probe_read_kernel_str", user = "bpf_probe_read_user_str",
}

-- reads the text `t` of field f into the array `into`
local function add_text(g, f, t, into)
  if t.from == "comm" then
    add(g, "\tbpf_get_current_comm(&%s, sizeof(%s));", into, into)
  elseif t.from == "array" then
    add(g, "\tbpf_probe_read_kernel_str(&%s, sizeof(%s), (void *)", into, into)
    add_place(g, f.expr, f.name, t.c, t.map)
    add(g, "\t);")
  elseif t.from == "data_loc" then
    add(g, "\tbpf_probe_read_kernel_str(&%s, sizeof(%s), (char *)args + (0xffff &", into, into)
    add_place(g, f.expr, f.name, t.c, t.map)
    add(g, "\t));")
  else
    add(g, "\t%s(&%s, sizeof(%s), (void *)(", READ[t.from], into, into)
    add_place(g, f.expr, f.name, t.c, t.map)
    add(g, "\t));")
  end
end

-- the texts that the expression of f compares
local function add_texts(g, f)
  for i, t in ipairs(f.expr.texts) do
    local variable = f.prefix .. i
    add(g, "\tchar %s[%d] = {};", variable, t.size)
    add_text(g, f, t, variable)
  end
end

local function add_stack(g, site, into, user)
  add(g, "\t%s = stacks.get_stackid(%s, %s);", into, site.context == "tracepoint" and "args" or "ctx",
    user and "BPF_F_USER_STACK" or "0")
  -- EFAULT: a thread without user memory, or it was not in the kernel
  add(g, "\tif (%s < 0 && %s != -14)", into, into)
  add(g, "\t\tLOSS(stack);")
end

-- the record's member of field f is set
local function add_field(g, site, f)
  local into, kind = "mt->" .. f.member, f.expr.kind
  add_texts(g, f)
  if kind == "comm" or kind == "string" then
    add_text(g, f, f.expr.read, into)
  elseif kind == "kstack" or kind == "ustack" then
    add_stack(g, site, into, kind == "ustack")
  elseif kind == "func" or kind == "probe" then
    add(g, "\t%s = %s;", into, site.by_address and "PT_REGS_IP(ctx)" or tostring(site.id))
  else
    add(g, "\t%s = (s64)(", into)
    add_place(g, f.expr, f.name, f.expr.c, f.expr.map)
    add(g, "\t);")
  end
end

local function add_filter(g, f)
  add_texts(g, f)
  add(g, "\tif (!(")
  add_place(g, f.expr, f.name, f.expr.c, f.expr.map)
  add(g, "\t))")
  add(g, "\t\treturn 0;")
end

-- ---- what is done with a record ----

local RECORD = {}

function RECORD.count(g, plan)
  if plan.members == 0 then
    return
  end
  add(g, "\tu64 mt_none = 0, *mt_v = values.lookup_or_try_init(mt, &mt_none);")
  add(g, "\tif (mt_v)")
  add(g, "\t\tlock_xadd(mt_v, 1);")
  add(g, "\telse")
  add(g, "\t\tLOSS(map_full);")
end

function RECORD.sum(g)
  add(g, "\tstruct mt_sum mt_none = {}, *mt_v = values.lookup_or_try_init(mt, &mt_none);")
  add(g, "\tif (mt_v) {")
  add(g, "\t\tlock_xadd(&mt_v->count, 1);")
  add(g, "\t\tlock_xadd(&mt_v->sum, mt_value);")
  add(g, "\t} else {")
  add(g, "\t\tLOSS(map_full);")
  add(g, "\t}")
end

-- an entry of each CPU's own: nobody else writes it
function RECORD.extreme(g, plan)
  add(g, "\tstruct mt_extreme mt_none = {}, *mt_v;")
  add(g, "\tmt->cpu = bpf_get_smp_processor_id();")
  add(g, "\tmt_v = values.lookup_or_try_init(mt, &mt_none);")
  add(g, "\tif (!mt_v)")
  add(g, "\t\tLOSS(map_full);")
  add(g, "\telse if (!mt_v->seen || mt_value %s mt_v->value) {", plan.kind == "min" and "<" or ">")
  add(g, "\t\tmt_v->value = mt_value;")
  add(g, "\t\tmt_v->seen = 1;")
  add(g, "\t}")
end

function RECORD.hist(g, plan)
  if plan.linear then
    local l = plan.linear
    add(g, "\tmt->slot = mt_value < %dLL ? -1 : mt_value >= %dLL ? %d :", l.min, l.max, l.slots)
    add(g, "\t\t(u64)(mt_value - %dLL) / %d;", l.min, l.step)
  else
    add(g, "\tmt->slot = mt_value < 0 ? -1 : (s64)LOG2_SLOT(mt_value);")
  end
  RECORD.count(g, plan)
end

function RECORD.trace(g, _, site)
  add(g, "\tevents.submit(%s, mt);", site.context == "tracepoint" and "args" or "ctx")
end

local function add_record(g, plan, site)
  add(g, "\tmt_hit();")
  RECORD[plan.record](g, plan, site)
  add(g, "\treturn 0;")
  add(g, "}")
end

-- ---- functions ----

-- parameters up to the last that is used: some cannot be read
local function used_positions(site)
  local last = 0
  for _, f in ipairs(site.all) do
    for i = last + 1, site.positions do
      if f.expr.uses["arg" .. i] then
        last = i
      end
    end
  end
  return last
end

local function add_head(g, site, name)
  if site.context == "tracepoint" then
    local event = site.event_of[name] or site.event
    add(g, "int %s(struct tracepoint__%s__%s *args)", name, site.category, event)
  elseif site.context == "raw" then
    add(g, "int %s(struct bpf_raw_tracepoint_args *ctx)", name)
  elseif site.context == "perf" then
    add(g, "int %s(struct bpf_perf_event_data *ctx)", name)
  elseif site.context == "fentry" then
    add(g, "int %s(u64 *ctx)", name)
  elseif site.context == "usdt" then
    local params = { "struct pt_regs *ctx" }
    for i = 1, used_positions(site) do
      params[#params + 1] = "s64 mt_a" .. i
    end
    add(g, "static inline int %s(%s)", name, table.concat(params, ", "))
  else
    add(g, "int %s(struct pt_regs *ctx)", name)
  end
  add(g, "{")
end

-- the record as a variable; a large event is in a map
local function add_rec(g, plan)
  if plan.scratch then
    add(g, "\tu32 mt_zero = 0;")
    add(g, "\tstruct mt_rec *mt = scratch.lookup(&mt_zero);")
    add(g, "\tif (!mt)")
    add(g, "\t\treturn 0;")
    add(g, "\t__builtin_memset(mt, 0, sizeof(*mt));")
  elseif plan.members > 0 then
    add(g, "\tstruct mt_rec mt_rec, *mt = &mt_rec;")
    add(g, "\t__builtin_memset(mt, 0, sizeof(*mt));")
  end
end

local function add_value(g, f, declare)
  add_texts(g, f)
  add(g, "\t%smt_value = (s64)(", declare and "s64 " or "")
  add_place(g, f.expr, f.name, f.expr.c, f.expr.map)
  add(g, "\t);")
end

-- arguments at the return are what was kept of them
local function add_saved(g, args)
  for _, need in ipairs(args) do
    local name, type = need.arg.name, need.arg.c_type or need.arg.type or "u64"
    add(g, "\t%s %s = (%s)mt_s->a_%s;", type, name, type, name)
  end
end

-- expressions of a phase: "entry" or "exit"
local function add_phase(g, site, phase)
  local all = {}
  for _, f in ipairs(site.all) do
    if f.phase == phase then
      all[#all + 1] = f
    end
  end
  local uses, args = needs_of(all)
  for _, f in ipairs(all) do
    uses.compared_comm = uses.compared_comm or (f.expr.uses.comm and f.expr.kind ~= "comm")
  end
  if site.returns then
    if uses.retval then
      add(g, "\ts64 mt_retval = %s;", site.retval)
    end
  end
  add_builtins(g, uses, site, phase)
  if phase == "exit" then
    add_saved(g, args)
  else
    for _, need in ipairs(args) do
      add_argument(g, site, need)
    end
  end
  for _, f in ipairs(site.filters) do
    if f.phase == phase then
      add_filter(g, f)
    end
  end
end

local function add_fields(g, site, phase)
  for _, f in ipairs(site.fields) do
    if f.phase == phase then
      add_field(g, site, f)
    end
  end
end

local function add_single(g, plan, site)
  add_head(g, site, site.fn)
  add_phase(g, site, "entry")
  add_rec(g, plan)
  add_fields(g, site, "entry")
  if site.value then
    add_value(g, site.value, true)
  end
  add_record(g, plan, site)
end

-- ---- a site with its return ----

-- the frame of the call tells which return belongs to which entry, however deep calls nest
local function add_call_key(g, site, at_return)
  add(g, "\tstruct mt_call mt_call = {};")
  add(g, "\tmt_call.thread = bpf_get_current_pid_tgid();")
  if site.context == "regs" and site.provider ~= "syscall" then
    add(g, "\tmt_call.frame = PT_REGS_SP(ctx)%s;", at_return and " - MT_POPPED" or "")
  end
end

local function add_entry(g, site)
  add_head(g, site, site.fn)
  add_phase(g, site, "entry")
  add(g, "\tstruct mt_start mt_start;")
  add(g, "\tstruct mt_rec *mt = &mt_start.rec;")
  add(g, "\t__builtin_memset(&mt_start, 0, sizeof(mt_start));")
  add_fields(g, site, "entry")
  if site.value and site.value.phase == "entry" then
    add_value(g, site.value, true)
    add(g, "\tmt_start.value = mt_value;")
  end
  for _, a in ipairs(site.saved) do
    if not a.declared and a.by_position then
      add_position(g, site, a.by_position)
    elseif not a.declared then
      add_argument(g, site, { arg = a, field = a.field })
    end
    add(g, "\tmt_start.a_%s = (u64)%s%s;", a.name, a.by_position and "mt_" or "", a.name)
  end
  add_call_key(g, site, false)
  add(g, "\tmt_start.ns = bpf_ktime_get_ns();")
  add(g, "\tif (starts.update(&mt_call, &mt_start))")
  add(g, "\t\tLOSS(map_full);")
  add(g, "\treturn 0;")
  add(g, "}")
end

local function add_elapsed(g)
  add(g, "\ts64 mt_elapsed = bpf_ktime_get_ns() - mt_s->ns;")
  add(g, "\tif (mt_elapsed < 0) {")
  add(g, "\t\tLOSS(negative);")
  add(g, "\t\tstarts.delete(&mt_call);")
  add(g, "\t\treturn 0;")
  add(g, "\t}")
end

local function add_exit(g, plan, site)
  add_head(g, site, site.exit_fn)
  add_call_key(g, site, true)
  add(g, "\tstruct mt_start *mt_s = starts.lookup(&mt_call);")
  add(g, "\tif (!mt_s)%s", plan.count_unmatched and " {" or "")
  if plan.count_unmatched then
    add(g, "\t\tLOSS(unmatched);")
  end
  add(g, "\t\treturn 0;")
  if plan.count_unmatched then
    add(g, "\t}")
  end
  if plan.elapsed then
    add_elapsed(g)
  end
  add(g, "\tstruct mt_start mt_was = *mt_s;")
  add(g, "\tstarts.delete(&mt_call);")
  add(g, "\tmt_s = &mt_was;")
  add(g, "\tstruct mt_rec *mt = &mt_was.rec;")
  if plan.retval then
    add(g, "\ts64 mt_retval = %s;", site.retval)
  end
  add_phase(g, site, "exit")
  add_fields(g, site, "exit")
  if site.value then
    if site.value.phase == "exit" then
      add_value(g, site.value, true)
    else
      add(g, "\ts64 mt_value = mt_was.value;")
    end
  end
  add_record(g, plan, site)
end

--- The functions of a site.
function M.site(g, plan, site)
  if plan.paired then
    add_entry(g, site)
    add_exit(g, plan, site)
  else
    add_single(g, plan, site)
  end
end

return M
