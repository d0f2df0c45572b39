-- SPDX-License-Identifier: Apache-2.0
-- Every public function, and nothing else, has an entry in moontrace-lua(3).

local check = require "check"

local MODULES = { "args", "hist", "fmt", "time", "stack" }

local function entries(text, name)
  local found = {}
  for entry in text:gmatch("\n%.TP\n%.BI? ?R? ?\"?" .. name .. "%.([%w_]+) ?%(") do
    found[entry] = true
  end
  return found
end

check.describe("moontrace-lua(3)", function()
  local file = assert(io.open("../../man/moontrace-lua.3"))
  local text = file:read("a")
  file:close()
  for _, name in ipairs(MODULES) do
    local functions, found = {}, entries(text, name)
    for entry, value in pairs(require(name)) do
      functions[entry] = type(value) == "function" or nil
    end
    check.ok(next(functions), name .. " has functions")
    check.equal(found, functions, name)
  end
end)

check.finish()
