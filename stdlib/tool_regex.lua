-- SPDX-License-Identifier: Apache-2.0
-- tool_regex: regular expressions over names, as users of -r write them: . [a-z] [^a] \d \w \s
-- ( ) | * + ? {2,4} ^ $ and what is behind a backslash. Plain Lua, by backtracking: for names,
-- not for texts of unknown length.

local M = {}

local CLASSES = { d = "%d", D = "%D", w = "[%w_]", W = "[^%w_]", s = "%s", S = "%S" }
local ANY = "."

local function fail(p, message)
  error({ regex = ("%s at column %d of '%s'"):format(message, p.at, p.text) }, 0)
end

-- A matcher is fn(s, i, k): does it match s from i on, and k(end) what is behind?

-- one character that the Lua pattern matches
local function character(pattern)
  return function(s, i, k)
    return i <= #s and s:find("^" .. pattern, i) ~= nil and k(i + 1)
  end
end

local function literal(c)
  return character(c:find("^%w$") and c or "%" .. c)
end

local function sequence(list)
  local function from(n, s, i, k)
    if n > #list then
      return k(i)
    end
    return list[n](s, i, function(j) return from(n + 1, s, j, k) end)
  end
  return function(s, i, k) return from(1, s, i, k) end
end

local function either(list)
  return function(s, i, k)
    for _, one in ipairs(list) do
      if one(s, i, k) then
        return true
      end
    end
    return false
  end
end

local function repeated(one, least, most)
  local function from(n, s, i, k)
    if n < most and one(s, i, function(j)
      return (j > i or n < least) and from(n + 1, s, j, k)
    end) then
      return true
    end
    return n >= least and k(i)
  end
  return function(s, i, k) return from(0, s, i, k) end
end

local function class(p)
  local body = p.text:match("^%[%^?%]?[^%]]*%]", p.at)
  if not body then
    fail(p, "a [ that is not closed")
  end
  p.at = p.at + #body
  local negated, inside = body:match("^%[(%^?)(.*)%]$")
  inside = inside:gsub("\\(.)", function(c) return CLASSES[c] and "%" .. c .. (c == "w" and "_" or "")
    or "%" .. c end):gsub("^%]", "%%]")
  return character("[" .. negated .. inside .. "]")
end

local alternatives

local function atom(p)
  local c = p.text:sub(p.at, p.at)
  if c == "[" then
    return class(p)
  elseif c:find("[*+?{]") then
    fail(p, "nothing to repeat")
  end
  p.at = p.at + 1
  if c == "(" then
    p.at = p.text:match("^%?:()", p.at) or p.at
    local inner = alternatives(p)
    if p.text:sub(p.at, p.at) ~= ")" then
      fail(p, "a ( that is not closed")
    end
    p.at = p.at + 1
    return inner
  elseif c == "." then
    return character(ANY)
  elseif c == "^" then
    return function(_, i, k) return i == 1 and k(i) end
  elseif c == "$" then
    return function(s, i, k) return i == #s + 1 and k(i) end
  elseif c == "\\" then
    c = p.text:sub(p.at, p.at)
    if c == "" then
      fail(p, "nothing behind the backslash")
    end
    p.at = p.at + 1
    return CLASSES[c] and character(CLASSES[c]) or literal(c)
  end
  return literal(c)
end

local TIMES = { ["*"] = { 0, math.huge }, ["+"] = { 1, math.huge }, ["?"] = { 0, 1 } }

local function piece(p)
  local one = atom(p)
  local times = TIMES[p.text:sub(p.at, p.at)]
  if times then
    p.at = p.at + 1
    return repeated(one, times[1], times[2])
  end
  local least, comma, most, behind = p.text:match("^{(%d+)(,?)(%d*)}()", p.at)
  if not least then
    return one
  end
  p.at = behind
  return repeated(one, tonumber(least), tonumber(most) or comma == "" and tonumber(least) or math.huge)
end

alternatives = function(p)
  local list, parts = {}, {}
  while p.at <= #p.text and p.text:sub(p.at, p.at) ~= ")" do
    if p.text:sub(p.at, p.at) == "|" then
      p.at = p.at + 1
      list[#list + 1], parts = sequence(parts), {}
    else
      parts[#parts + 1] = piece(p)
    end
  end
  list[#list + 1] = sequence(parts)
  return #list == 1 and list[1] or either(list)
end

--- A function(s) that tells whether the expression matches s from its first character on (not
--- always to its last); or nil and a message.
function M.compile(text)
  local p = { text = text, at = 1 }
  local done, matcher = pcall(alternatives, p)
  if done and p.at <= #text then
    done, matcher = pcall(fail, p, "a ) that closes nothing")
  end
  if not done then
    if type(matcher) == "table" and matcher.regex then
      return nil, matcher.regex
    end
    error(matcher, 0)
  end
  return function(s)
    return matcher(s, 1, function() return true end) or false
  end
end

return M
