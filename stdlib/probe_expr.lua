-- SPDX-License-Identifier: Apache-2.0
-- probe_expr: a C expression over what a probe knows, as a one-liner has it: names are resolved,
-- texts are taken out to where C can read them, and each place of the C is mapped back.
-- Plain Lua: what is known of the probe comes in `env`.

local token = require "probe_token"
local nearest = require "probe_spec".nearest
local words = require "probe_words"

local M = {}

M.STRING, M.COMM, M.MOST = 64, 16, 200

local BUILTINS, CALLS, SHOWN, TEXTS = words.builtins, words.calls, words.shown, words.texts
local WORDS, TAGGED, VALUES = words.types, words.tagged, words.values

local function fail(message, at, hint)
  error({ fault = true, message = message, at = at, hint = hint }, 0)
end

local function find_arg(env, name)
  for _, a in ipairs(env.args or {}) do
    if a.name == name then
      return a
    end
  end
  return nil
end

local function unknown(p, t, what)
  local names = words.names()
  for _, a in ipairs(p.env.args or {}) do
    names[#names + 1] = a.name
  end
  local hint = nearest(t.text, names)
  if not hint and p.env.args and #p.env.args > 0 then
    local list = {}
    for i, a in ipairs(p.env.args) do
      list[i] = a.name
    end
    hint = "its arguments are " .. table.concat(list, ", ")
  end
  fail(("%s '%s' of %s"):format(what, t.text, p.env.what), t.at, hint)
end

-- ---- pieces of C, each with the column it came from ----

local function put(out, text, at)
  if out.length > 0 and at and at > (out.last or 0) and out.source:sub(at - 1, at - 1):find("%s") then
    out[#out + 1] = " "
    out.length = out.length + 1
  end
  out.map[#out.map + 1] = { out = out.length + 1, at = at or 1 }
  out[#out + 1] = text
  out.length = out.length + #text
  out.last = at
end

local function new_output(p)
  return { length = 0, map = {}, source = p.text }
end

local function finish(out)
  return table.concat(out), out.map
end

-- ---- arguments ----

local function use_arg(p, a)
  if not p.used[a.name] then
    p.used[a.name] = true
    p.args[#p.args + 1] = a
  end
end

-- the argument that a name means; nil: there is none
local function argument(p, name)
  local a = find_arg(p.env, name)
  if not a and not p.env.args and p.env.context == "regs" and not p.env.nameless then
    a = { name = name, kind = "number", unknown = true }
  end
  return a
end

local function no_args(p, t)
  if p.env.returns then
    fail(("'%s': arguments are gone when a function returns"):format(t.text), t.at,
      ("retval is its value; %s has the arguments, and may use retval, too"):format(
        p.env.entry or "the probe at its entry"))
  end
end

-- ---- texts ----

-- a text to be read: {from=, size=, c=, map=, at=}; returns the index of its variable
local function take_text(p, text)
  p.texts[#p.texts + 1] = text
  return p.env.prefix .. #p.texts
end

local function text_of_arg(a, at, c)
  if a.kind == "data_loc" then
    return { from = "data_loc", size = M.STRING, c = c, map = { { out = 1, at = at } }, at = at }
  end
  return { from = "array", size = a.size, c = c, map = { { out = 1, at = at } }, at = at }
end

local emit

-- str(POINTER [, SIZE]) from token i; returns the text and the index behind it
local function read_call(p, i)
  local t, open = p.tokens[i], i + 1
  local close = p.tokens[open].partner
  local last, size = close - 1, M.STRING
  if close == open + 1 then
    fail(t.text .. "() needs a pointer", t.at)
  end
  for j = open + 1, close - 1 do
    if p.tokens[j].text == "," and p.tokens[j].depth == p.tokens[open].depth + 1 then
      local n = p.tokens[j + 1]
      size = j + 2 == close and n.kind == "number" and tonumber(n.text)
      if not size or size < 2 or size > M.MOST then
        fail(("%s(): the size is a number from 2 to %d"):format(t.text, M.MOST),
          j + 1 < close and n.at or p.tokens[j].at)
      end
      last = j - 1
      break
    end
  end
  local out = new_output(p)
  emit(p, out, open + 1, last)
  local c, map = finish(out)
  local from = TEXTS[t.text] == true and p.env.str or TEXTS[t.text]
  return { from = from, size = (size + 7) // 8 * 8, c = c, map = map, at = t.at }, close + 1
end

-- the text that begins at token i, and the index behind it; nil where none does
local function text_at(p, i, last)
  local t, after = p.tokens[i], p.tokens[i + 1]
  if t.kind ~= "name" or i > last then
    return nil
  end
  local before = p.tokens[i - 1]
  if before and (before.text == "." or before.text == "->" or TAGGED[before.text]) then
    return nil
  end
  if t.text == "comm" then
    p.uses.comm = true
    return { from = "comm", size = M.COMM, at = t.at }, i + 1
  end
  if TEXTS[t.text] and after and after.text == "(" then
    return read_call(p, i)
  end
  local a, behind = nil, i + 1
  if t.text == "args" and after and after.text == "->" and p.tokens[i + 2] then
    a, behind = find_arg(p.env, p.tokens[i + 2].text), i + 3
  elseif not BUILTINS[t.text] then
    a = find_arg(p.env, t.text)
  end
  local next_token = p.tokens[behind]
  if not a or (a.kind ~= "string" and a.kind ~= "data_loc") or
    (behind <= last and next_token and (next_token.text == "[" or next_token.text == ".")) then
    return nil
  end
  return text_of_arg(a, t.at, "args->" .. (a.c or a.name)), behind
end

local function compare(p, out, text, literal, op, at)
  local value = token.value(literal)
  if not value or value:find("\0", 1, true) then
    fail("a text with escapes that are not known", literal.at)
  end
  if #value >= text.size then
    fail(("a text of %d bytes is never equal: %s"):format(#value, text.from == "comm" and
      "comm has 15 at most" or ("%d are read"):format(text.size - 1)), literal.at,
      text.from ~= "comm" and "str(POINTER, SIZE) reads more" or nil)
  end
  p.literals[#p.literals + 1] = { value = value, name = p.env.prefix .. "is" .. #p.literals + 1 }
  local variable = text.from == "comm" and "mt_comm" or
    (text.from == "array" and text.c) or take_text(p, text)
  put(out, ("%s%s(%s)"):format(op == "!=" and "!" or "", p.literals[#p.literals].name, variable), at)
end

-- TEXT == "literal" or "literal" == TEXT at token i; returns the index behind it
local function comparison(p, out, i, last)
  local t = p.tokens[i]
  local op = p.tokens[i + 1]
  if t.kind == "string" then
    local text, behind
    if i + 2 <= last and (op.text == "==" or op.text == "!=") then
      text, behind = text_at(p, i + 2, last)
    end
    if not text then
      fail("a text is compared, by == or !=, with comm, str(POINTER) or a text of the probe", t.at)
    end
    compare(p, out, text, t, op.text, t.at)
    return behind
  end
  local text, behind = text_at(p, i, last)
  if not text then
    return nil
  end
  op = p.tokens[behind]
  local literal = p.tokens[behind + 1]
  if behind + 1 > last or (op.text ~= "==" and op.text ~= "!=") or literal.kind ~= "string" then
    fail(("'%s' is text: it is compared, by == or !=, with a text in quotes, or stands alone")
      :format(t.text), t.at)
  end
  compare(p, out, text, literal, op.text, t.at)
  return behind + 2
end

-- ---- names ----

local function emit_builtin(p, out, t, b)
  if b.alone then
    fail(("'%s' is no number: it stands alone"):format(t.text), t.at)
  end
  if b.exit and not p.env.retval then
    fail(("%s has no %s"):format(p.env.what, t.text), t.at, p.env.no_retval)
  end
  if t.text == "elapsed" and p.env.returns then
    fail(("%s has no elapsed"):format(p.env.what), t.at, "the probe at the entry has it")
  end
  local name = b.name or t.text
  p.uses[name] = true
  p.exit = p.exit or (b.exit and not p.env.returns)
  put(out, b.c, t.at)
end

local function emit_arg(p, out, t, a)
  if a.kind == "string" and p.env.context ~= "tracepoint" then
    fail(("'%s' is text"):format(t.text), t.at)
  end
  if a.kind == "data_loc" then
    fail(("'%s' is text: it is compared, or stands alone"):format(t.text), t.at)
  end
  use_arg(p, a)
  local member = p.env.context == "tracepoint" and not p.env.locals
  put(out, member and "args->" .. (a.c or a.name) or a.name, t.at)
end

-- args->NAME from token i; the index behind it
local function emit_member(p, out, i)
  local t, name = p.tokens[i], p.tokens[i + 2]
  if not name or name.kind ~= "name" or p.tokens[i + 1].text ~= "->" then
    fail("args is written args->NAME", t.at)
  end
  no_args(p, name)
  local a = argument(p, name.text)
  if not a then
    unknown(p, name, "no argument")
  end
  put(out, "", t.at)
  emit_arg(p, out, { text = name.text, at = name.at }, a)
  return i + 3
end

local function emit_call(p, out, i)
  local t = p.tokens[i]
  if CALLS[t.text] then
    put(out, CALLS[t.text], t.at)
  elseif SHOWN[t.text] then
    fail(("%s() makes text of a whole expression: it stands around it"):format(t.text), t.at)
  elseif WORDS[t.text] then
    put(out, t.text, t.at)
  else
    fail(("no function '%s'"):format(t.text), t.at, nearest(t.text, words.names()))
  end
  return i + 1
end

local function emit_name(p, out, i, last)
  local t, after = p.tokens[i], i < last and p.tokens[i + 1] or nil
  local before = p.tokens[i - 1]
  if before and (before.text == "." or before.text == "->" or TAGGED[before.text]) then
    put(out, t.text, t.at)
    return i + 1
  end
  local number = tonumber(t.text:match("^arg(%d)$"))
  if t.text == "args" then
    return emit_member(p, out, i)
  elseif after and after.text == "(" and not VALUES[t.text] then
    return emit_call(p, out, i)
  elseif BUILTINS[t.text] then
    emit_builtin(p, out, t, BUILTINS[t.text])
  elseif VALUES[t.text] then
    put(out, VALUES[t.text], t.at)
  elseif WORDS[t.text] then
    put(out, t.text, t.at)
  elseif find_arg(p.env, t.text) then
    no_args(p, t)
    emit_arg(p, out, t, find_arg(p.env, t.text))
  elseif number and number >= 1 and number <= (p.env.positions or 0) then
    p.uses["arg" .. number] = true
    put(out, "mt_arg" .. number, t.at)
  elseif t.text:find("^[%u_][%u%d_]*$") then
    put(out, t.text, t.at)             -- a constant of the kernel's headers
  else
    no_args(p, t)
    local a = argument(p, t.text)
    if not a then
      unknown(p, t, "no argument")
    end
    emit_arg(p, out, t, a)
  end
  return i + 1
end

emit = function(p, out, first, last)
  local i = first
  while i <= last do
    local t = p.tokens[i]
    local behind = comparison(p, out, i, last)
    if behind then
      i = behind
    elseif t.kind == "name" then
      i = emit_name(p, out, i, last)
    else
      if t.text == "," then
        fail("one expression at a time: several stand in a list", t.at)
      end
      put(out, t.text, t.at)
      i = i + 1
    end
  end
end

-- ---- whole expressions ----

-- what the whole is, where it is no number: fills r and returns true
local function whole(p, r)
  local first, n = p.tokens[1], #p.tokens
  local b = first.kind == "name" and BUILTINS[first.text]
  if n == 1 and b and b.alone and b.alone ~= "comm" then
    r.kind = b.alone
    p.uses[b.alone] = true
    return true
  end
  local text, behind = text_at(p, 1, n)
  if text and behind == n + 1 then
    r.kind, r.size = text.from == "comm" and "comm" or "string", text.size
    r.read = text
    return true
  end
  p.uses, p.used, p.args, p.texts, p.literals = {}, {}, {}, {}, {}
  return false
end

-- a bracket has the depth of what is around it
local function mark_depth(tokens)
  local depth = 0
  for i, t in ipairs(tokens) do
    if t.partner and t.partner < i then
      depth = depth - 1
    end
    t.depth = depth
    if t.partner and t.partner > i then
      depth = depth + 1
    end
  end
end

local function compile(p, r)
  mark_depth(p.tokens)
  if whole(p, r) then
    return
  end
  local first, last, n = 1, #p.tokens, #p.tokens
  local head = p.tokens[1]
  if SHOWN[head.text] and n > 2 and p.tokens[2].partner == n then
    r.show = head.text
    first, last = 3, n - 1
    if first > last then
      fail(head.text .. "() needs a number", head.at)
    end
  end
  local tail = p.tokens[last]
  if tail.kind == "op" and tail.text ~= ")" and tail.text ~= "]" then
    fail("the expression does not end here", tail.at + #tail.text)
  end
  local out = new_output(p)
  emit(p, out, first, last)
  r.kind = "number"
  r.c, r.map = finish(out)
end

--- Compiles TEXT. env: what (the probe, for messages), context, str, args (list of {name=, type=,
--- kind="number"|"string"|"data_loc", size=}, nil where not known), returns, retval (is it there),
--- positions (of arg1...), prefix (of C variables).
--- Returns {text=, kind=, c=, map=, size=, read=, texts=, literals=, uses=, args=, exit=, show=};
--- or nil and {message=, at=, hint=}.
function M.compile(text, env)
  local tokens, fault = token.split(text)
  if not tokens then
    return nil, fault
  end
  local p = { text = text, tokens = tokens, env = env, texts = {}, literals = {}, uses = {},
    args = {}, used = {} }
  local r = { text = text }
  local done, err = pcall(compile, p, r)
  if not done then
    if type(err) == "table" and err.fault then
      return nil, err
    end
    error(err, 0)
  end
  r.texts, r.literals, r.uses, r.args, r.exit = p.texts, p.literals, p.uses, p.args, p.exit
  return r
end

--- Column of the expression's text for a column of its C.
function M.column(map, column)
  local at = 1
  for _, piece in ipairs(map) do
    if piece.out > column then
      break
    end
    at = piece.at + (piece.verbatim and column - piece.out or 0)
  end
  return at
end

--- TEXT with a caret below the column, as two lines.
function M.point(text, at)
  local line = text:gsub("[\n\t]", " ")
  return line .. "\n" .. (" "):rep(at - 1) .. "^"
end

return M
