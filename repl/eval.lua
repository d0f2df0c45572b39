-- SPDX-License-Identifier: Apache-2.0
-- eval: text that was typed becomes a chunk, runs, and its errors are told briefly.

local M = {}

local CHUNK = "=(prompt)"

--- text -> function; nil, message, whether more text could make it whole.
function M.compile(text, env)
  local expression = load("return " .. text, CHUNK, "t", env or _G)
  if expression then
    return expression
  end
  local chunk, message = load(text, CHUNK, "t", env or _G)
  if chunk then
    return chunk
  end
  return nil, message, message:find("near <eof>", 1, true) ~= nil
end

--- Is the text the beginning of something?
function M.goes_on(text)
  if text:match("^%s*[:=]") or not text:find("%S") then
    return false
  end
  local chunk, _, more = M.compile(text)
  return not chunk and more or false
end

-- of a frame: is it the user's, typed or from a file of theirs?
local function is_users(info)
  return info.currentline > 0 and not info.source:find("^@stdlib/")
    and info.source ~= "@(prompt)"
end

local function describe(info)
  local where = ("%s:%d"):format(info.short_src, info.currentline)
  if info.what == "main" then
    return where
  end
  return ("%s: in %s"):format(where, info.name and "function '" .. info.name .. "'"
    or ("function <%s:%d>"):format(info.short_src, info.linedefined))
end

-- the user's frames from `level` on; the innermost is in the message already
local function frames(level)
  local lines, info = {}, debug.getinfo(level, "Sln")
  while info do
    if is_users(info) then
      lines[#lines + 1] = "  " .. describe(info)
    end
    level = level + 1
    info = debug.getinfo(level, "Sln")
  end
  return lines
end

local function is_error_value(value)
  local meta = type(value) == "table" and getmetatable(value)
  return meta and meta.__tostring ~= nil
end

-- what xpcall calls where the error was raised
local function handler(value)
  if type(value) ~= "string" and not is_error_value(value) then
    return ("error: %s"):format(value == nil and "nil" or "a value of type " .. type(value))
  end
  local text = tostring(value)
  local lines = frames(3)
  if #lines > 1 then
    text = text .. "\n" .. table.concat(lines, "\n")
  end
  return text
end

--- Runs the chunk: true and its values as from table.pack; false and a text; or false
--- alone if it was interrupted. call is xpcall, or the console's.
function M.run(chunk, call)
  local results = table.pack((call or xpcall)(chunk, handler))
  if not results[1] then
    return false, results[2]
  end
  return true, table.pack(table.unpack(results, 2, results.n))
end

return M
