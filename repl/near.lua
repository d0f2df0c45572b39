-- SPDX-License-Identifier: Apache-2.0
-- near: names that a misspelt one may have meant, for Lua's "attempt to call a nil value".

local api = require "repl.api"
local nearest = require "probe_spec".nearest

local M = {}

local function names_of(rows, list)
  for _, row in ipairs(rows) do
    list[#list + 1] = row[1]
  end
  return list
end

local function near_global(name, env)
  if type(api.modules[name]) == "table" and name ~= "" and rawget(env, name) == nil then
    return ("local %s = require \"%s\" comes first"):format(name, name)
  end
  local list = names_of(api.modules.probe, {})
  for _, t in ipairs{ env, _G } do
    for key in next, t do
      list[#list + 1] = type(key) == "string" and key or nil
    end
  end
  return nearest(name, list)
end

-- the function of a module, or the member of a global table, that the text names before it
local function near_field(name, env, text)
  local owner = text:match("([%a_][%w_]*)%s*%.%s*" .. name .. "%f[^%w_]")
  local value = owner and (rawget(env, owner) or _G[owner])
  local list = names_of(owner and api.modules[owner] or {}, {})
  for key in next, type(value) == "table" and value or {} do
    list[#list + 1] = type(key) == "string" and key or nil
  end
  return nearest(name, list)
end

--- What to do about an error's message, or nil. text: the Lua that ran; env: its globals.
function M.hint(message, text, env)
  local kind, name = message:match("a nil value %((%l+) '([%a_][%w_]*)'%)")
  if kind == "global" then
    return near_global(name, env or _G)
  elseif kind == "field" then
    return near_field(name, env or _G, text)
  elseif kind == "method" then
    return nearest(name, names_of(api.handle, {}))
  end
  return nil
end

--- `:hlep` among the rows of commands.
function M.command(name, rows)
  return nearest(name, names_of(rows, {}))
end

return M
