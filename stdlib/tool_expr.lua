-- SPDX-License-Identifier: Apache-2.0
-- tool_expr: expressions as argdist and trace write them, as the module probe has them: parameters
-- of a signature by position, $retval, $entry(x), $latency, STRCMP("text", x), arg2@user.

local M = {}

--- TEXT split at each separator that is in no bracket and no quotes; at most `most` parts.
function M.split(text, separator, most)
  local parts, depth, quoted, from = {}, 0, false, 1
  for i = 1, #text do
    local c = text:sub(i, i)
    if c == '"' and text:sub(i - 1, i - 1) ~= "\\" then
      quoted = not quoted
    elseif not quoted and c:find("[%(%[]") then
      depth = depth + 1
    elseif not quoted and c:find("[%)%]]") then
      depth = depth - 1
    elseif c == separator and depth == 0 and not quoted and #parts + 1 < (most or math.huge) then
      parts[#parts + 1] = text:sub(from, i - 1)
      from = i + 1
    end
  end
  parts[#parts + 1] = text:sub(from)
  return parts
end

function M.trim(text)
  return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

--- Parameters of "size_t size, struct sock *sk": {name = {type=, position=, user=}}; nil and what
--- is wrong.
function M.signature(text)
  local params = {}
  if M.trim(text) == "" or M.trim(text) == "void" then
    return params
  end
  for i, one in ipairs(M.split(text, ",")) do
    local kind, name = M.trim(one):match("^(.-[%s*])([%a_][%w_]*)$")
    if not kind or i > 6 or kind:find("[^%w_%s*]") then
      return nil, ("a parameter such as 'size_t size', not '%s'"):format(M.trim(one))
    end
    local plain = M.trim((kind:gsub("%f[%w_]__user%f[^%w_]", "")))
    params[name] = { type = plain, position = i, user = plain ~= M.trim(kind) }
  end
  return params
end

-- fn of each piece of TEXT that stands outside of quotes
local function outside_quotes(text, fn)
  local words, at = {}, 1
  while at <= #text do
    local from, to = text:find('"[^"]*"', at)
    words[#words + 1] = fn(text:sub(at, (from or #text + 1) - 1))
    words[#words + 1] = from and text:sub(from, to) or ""
    at = (to or #text) + 1
  end
  return table.concat(words)
end

local function same_type(a, b)
  return a and a:gsub("%f[%w_]const%f[^%w_]", ""):gsub("%s", "") ==
    b:gsub("%f[%w_]const%f[^%w_]", ""):gsub("%s", "")
end

-- names of parameters become casts of their positions
local function place(text, params, word)
  return (text:gsub("()%f[%w_]([%a_][%w_]*)", function(at, name)
    local before = text:sub(1, at - 1)
    local param = params[name]
    if not param or before:find("%.%s*$") or before:find("%->%s*$") or
      before:find("%f[%w_]struct%s+$") then
      return nil
    end
    local value, type = word(param.position)
    return same_type(type, param.type) and value or ("((%s)%s)"):format(param.type, value)
  end))
end

-- whether the text reads what only a program has
local function is_user_text(text, params)
  if text:find("@user") then
    return true
  end
  for name in text:gmatch("[%a_][%w_]*") do
    if params[name] and params[name].user then
      return true
    end
  end
  return false
end

--- TEXT as the module probe reads it. env: params (of M.signature), names ({["$pid"] = "tid"}),
--- argument(position) -> the word for it and, where known, its C type; size (of texts).
function M.rewrite(text, env)
  text = outside_quotes(text, function(piece)
    piece = piece:gsub("%$entry%s*(%b())", "%1")
    return (piece:gsub("%$[%a_]+", env.names))
  end)
  text = text:gsub('STRCMP%s*(%b())', function(inside)
    local literal, rest = inside:match('^%(%s*("[^"]*")%s*,(.*)%)$')
    return literal and ("(%s == %s)"):format(M.text(M.trim(rest), env, true), literal)
  end)
  return (outside_quotes(text, function(piece)
    piece = place(piece:gsub("@user", ""), env.params, env.argument)
    return (piece:gsub("%f[%w_]arg([1-6])%f[^%w_]", function(n)
      return (env.argument(tonumber(n)))
    end))
  end))
end

--- The text that the pointer TEXT leads to, as an expression; raw: not rewritten yet.
function M.text(text, env, raw)
  local reader = is_user_text(text, env.params) and "ustr" or "str"
  return ("%s(%s, %d)"):format(reader, raw and text or M.rewrite(text, env), env.size)
end

return M
