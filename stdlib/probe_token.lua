-- SPDX-License-Identifier: Apache-2.0
-- probe_token: the tokens of a C expression, with their columns.

local M = {}

-- longest first
local OPERATORS = {
  "<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=",
  "-=", "*=", "/=", "%=", "&=", "|=", "^=", "##",
}

local PAIRS = { ["("] = ")", ["["] = "]" }

local function operator(text, at)
  for _, op in ipairs(OPERATORS) do
    if text:sub(at, at + #op - 1) == op then
      return op
    end
  end
  return text:match("^[-+*/%%<>=!&|^~?:.,()%[%]]", at)
end

-- end of the quoted text that begins at `at`, or nil
local function quoted(text, at)
  local quote, i = text:sub(at, at), at + 1
  while i <= #text do
    local c = text:sub(i, i)
    if c == "\\" then
      i = i + 1
    elseif c == quote then
      return i
    end
    i = i + 1
  end
  return nil
end

local function next_token(text, at)
  local word = text:match("^[%a_][%w_]*", at)
  if word then
    return { kind = "name", text = word, at = at }
  end
  local number = text:match("^%d[%w_.]*", at)
  if number then
    return { kind = "number", text = number, at = at }
  end
  local c = text:sub(at, at)
  if c == '"' or c == "'" then
    local last = quoted(text, at)
    if not last then
      return nil, { message = "a quote that is not closed", at = at }
    end
    return { kind = c == '"' and "string" or "number", text = text:sub(at, last), at = at }
  end
  local op = operator(text, at)
  if op then
    return { kind = "op", text = op, at = at }
  end
  return nil, { message = ("'%s' has no place in an expression"):format(c), at = at }
end

local function good_number(token)
  local t = token.text
  return t:sub(1, 1) == "'" or t:match("^0[xX]%x+[uUlL]*$") or t:match("^%d+[uUlL]*$")
end

-- partner[i] = index of the bracket that closes or opens i
local function pair_brackets(tokens)
  local stack = {}
  for i, t in ipairs(tokens) do
    if PAIRS[t.text] and t.kind == "op" then
      stack[#stack + 1] = i
    elseif t.kind == "op" and (t.text == ")" or t.text == "]") then
      local open = table.remove(stack)
      if not open or PAIRS[tokens[open].text] ~= t.text then
        return { message = ("'%s' closes nothing"):format(t.text), at = t.at }
      end
      t.partner, tokens[open].partner = open, i
    end
  end
  local open = tokens[stack[#stack]]
  return open and { message = ("'%s' is not closed"):format(open.text), at = open.at }
end

-- floating point has no place in the kernel, nor do changes of what is looked at
local function check(tokens)
  for _, t in ipairs(tokens) do
    if t.kind == "number" and not good_number(t) then
      return { message = ("'%s' is no whole number"):format(t.text), at = t.at }
    elseif t.kind == "op" and t.text == "=" then
      return { message = "an expression assigns nothing", at = t.at, hint = "equality is ==" }
    elseif t.kind == "op" and (t.text == "++" or t.text == "--" or t.text == "##" or
      t.text == "..." or (t.text:find("^[-+*/%%&|^<>]+=$") and not t.text:find("^[<>]=$"))) then
      return { message = ("'%s' has no place in an expression"):format(t.text), at = t.at }
    end
  end
  return nil
end

--- The tokens of TEXT: a list of {kind="name"|"number"|"string"|"op", text=, at=}, brackets with
--- the index of their partner; or nil and {message=, at=, hint=}.
function M.split(text)
  local tokens, at = {}, 1
  while true do
    at = text:find("%S", at)
    if not at then
      break
    end
    local token, fault = next_token(text, at)
    if not token then
      return nil, fault
    end
    tokens[#tokens + 1] = token
    at = at + #token.text
  end
  if #tokens == 0 then
    return nil, { message = "an empty expression", at = 1 }
  end
  local fault = pair_brackets(tokens) or check(tokens)
  if fault then
    return nil, fault
  end
  return tokens
end

--- The value of a C string token, or nil where it has escapes that are not known.
function M.value(token)
  local known = { n = "\n", t = "\t", r = "\r", ["\\"] = "\\", ['"'] = '"', ["0"] = "\0" }
  local bad
  local text = token.text:sub(2, -2):gsub("\\(.)", function(c)
    bad = bad or not known[c]
    return known[c]
  end)
  return not bad and text or nil
end

return M
