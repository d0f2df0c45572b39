-- SPDX-License-Identifier: Apache-2.0
-- probe_spec: probes as one-liners name them, "PROVIDER:WHAT", taken apart. Plain Lua: asks
-- nobody whether such a probe is there.

local M = {}

-- what each provider's expressions may look at, and what its return is called
--   context   kind of the program's argument: "regs", "tracepoint", "raw", "perf", "usdt", "fentry"
--   exit      provider at the return of the same function
--   str       where the pointers of its arguments lead
local PROVIDERS = {
  kprobe = { context = "regs", exit = "kretprobe", str = "kernel" },
  kretprobe = { context = "regs", returns = true, str = "kernel" },
  fentry = { context = "fentry", exit = "fexit", str = "kernel" },
  fexit = { context = "fentry", returns = true, str = "kernel" },
  uprobe = { context = "regs", exit = "uretprobe", str = "user", path = true },
  uretprobe = { context = "regs", returns = true, str = "user", path = true },
  usdt = { context = "usdt", str = "user", path = true },
  tracepoint = { context = "tracepoint", str = "kernel" },
  raw_tracepoint = { context = "raw", str = "kernel" },
  syscall = { context = "tracepoint", exit = "sysret", str = "user" },
  sysret = { context = "tracepoint", returns = true, str = "user" },
  profile = { context = "perf", str = "user" },
  interval = { context = "perf", str = "kernel" },
}
M.providers = PROVIDERS

--- Names of the providers, sorted.
function M.names()
  local list = {}
  for name in pairs(PROVIDERS) do
    list[#list + 1] = name
  end
  table.sort(list)
  return list
end

local function is_glob(text)
  return text:find("[*?%[]") ~= nil
end

local function rate(spec, what, at)
  local number, unit = what:match("^(%d+%.?%d*)(%a*)$")
  local value = tonumber(number)
  if not value or value <= 0 then
    return nil, "a number is missing, as in " .. (spec.provider == "profile" and "profile:99" or
      "interval:1"), at
  end
  if spec.provider == "profile" then
    unit = unit == "" and "hz" or unit
    spec.attach = ("profile:%s%s"):format(number, unit)
    return spec
  end
  local ns = { [""] = 1e9, s = 1e9, ms = 1e6, us = 1e3 }
  if not ns[unit] then
    return nil, ("no unit of time '%s'"):format(unit), at + #number
  end
  spec.attach = ("interval:%dus"):format(math.floor(value * ns[unit] / 1e3))
  return spec
end

local function tracepoint(spec, what, at)
  spec.category, spec.event = what:match("^([^:]+):([^:]+)$")
  if not spec.category then
    return nil, "write tracepoint:CATEGORY:EVENT", at
  end
  spec.function_name = what
  return spec
end

-- "PATH:SYMBOL"; names of C++ functions have colons, so the path ends at the first
local function user(spec, what, at)
  local path, rest = what:match("^([^:]+):(.+)$")
  if not path then
    return nil, ("write %s:PATH:%s"):format(spec.provider,
      spec.provider == "usdt" and "PROVIDER:NAME" or "FUNCTION"), at
  end
  spec.path, spec.function_name = path, rest
  if spec.provider == "usdt" then
    spec.usdt_provider, spec.usdt_name = rest:match("^([^:]+):([^:,]+)")
    if not spec.usdt_provider then
      return nil, "write usdt:PATH:PROVIDER:NAME", at + #path + 1
    end
  end
  spec.glob = is_glob(rest)
  return spec
end

local function plain(spec, what, at)
  local bad = what:find("[^%w_.*?%[%]%-!^]")
  if bad then
    return nil, ("'%s' is in no name"):format(what:sub(bad, bad)), at + bad - 1
  end
  spec.function_name = what
  return spec
end

-- "FUNCTION", or "MODULE:FUNCTION" of a module
local function kernel(spec, what, at)
  local module, name = what:match("^([^:]+):(.+)$")
  local parsed, message, place = plain(spec, name or what, at + (module and #module + 1 or 0))
  if not parsed or not module then
    return parsed, message, place
  end
  local bad = module:find("[^%w_*?%[%]%-!^]")
  if bad then
    return nil, ("'%s' is in no name"):format(module:sub(bad, bad)), at + bad - 1
  end
  spec.module = module
  return spec
end

local PARSE = {
  kprobe = kernel, kretprobe = kernel, profile = rate, interval = rate, tracepoint = tracepoint,
  uprobe = user, uretprobe = user, usdt = user,
}

--- The spec of TEXT: {text=, provider=, name=, glob=, path=, category=, event=, attach=, ...} and
--- the fields of its provider; or nil, a message, the column it is about, and what to do. A name
--- without a colon is a kernel function: its provider is nil, choose() sets it.
function M.parse(text)
  local name, what = text:match("^([%w_]*):(.*)$")
  if not name then
    local spec, message, at = plain({ text = text, bare = true }, text, 1)
    if spec and text == "" then
      return nil, "an empty probe", 1
    end
    if spec then
      spec.name, spec.glob = text, is_glob(text)
    end
    return spec, message, at
  end
  if not PROVIDERS[name] then
    return nil, ("no kind of probe '%s'"):format(name), 1, "provider"
  end
  local at = #name + 2
  if what == "" then
    return nil, "a name is missing behind the colon", at
  end
  local spec = { text = text, provider = name, name = what, attach = text, glob = is_glob(what) }
  for k, v in pairs(PROVIDERS[name]) do
    spec[k] = spec[k] == nil and v or spec[k]
  end
  return (PARSE[name] or plain)(spec, what, at)
end

--- Gives a spec without provider the one named.
function M.choose(spec, provider)
  spec.provider = provider
  spec.attach = provider .. ":" .. spec.name
  for k, v in pairs(PROVIDERS[provider]) do
    spec[k] = v
  end
  return spec
end

--- The same place in another provider: "kretprobe" of "kprobe:f".
function M.sibling(spec, provider)
  local other = M.parse(provider .. ":" .. spec.name)
  other.text = spec.text
  return other
end

-- distance of two words, for "did you mean"
local function distance(a, b)
  local row = {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local before = row[0]
    row[0] = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      before, row[j] = row[j], math.min(row[j] + 1, row[j - 1] + 1, before + cost)
    end
  end
  return row[#b]
end

--- "did you mean 'x'?" of the nearest of a list of names, or nil.
function M.nearest(name, list)
  local best, least = nil, math.max(2, #name // 3) + 1
  for _, candidate in ipairs(list) do
    local d = distance(name:lower(), candidate:lower())
    if candidate:sub(1, #name) == name then
      d = math.min(d, 1)
    end
    if d < least then
      best, least = candidate, d
    end
  end
  return best and ("did you mean '%s'?"):format(best) or nil
end

return M
