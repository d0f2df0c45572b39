-- SPDX-License-Identifier: Apache-2.0

local check = require "check"
local NAMES = { [10] = "native_safe_halt", [11] = "estimation_timer" }
package.preload.sys = package.preload.sys or function() return {} end
local sys = require "sys"
sys.pid = function() return 77 end
sys.read = function() return "moontrace\n" end
sys.ksym = function(ip) return NAMES[ip] end
for _, name in ipairs{ "bpf", "oneliner", "out", "screen" } do
  package.preload[name] = package.preload[name] or function() return {} end
end
local functions, stacks = require "tool_functions", require "tool_stacks"

check.describe("where an idle CPU waits", function()
  for _, name in ipairs{ "native_safe_halt", "pv_native_safe_halt", "default_idle", "poll_idle",
    "intel_idle", "intel_idle_ibrs", "mwait_idle_with_hints.constprop.0", "cpuidle_enter_state",
    "acpi_idle_do_entry", "amd_e400_idle", "arch_cpu_idle" } do
    check.equal(functions.is_idle(name), true, name)
  end
  for _, name in ipairs{ "estimation_timer", "handle_softirqs", "idle_balance", "schedule_idle",
    "tick_nohz_idle_exit", "_raw_spin_lock" } do
    check.equal(functions.is_idle(name), false, name)
  end
  check.equal(functions.is_idle(nil), true, "names are hidden")
end)

local STORED = { frames = function(_, id) return { { name = NAMES[id] }, { name = "default_idle" } } end }

local function sample(fields)
  local who = { tgid = 0, ip = 0, kernel = -1, user = -1, comm = "swapper/0" }
  for name, value in pairs(fields) do
    who[name] = value
  end
  return who
end

check.describe("samples that count", function()
  local wanted = functions.wanted(STORED, {})
  check.equal(wanted(sample{ kernel = 10 }), false, "idle, by its stack")
  check.equal(wanted(sample{ kernel = 11 }), true, "an interrupt's work on an idle CPU")
  check.equal(wanted(sample{ ip = 10 }), false, "idle, by its instruction")
  check.equal(wanted(sample{ ip = 11 }), true)
  check.equal(wanted(sample{ kernel = -17 }), false, "not known")
  check.equal(wanted(sample{ tgid = 5, comm = "x", kernel = 10 }), true, "of a process")
  check.equal(functions.wanted(STORED, { include_idle = true })(sample{ kernel = 10 }), true)
end)

check.describe("samples of the program itself", function()
  local own = sample{ tgid = 77, comm = "moontrace" }
  check.equal(functions.wanted(STORED, {})(own), false)
  check.equal(functions.wanted(STORED, { pid = 77 })(own), true, "asked for")
  check.equal(functions.wanted(STORED, {})(sample{ tgid = 77, comm = "x" }), true,
    "another one's number, seen from its pid namespace")
end)

check.describe("stacks in several maps", function()
  local function map(name)
    return { frames = function(_, id, pid) return ("%s %d %s"):format(name, id, pid) end }
  end
  local stored = stacks.stored{ stacks = map("one"), stacks_2 = map("two"), stacks_3 = map("three") }
  check.equal(stored:frames(16383, 5), "one 16383 5")
  check.equal(stored:frames(1 << 24 | 7), "two 7 nil")
  check.equal(stored:frames(2 << 24), "three 0 nil")
end)

check.describe("names of a process that called execve", function()
  local map = { snapshot = function() return { { key = 5, value = 1 }, { key = 6, value = 0 } } end }
  local namer = stacks.namer{ execs = map }
  check.equal(namer{ tgid = 5, execs = 1 }, 5)
  check.equal(namer{ tgid = 6, execs = 0 }, 6)
  check.equal(namer{ tgid = 7, execs = 0 }, 7, "never asked")
  check.equal(namer{ tgid = 5, execs = 0 } > 4194304, true, "of before")
end)
