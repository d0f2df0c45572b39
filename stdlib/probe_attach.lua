-- SPDX-License-Identifier: Apache-2.0
-- probe_attach: from the C text of a one-liner to a program whose probes are attached.

local bpf = require "bpf"
local oneliner = require "oneliner"
local probe_expr = require "probe_expr"
local probe_plan = require "probe_plan"
local probes = require "probes"

local M = {}

-- ---- from the text to a program ----

-- the error again, at the line of the user's that called
local function raise_again(err)
  if type(err) == "table" and err.tag then
    oneliner.raise(err.tag, err.message, err.hint)
  end
  error(err, 0)
end

-- where the common structures are that no header of the text has
local HEADERS = { dentry = "linux/dcache.h", file = "linux/fs.h", inode = "linux/fs.h",
  super_block = "linux/fs.h", mm_struct = "linux/mm_types.h", page = "linux/mm_types.h",
  request = "linux/blkdev.h", bio = "linux/blk_types.h", sock = "net/sock.h",
  sk_buff = "linux/skbuff.h", net_device = "linux/netdevice.h", task_struct = "linux/sched.h",
  qstr = "linux/dcache.h" }

local function hint_of(message)
  local struct = message:match("incomplete definition of type 'struct ([%w_]+)'")
  return struct and ("the option include = {\"%s\"} brings its header"):format(HEADERS[struct] or
    "linux/....h") or nil
end

-- what was said of a line of the C is said of the expression on it
local function translate(err, places)
  local text = tostring(err.message)
  if err.tag == "E-COMPILE" then
    for line, column, message in text:gmatch(":(%d+):(%d+): error: ([^\n]*)") do
      local place = places[tonumber(line)]
      if place then
        local at = place.at or probe_expr.column(place.map, tonumber(column))
        probe_plan.expression_error(place.name, place.text, { message = message, at = at,
          hint = hint_of(message) })
      end
    end
  elseif err.tag == "E-SIGNATURE" then
    local line, message = text:match("%(text%):(%d+): (.*)$")
    local place = places[tonumber(line)]
    if place then
      probe_plan.expression_error(place.name, place.text, { message = message, at = place.at or 1,
        hint = err.hint })
    end
  end
  raise_again(err)
end

-- static probes of binaries, as bpf.load takes them
local function usdt_rows(plan)
  local rows = {}
  for _, site in ipairs(plan.sites) do
    if site.context == "usdt" then
      rows[#rows + 1] = { fn = site.fn, path = site.path, provider = site.usdt_provider,
        name = site.usdt_name, attach = false }
    end
  end
  return #rows > 0 and rows or nil
end

--- The program of a plan's C text. What is wrong with an expression is raised as E-EXPR.
function M.load(plan, text, places)
  local done, result = pcall(bpf.load, { text = text, usdt = usdt_rows(plan) })
  if done then
    return result
  elseif type(result) == "table" and result.tag then
    translate(result, places)
  end
  error(result, 0)
end

--- Raises where the probe is not there, before anything is compiled.
function M.check_probe(site)
  -- a raw tracepoint of an old kernel becomes a tracepoint where nothing else is lost
  if oneliner.dry() or site.glob or site.provider == "raw_tracepoint" then
    return
  end
  local there, message, tag = bpf.probe(site.attach)
  if not there then
    local events = site.bare and probes.list("tracepoint:*:" .. site.name) or {}
    oneliner.raise(tag, message, events[1] and ("there is '%s'"):format(events[1]))
  end
end

-- with the filters that providers know of themselves
local function attach_spec(plan, spec)
  local provider = spec:match("^%w+")
  if plan.pid and (provider == "uprobe" or provider == "uretprobe") then
    spec = ("%s,pid=%d"):format(spec, plan.pid)
  end
  if plan.cpu and provider == "profile" then
    spec = ("%s,cpu=%d"):format(spec, plan.cpu)
  end
  return spec
end

-- ---- attaching ----

local function detach_all(links)
  for i = #links, 1, -1 do
    links[i]:detach()
  end
end

local function attach_one(plan, program, site, pair)
  if site.context == "usdt" then
    return program:usdt(pair[1], { path = site.path, pid = plan.pid })
  end
  return program:attach(pair[1], attach_spec(plan, pair[2]))
end

-- both ends of a site, or neither; nil and the error
local function attach_site(plan, program, site, links)
  local from = #links
  for _, pair in ipairs(probe_plan.attachments(plan, site)) do
    local done, link = pcall(attach_one, plan, program, site, pair)
    if not done then
      for i = #links, from + 1, -1 do
        links[i]:detach()
        links[i] = nil
      end
      return nil, link
    end
    links[#links + 1] = link
  end
  return true
end

-- without the name of our function; both ends of a function fail for one reason
local function add_failed(failed, text)
  text = text:gsub("attach 'o[nf]+_%d+' to [^ ]+: ", "")
  for _, have in ipairs(failed) do
    if have == text then
      return
    end
  end
  failed[#failed + 1] = text
end

--- Attaches all sites: links, and a list of those that failed. Of many, some may.
function M.attach(plan, program)
  local links, failed, attached = {}, {}, 0
  for i, site in ipairs(plan.sites) do
    oneliner.progress(i, #plan.sites)
    local done, err = attach_site(plan, program, site, links)
    if done then
      attached = attached + 1
    elseif #plan.sites == 1 or (type(err) == "table" and err.tag == "E-VERIFIER") or
      type(err) ~= "table" or (attached == 0 and i == #plan.sites) then
      detach_all(links)
      program:close()
      raise_again(err)
    else
      add_failed(failed, ("%s: %s"):format(site.text_of, err.message))
    end
  end
  for _, link in ipairs(links) do
    for _, text in ipairs(link:failed()) do
      add_failed(failed, text)
    end
  end
  return links, failed
end

--- Says on stderr what could not be attached.
function M.tell_failed(failed)
  for i, text in ipairs(failed) do
    if i > 10 then
      io.stderr:write(("moontrace: and %d more\n"):format(#failed - 10))
      break
    end
    io.stderr:write(("moontrace: not attached: %s\n"):format(text))
  end
end

return M
