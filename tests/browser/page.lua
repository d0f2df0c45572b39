-- SPDX-License-Identifier: Apache-2.0
-- page: a page of a browser whose debugging pipe are the files DIR/to and DIR/from. Commands are
-- JSON texts, each with a NUL behind it (the DevTools protocol).

local M = {}
M.__index = M

-- a value as JSON; tables are objects
local function json(value)
  if type(value) == "string" then
    return '"' .. value:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local words = {}
  for key, one in pairs(value) do
    words[#words + 1] = json(key) .. ":" .. json(one)
  end
  return "{" .. table.concat(words, ",") .. "}"
end

local function read_message(self)
  local bytes = {}
  while true do
    local byte = self.from:read(1)
    if not byte then
      error("the browser has ended")
    elseif byte == "\0" then
      return table.concat(bytes)
    end
    bytes[#bytes + 1] = byte
  end
end

--- Sends a command; the text of its reply. What scripts threw meanwhile is kept in self.thrown.
function M:command(method, params)
  self.id = self.id + 1
  local message = { id = self.id, method = method, params = params or {}, sessionId = self.session }
  assert(self.to:write(json(message), "\0"))
  self.to:flush()
  while true do
    local reply = read_message(self)
    if reply:find('"method":"Runtime.exceptionThrown"', 1, true) then
      self.thrown[#self.thrown + 1] = reply
    elseif reply:find(('^{"id":%d[,}]'):format(self.id)) then
      assert(not reply:find('^{"id":%d+,"error"'), method .. ": " .. reply)
      return reply
    end
  end
end

--- What a JavaScript expression gives, or its promise, as text without quotes and backslashes.
function M:eval(expression)
  local reply = self:command("Runtime.evaluate", { awaitPromise = true,
    expression = "(async () => String(await (" .. expression .. ")))()" })
  return reply:match('"value":"([^"]*)"') or error(expression .. ": " .. reply)
end

--- A new page of width x height pixels.
function M.new(dir, width, height)
  local self = setmetatable({ id = 0, thrown = {} }, M)
  self.to = assert(io.open(dir .. "/to", "wb"))
  self.from = assert(io.open(dir .. "/from", "rb"))
  local target = self:command("Target.createTarget", { url = "about:blank" }):match('"targetId":"(%w+)"')
  self.session = self:command("Target.attachToTarget", { targetId = target, flatten = true })
    :match('"sessionId":"(%w+)"')
  self:command("Runtime.enable")
  self:command("Page.enable")
  self:resize(width, height)
  return self
end

function M:resize(width, height)
  self:command("Emulation.setDeviceMetricsOverride", { width = width, height = height, deviceScaleFactor = 1,
    mobile = false })
end

--- Opens a file and waits until it is there.
function M:open(path)
  self:command("Page.navigate", { url = "file://" .. path })
  repeat
    local state = self:eval("location.href + document.readyState")
  until state:find(path, 1, true) and state:find("complete$")
end

--- Moves the mouse to a point; clicks there, if told.
function M:mouse(x, y, click)
  self:command("Input.dispatchMouseEvent", { type = "mouseMoved", x = x, y = y })
  for _, kind in ipairs(click and { "mousePressed", "mouseReleased" } or {}) do
    self:command("Input.dispatchMouseEvent", { type = kind, x = x, y = y, button = "left", clickCount = 1 })
  end
end

--- Presses a key; modifiers: 2 is Ctrl.
function M:key(key, code, modifiers)
  for _, kind in ipairs{ "rawKeyDown", "keyUp" } do
    self:command("Input.dispatchKeyEvent", { type = kind, key = key, windowsVirtualKeyCode = code,
      modifiers = modifiers or 0 })
  end
end

function M:type(text)
  self:command("Input.insertText", { text = text })
end

function M:close()
  self.session = nil
  self:command("Browser.close")
end

return M
