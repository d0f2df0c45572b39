-- SPDX-License-Identifier: Apache-2.0
-- save: the session's live probes as a script.

local M = {}

local RESERVED = "count sum avg min max hist lhist latency trace stacks profile who"

-- the functions of module probe that the texts call
local function used(texts)
  local all, found = table.concat(texts, "\n"), {}
  for name in RESERVED:gmatch("%S+") do
    if all:find("%f[%w_]" .. name .. "%s*[%({\"']") then
      found[#found + 1] = name
    end
  end
  return found
end

--- codes: what h:code() says of each handle -> the text of a script that runs.
function M.script(codes, when)
  local lines = {
    "#!/usr/bin/env moontrace",
    "-- the live probes of a moontrace session, saved " .. when,
    'local bpf, probe = require "bpf", require "probe"',
  }
  for _, name in ipairs(used(codes)) do
    lines[#lines + 1] = ("local %s = probe.%s"):format(name, name)
  end
  lines[#lines + 1] = "\nlocal handles = {"
  for _, code in ipairs(codes) do
    lines[#lines + 1] = "  " .. code:gsub("%s+$", "") .. ","
  end
  lines[#lines + 1] = "}\n"
  lines[#lines + 1] = "on_exit(function()"
  lines[#lines + 1] = "  for _, h in ipairs(handles) do"
  lines[#lines + 1] = "    h:print()"
  lines[#lines + 1] = "  end"
  lines[#lines + 1] = "end)"
  lines[#lines + 1] = "bpf.run()"
  return table.concat(lines, "\n") .. "\n"
end

--- Writes a new file; nil and a message if it is there, or cannot be written.
function M.write(path, text)
  local there = io.open(path)
  if there then
    there:close()
    return nil, ("'%s' is there already"):format(path)
  end
  local file, message = io.open(path, "w")
  if not file then
    return nil, message
  end
  local written, why = file:write(text)
  local closed, later = file:close()
  if not written or not closed then
    return nil, why or later
  end
  return true
end

return M
