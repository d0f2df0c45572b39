-- SPDX-License-Identifier: Apache-2.0

local check = require "check"
package.preload.sys = function()
  return { cpus = function() return { 0, 1, 3 }, 8 end }
end
local cpus = require "tool_cpus"

check.describe("words of a list of CPUs", function()
  check.equal(cpus.words{ { 0, 0 } }, { [0] = 1 })
  check.equal(cpus.words{ { 0, 0 }, { 2, 3 } }, { [0] = 0xd })
  check.equal(cpus.words{ { 0, 63 } }, { [0] = -1 }, "all bits")
  check.equal(cpus.words{ { 63, 64 } }, { [0] = math.mininteger, 1 }, "across words")
  check.equal(cpus.words{ { 8191, 8191 } }, { [127] = math.mininteger }, "the last")
  check.equal({ cpus.given(nil), cpus.given{ { 1, 1 } } }, { false, true })
end)

check.describe("a program's words", function()
  local prog = { wanted_cpus = {} }
  cpus.limit(prog, nil)
  check.equal(prog.wanted_cpus, {}, "all CPUs")
  cpus.limit(prog, { { 1, 1 }, { 130, 130 } })
  check.equal(prog.wanted_cpus, { [0] = 2, [2] = 4 })
end)

check.describe("online CPUs of a list", function()
  check.equal(cpus.online(nil), nil)
  check.equal(cpus.online{ { 0, 2 }, { 3, 9 } }, { 0, 1, 3 })
  check.equal(cpus.online{ { 2, 2 }, { 3, 3 }, { 100, 200 } }, { 2, 3, 100 }, "of none, the first")
end)

local ENTRIES = {
  { key = { cpu = 1, vec = 9 }, value = { count = 2, ns = 30 } },
  { key = { cpu = 0, vec = 1 }, value = { count = 1, ns = 50 } },
  { key = { cpu = 0, vec = 9 }, value = { count = 4, ns = 10 } },
}
local function vec(key)
  return key.vec
end

check.describe("sums", function()
  local all = cpus.sums(ENTRIES, false, vec)
  table.sort(all, function(a, b) return cpus.less(a, b, "ns") end)
  check.equal(all, { { of = 9, count = 6, ns = 40 }, { of = 1, count = 1, ns = 50 } })
  local each = cpus.sums(ENTRIES, true, vec)
  table.sort(each, function(a, b) return cpus.less(a, b, "count") end)
  check.equal(each, { { of = 1, cpu = 0, count = 1, ns = 50 }, { of = 9, cpu = 0, count = 4, ns = 10 },
    { of = 9, cpu = 1, count = 2, ns = 30 } })
  check.equal(cpus.sums({}, true, vec), {})
end)

check.finish()
