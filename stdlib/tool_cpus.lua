-- SPDX-License-Identifier: Apache-2.0
-- tool_cpus: scripts that look at the CPUs of a list only. The list is in a map, so that one
-- object serves all.
--
--   local prog = bpf.load{ define = { CPUS = cpus.given(opts.cpu) }, text = cpus.TEXT .. ... }
--   cpus.limit(prog, opts.cpu)

local sys = require "sys"

local M = {}

--- C in front of a script's: on_wanted_cpu() is false on a CPU outside of the list; without CPUS
--- it is always true.
M.TEXT = [[
BPF_ARRAY(wanted_cpus, u64, 128);    /* a bit for each CPU, up to 8191 */
static inline int on_wanted_cpu(void)
{
#ifdef CPUS
    u32 cpu = bpf_get_smp_processor_id(), word = cpu / 64;
    u64 *bits = wanted_cpus.lookup(&word);
    return bits && *bits >> (cpu & 63) & 1;
#else
    return 1;
#endif
}
]]

--- The value of the define CPUS for a list, what args made of an option of type "cpus", or nil.
function M.given(list)
  return list ~= nil
end

--- The words of the map for a list: {[word]=bits}.
function M.words(list)
  local words = {}
  for _, range in ipairs(list) do
    for cpu = range[1], range[2] do
      words[cpu // 64] = (words[cpu // 64] or 0) | 1 << cpu % 64
    end
  end
  return words
end

--- Tells a program, before it runs, the CPUs of the list; nil: all.
function M.limit(prog, list)
  for word, bits in pairs(list and M.words(list) or {}) do
    prog.wanted_cpus[word] = bits
  end
end

--- The online CPUs of a list, for what attaches to each; nil for none. An item of which none is
--- online gives its first, so that attaching says so.
function M.online(list)
  local cpus = list and {}
  for _, range in ipairs(list or {}) do
    local before = #cpus
    for _, cpu in ipairs((sys.cpus())) do
      if cpu >= range[1] and cpu <= range[2] then
        cpus[#cpus + 1] = cpu
      end
    end
    cpus[#cpus + 1] = #cpus == before and range[1] or nil
  end
  return cpus
end

--- Entries {key={cpu=, ...}, value={count=, ns=}} as a list of {of=, count=, ns=} by what
--- of(key) is, summed over the CPUs, or with apart for each of them, with cpu=.
function M.sums(entries, apart, of)
  local list, at = {}, {}
  for _, e in ipairs(entries) do
    local cpu = apart and e.key.cpu or nil
    local id = ("%s %s"):format(cpu, of(e.key))
    local sum = at[id] or { of = of(e.key), cpu = cpu, count = 0, ns = 0 }
    if not at[id] then
      at[id] = sum
      list[#list + 1] = sum
    end
    sum.count, sum.ns = sum.count + e.value.count, sum.ns + e.value.ns
  end
  return list
end

--- For table.sort of such a list: by CPU, then by a member.
function M.less(a, b, member)
  if a.cpu ~= b.cpu then
    return a.cpu < b.cpu
  end
  return a[member] < b[member]
end

return M
