-- SPDX-License-Identifier: Apache-2.0
-- tool_pattern: probes as funccount, stackcount, argdist and trace name them: FUNCTION,
-- LIBRARY:FUNCTION, p:LIBRARY:FUNCTION, r:LIBRARY:FUNCTION, t:CATEGORY:EVENT, u:PATH:PROBE, and
-- what moontrace calls them itself (syscall:openat).

local bpf = require "bpf"
local oneliner = require "oneliner"
local probe_spec = require "probe_spec"
local probes = require "probes"
local regex = require "tool_regex"

local M = {}

local FORMS = {
  p = "LIBRARY:FUNCTION or FUNCTION", r = "r:LIBRARY:FUNCTION or r::FUNCTION",
  t = "t:CATEGORY:EVENT", u = "u:PATH:PROBE",
}

local function forms(types)
  local words = {}
  for c in types:gmatch(".") do
    words[#words + 1] = FORMS[c]
  end
  return table.concat(words, ", ")
end

--- TEXT taken apart: {type=, library=, name=, text=}, with type "native" {spec=, name=, text=}; or
--- nil and what is accepted. types: letters of those that are, as "ptu".
function M.parse(text, types)
  local head, rest = text:match("^([^:]*):(.+)$")
  if head and probe_spec.providers[head] then
    return { type = "native", provider = head, spec = text, name = rest, text = text }
  end
  local kind, library, name = text:match("^([^:]*):([^:]*):(.+)$")
  if not kind then
    library, name = text:match("^([^:]*):([^:]+)$")
    kind, library, name = "p", library or "", name or text
  end
  kind = kind == "" and "p" or kind
  local whole = #kind == 1 and types:find(kind, 1, true) and name ~= "" and not name:find("%s")
    and not name:find(":$")
  if not whole or (library == "" and (kind == "t" or kind == "u")) then
    return nil, forms(types)
  end
  return { type = kind, library = library, name = name, text = text }
end

--- The type of an argument that is such a pattern, for args.
function M.type(types)
  return function(text)
    return M.parse(text, types)
  end
end

--- Ends the script where `what` is missing. A dry run goes on, with an example.
function M.missing(script, what)
  if not oneliner.dry() then
    io.stderr:write(("%s: %s is missing\ntry '%s -h'\n"):format(script, what, script))
    os.exit(2, true)
  end
end

--- The pattern, or where it is missing the end of the script; a dry run takes the example.
function M.given(script, value, example, types)
  if value == nil then
    M.missing(script, "argument 'pattern'")
  end
  return value or M.parse(example, types)
end

-- moontrace's spec of the pattern, in front of the name
local function base_of(p)
  if p.type == "t" then
    return ("tracepoint:%s:"):format(p.library)
  elseif p.type == "u" then
    return ("usdt:%s:%s"):format(p.library, p.name:find(":", 1, true) and "" or "*:")
  elseif p.library ~= "" then
    return (p.type == "r" and "uretprobe:%s:" or "uprobe:%s:"):format(p.library)
  end
  return p.type == "r" and "kretprobe:" or "kprobe:"
end

--- Whether the pattern is of functions or probes of a program, not of the kernel.
function M.is_user(p)
  if p.type == "native" then
    return p.spec:find("^u%a+:") ~= nil
  end
  return p.type ~= "t" and p.library ~= ""
end

--- Raises E-FEATURE where the pattern is a kernel function and the kernel has no kprobes.
function M.check_kernel(p)
  local kernel = p.type ~= "native" and p.type ~= "t" and p.library == ""
  if kernel and bpf.feature("kprobe") == false then
    oneliner.raise("E-FEATURE", ("'%s' is a kernel function, and this kernel has no kprobes"):format(
      p.text), "what works: functions of programs (c:malloc), tracepoints (t:irq:softirq_entry), " ..
      "static probes (u:PATH:NAME)")
  end
end

local function matcher(p)
  local matches, message = regex.compile(p.name)
  return matches or oneliner.raise("E-ARGS", "-r: " .. message)
end

local function by_regex(p, matches)
  local all, why, tag = probes.list(base_of(p) .. "*")
  if not all then
    oneliner.raise(tag, why)
  end
  local list = {}
  for _, spec in ipairs(all) do
    if matches(spec:match("[^:]*$")) then
      list[#list + 1] = spec
    end
  end
  if #list == 0 then
    oneliner.raise("E-PROBE", ("'%s' matches nothing on this kernel"):format(p.text))
  end
  return #list == 1 and list[1] or list
end

--- What the module probe attaches to: a spec, or with is_regex a list of them.
function M.spec(p, is_regex)
  local matches = is_regex and p.type ~= "native" and matcher(p)
  M.check_kernel(p)
  if p.type == "native" then
    return p.spec
  end
  return matches and by_regex(p, matches) or base_of(p) .. p.name
end

return M
