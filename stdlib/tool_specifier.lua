-- SPDX-License-Identifier: Apache-2.0
-- tool_specifier: what argdist counts, TYPE:[LIBRARY]:FUNCTION(SIGNATURE)[:TYPE[,...]:
-- EXPRESSION[,...][:FILTER]][#LABEL], and what trace prints, PROBE[(SIGNATURE)] [(FILTER)]
-- ["FORMAT"[, EXPRESSION...]].

local expr = require "tool_expr"
local fmt = require "fmt"
local oneliner = require "oneliner"
local pattern = require "tool_pattern"
local probes = require "probes"

local M = {}

local FORM = "TYPE:[LIBRARY]:FUNCTION(SIGNATURE)[:TYPE[,...]:EXPRESSION[,...][:FILTER]][#LABEL]"
local LINE = "PROBE[(SIGNATURE)] [(FILTER)] [\"FORMAT\"[, EXPRESSION...]]"

-- what the dollar names are
local COUNTED = { ["$retval"] = "retval", ["$latency"] = "elapsed", ["$PID"] = "pid" }
local TRACED = { ["$retval"] = "retval", ["$uid"] = "uid", ["$gid"] = "gid", ["$pid"] = "tid",
  ["$tgid"] = "pid", ["$cpu"] = "cpu" }

-- C types of the conversions of trace
local TYPES = { d = "int", hd = "short", ld = "long", lld = "long long", u = "unsigned int",
  hu = "unsigned short", lu = "unsigned long", llu = "unsigned long long", x = "unsigned int",
  lx = "unsigned long", llx = "unsigned long long", c = "char", p = "unsigned long" }

-- providers whose arguments may have names
local NAMED = { kprobe = true, fentry = true, syscall = true }

local function fill(s, types, exprs, filter)
  s.types, s.exprs, s.filter = types, exprs, filter and expr.trim(filter) ~= "" and filter or nil
  if #types ~= #exprs then
    return nil, ("as many types as expressions; there are %d and %d"):format(#types, #exprs)
  end
  return s
end

--- TEXT, one of argdist's, taken apart: {text=, label=, where=, params=, types=, exprs=, filter=,
--- default=}; nil and what is accepted.
function M.parse(text)
  local body, label = text:match("^(.-)#(.*)$")
  local parts = expr.split(body or text, ":", 6)
  local name, signature = (parts[3] or ""):match("^%s*([^%s(]+)%((.*)%)%s*$")
  if not name or #parts == 4 then
    return nil, FORM
  end
  local where = pattern.parse(("%s:%s:%s"):format(expr.trim(parts[1]), parts[2], name), "prtu")
  local params, message = expr.signature(signature)
  if not where or not params then
    return nil, message or FORM
  end
  local s = { text = text, label = label, where = where, params = params, names = COUNTED }
  if #parts == 3 then
    s.default = where.type == "r" and "retval" or "calls"
    return fill(s, { s.default == "retval" and "int" or "u64" }, { s.default == "retval" and "$retval" or "1" })
  end
  return fill(s, expr.split(parts[4], ","), expr.split(parts[5], ","), parts[6])
end

--- The same for a histogram, which is of one expression.
function M.histogram(text)
  local s, message = M.parse(text)
  if s and (#s.exprs > 1 or s.default == "calls") then
    return nil, "one expression for a histogram"
  end
  return s, message
end

-- {before=, letter=, flags=} of each conversion, .behind; and the types: "s", "K", "U" or of C
local function conversions(s, format)
  local parts, types, at, text = {}, {}, 1, ""
  while at <= #format do
    local flags, size, letter, behind = format:match("^%%([-+ #0]*%d*%.?%d*)([hlz]*)(%a)()", at)
    if format:sub(at, at + 1) == "%%" then
      text, at = text .. "%", at + 2
    elseif letter then
      letter = letter == "i" and "d" or letter == "X" and "x" or letter
      local kind = TYPES[(size:gsub("z", "l")) .. letter] or (letter:find("[sKU]") and letter)
      if not kind then
        return nil, ("conversions such as %%d %%s %%llx %%K, not '%%%s%s'"):format(size, letter)
      end
      parts[#parts + 1] = { before = text, flags = flags, letter = letter }
      types[#types + 1] = kind
      text, at = "", behind
    elseif format:sub(at, at) == "%" then
      return nil, "a conversion behind each %"
    else
      text, at = text .. format:sub(at, at), at + 1
    end
  end
  parts.behind = text
  s.parts = parts
  return types
end

local ESCAPES = { n = "\n", t = "\t", ["\\"] = "\\", ['"'] = '"' }

--- TEXT, one of trace's, taken apart: as parse(), and parts, the conversions of its format.
function M.line(text)
  local place, signature, rest = text:match("^%s*([^%s(]+)(%b())(.*)$")
  if not place then
    place, rest = text:match("^%s*([^%s(]+)(.*)$")
  end
  local where = place and pattern.parse(place, "prtu")
  local params, message = expr.signature(signature and signature:sub(2, -2) or "")
  if not where or not params then
    return nil, message or LINE
  end
  local filter = rest:match("^%s*(%b())")
  rest = expr.trim(filter and rest:gsub("^%s*%b()", "") or rest)
  local s = { text = text, where = where, params = params, names = TRACED }
  local format, exprs = rest:match('^"(.-[^\\]?)"%s*,?%s*(.*)$')
  if rest ~= "" and not format then
    return nil, LINE
  end
  s.format = format and format:gsub("\\(.)", ESCAPES)
  local types
  types, message = conversions(s, s.format or "")
  if not types then
    return nil, message
  end
  return fill(s, types, (exprs or "") ~= "" and expr.split(exprs, ",") or {}, filter)
end

local function conversion(part, v)
  local flags, letter = part.flags, part.letter
  if type(v) == "string" then
    return ("%" .. flags:gsub("[+ #0]", "") .. "s"):format(v)
  elseif letter == "u" then
    return ("%" .. flags:gsub("[+ #0]", "") .. "s"):format(fmt.u64(v))
  elseif letter == "p" then
    return fmt.hex(v)
  elseif letter == "c" then
    return string.char(v & 0xff)
  end
  return ("%" .. flags .. letter):format(v)
end

--- The message of an event of a line of trace: e has the values of its expressions by number.
function M.message(s, e)
  local words = {}
  for i, part in ipairs(s.parts) do
    words[#words + 1] = part.before
    words[#words + 1] = conversion(part, e[i])
  end
  words[#words + 1] = s.parts.behind
  return table.concat(words)
end

-- a text of a tracepoint is a member of its record, or a pointer
local function member_text(s, text, env)
  local name = expr.trim(text):match("^args%->([%a_][%w_]*)$")
  if expr.trim(text) == "comm" then
    return "comm"
  elseif not name or s.where.type ~= "t" then
    return expr.text(text, env)
  end
  for _, f in ipairs(probes.args(("tracepoint:%s:%s"):format(s.where.library, s.where.name)) or {}) do
    if f.name == name and (f.type:find("__%a+_loc") or f.type:find("%[")) then
      return "args->" .. name
    end
  end
  return expr.text(s.where.library == "syscalls" and text .. "@user" or text, env)
end

local function expression(s, i, env)
  local kind = s.types[i]:gsub("%s+", "")
  if kind == "s" or kind == "char*" or kind == "constchar*" then
    return member_text(s, s.exprs[i], env)
  elseif kind == "K" or kind == "U" then
    return ("%s(%s)"):format(kind == "K" and "ksym" or "usym", expr.rewrite(s.exprs[i], env))
  end
  return ("(%s)(%s)"):format(expr.trim(s.types[i]), expr.rewrite(s.exprs[i], env))
end

-- a return that looks at what only the entry has is an entry that waits for the return
local function waiting(s)
  local whole = table.concat(s.exprs, ",") .. (s.filter or "")
  local entry = whole:find("$entry", 1, true) or whole:find("$latency", 1, true) or
    (s.names == TRACED and (next(s.params) or whole:find("%f[%w_]arg[1-6]%f[^%w_]")))
  if s.where.type == "r" and entry then
    return pattern.parse(("p:%s:%s"):format(s.where.library, s.where.name), "p")
  end
  return s.where
end

-- the N-th argument of a probe, and its type: by its name where that is known, for then members
-- of what it points to can be read
local function argument_of(where)
  local spec = NAMED[where.provider] and where.spec or
    (where.type == "p" and where.library == "" and "kprobe:" .. where.name)
  local named = spec and probes.args(spec) or {}
  return function(n)
    if named[n] then
      return "args->" .. named[n].name, named[n].type
    end
    return "arg" .. n
  end
end

-- without a name an argument is in a register, which is another's when the function returns
local function check_register(s, text, env)
  local late = text:find("%f[%w_]retval%f[^%w_]") or text:find("%f[%w_]elapsed%f[^%w_]") or
    (env.user and text:find("^u?str%("))
  if env.waits and late and text:find("%f[%w_]arg[1-6]%f[^%w_]") then
    oneliner.raise("E-EXPR", ("'%s': '%s' has what is known at the call and what is known at the "
      .. "return in one"):format(s.text, text), "as two expressions, each of one, it works")
  end
  return text
end

--- Expressions of a specifier for the module probe, its options (filter), and its probe. size:
--- bytes of a text.
function M.compile(s, size)
  local where, list = waiting(s), {}
  local env = { params = s.params, names = s.names, size = size, argument = argument_of(where),
    waits = where ~= s.where, user = pattern.is_user(where) }
  if s.default ~= "calls" then
    for i in ipairs(s.exprs) do
      list[i] = check_register(s, expression(s, i, env), env)
    end
  end
  local filter = s.filter and check_register(s, expr.rewrite(s.filter, env), env)
  return list, { filter = filter }, where
end

return M
