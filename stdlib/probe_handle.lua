-- SPDX-License-Identifier: Apache-2.0
-- probe_handle: a one-liner that runs, or has run.

local out = require "out"
local show = require "probe_show"
local time = require "time"

local M = {}

local Handle = {}
Handle.__index = Handle

local running = {}
local listeners = {}

local function forget(h)
  for i, other in ipairs(running) do
    if other == h then
      table.remove(running, i)
      return
    end
  end
end

--- Those that run, in the order they were made.
function M.handles()
  return table.move(running, 1, #running, 1, {})
end

--- fn(handle) is called with each new one.
function M.on_new(fn)
  listeners[#listeners + 1] = fn
end

--- A handle of a program whose probes are attached: {plan=, program=, text=, links=, failed=, code=}.
function M.new(h)
  h.kind, h.spec = h.plan.kind, h.plan.spec
  h.value_name = h.plan.record == "count" and "count" or h.plan.kind
  h.base, h.running, h.printed = 0, true, false
  h.n = 0
  for _, link in ipairs(h.links) do
    h.n = h.n + #link
  end
  setmetatable(h, Handle)
  running[#running + 1] = h
  on_exit(function() h:gone() end)
  for _, fn in ipairs(listeners) do
    fn(h)
  end
  return h
end

--- Events that the kernel has seen so far: an integer.
function Handle:hits()
  return self.program.hits[0]
end

--- Those since it was cleared; with drain they are cleared.
function Handle:take_hits(drain)
  local n = self:hits()
  local since = n - self.base
  if drain then
    self.base = n
  end
  return since
end

--- Text of what is known now. opts: width, top, colour.
function Handle:render(opts)
  return show.text(self, opts)
end

function Handle:print()
  show.print(self)
end

--- What is known now, as plain tables.
function Handle:data()
  return show.data(self)
end

function Handle:json()
  return out.json(out.list(self:data()))
end

-- its probes are detached
function Handle:gone()
  self.running = false
  forget(self)
end

--- Detaches; what was counted stays readable. Again is fine.
function Handle:stop()
  if not self.running then
    return
  end
  self:gone()
  -- the return first: what it told of a call whose entry was not seen would be a loss
  for i = #self.links, 1, -1 do
    self.links[i]:detach()
  end
end
Handle.__close = Handle.stop

--- Forgets what was counted.
function Handle:clear()
  self.base = self:hits()
  if self.plan.members > 0 and self.plan.record ~= "trace" then
    self.program.values:clear()
  end
end

--- The C of it.
function Handle:source()
  return self.text
end

--- Lua that makes this handle again.
function Handle:code()
  return self.call
end

local function map_names(plan)
  local names = { "hits" }
  if plan.record == "trace" then
    names[#names + 1] = "events"
  elseif plan.members > 0 then
    names[#names + 1] = "values"
  end
  names[#names + 1] = plan.stacks and "stacks" or nil
  names[#names + 1] = plan.paired and "starts" or nil
  return names
end

--- {name=, entries=, bytes=} of each map: entries at most, and bytes of keys and values.
function Handle:maps()
  local list = {}
  for i, name in ipairs(map_names(self.plan)) do
    local info = self.program:map(name):info()
    list[i] = { name = name, entries = info.max_entries,
      bytes = (info.key_size + info.value_size) * info.max_entries }
  end
  return list
end

function Handle:__tostring()
  return ("%s %s: %d %s, %d events, %s"):format(self.kind, self.spec, self.n,
    self.n == 1 and "probe" or "probes", self:hits(), self.running and "running" or "stopped")
end

-- ---- time ----

--- Stops it and prints the result, once.
function Handle:finish()
  self:stop()
  if not self.printed then
    self.printed = true
    show.print(self, self.plan.every ~= nil)
  end
end

--- What has come since the last time is printed each so many seconds.
function Handle:tick()
  if not self.running then
    return
  end
  if out.mode() == "text" and self.plan.record ~= "trace" then
    print(time.stamp())
  end
  show.print(self, true)
end

return M
