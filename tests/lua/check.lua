-- SPDX-License-Identifier: Apache-2.0
-- check: the smallest test harness that prints TAP. A file ends with check.finish().

local M = {}

local count, failed, group = 0, 0, nil

local function show(value)
  if type(value) ~= "table" then
    return type(value) == "string" and ("%q"):format(value):gsub("\\\n", "\\n") or tostring(value)
  end
  local words = {}
  for k, v in pairs(value) do
    words[#words + 1] = ("[%s]=%s"):format(show(k), (show(v)))
  end
  table.sort(words)
  return "{" .. table.concat(words, ", ") .. "}"
end

-- deep equality; integers and floats differ, so that 64-bit values cannot turn into floats
local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b and math.type(a) == math.type(b)
  end
  for k, v in pairs(a) do
    if not same(v, b[k]) then
      return false
    end
  end
  for k in pairs(b) do
    if a[k] == nil then
      return false
    end
  end
  return true
end

-- "file:line" of the test that called in here
local function caller()
  for level = 2, 20 do
    local info = debug.getinfo(level, "Sl")
    if not info then
      break
    end
    if info.currentline > 0 and not info.short_src:find("^.*/check%.lua$") then
      return ("%s:%d"):format(info.short_src:match("[^/]*$"), info.currentline)
    end
  end
  return "unknown line"
end

local function report(passed, what, details)
  count = count + 1
  local name = (group and group .. ": " or "") .. (what or caller())
  print(("%s %d - %s"):format(passed and "ok" or "not ok", count, (name:gsub("[\r\n#]", " "))))
  if not passed then
    failed = failed + 1
    print("# " .. caller())
    for line in (details or "is false"):gmatch("[^\n]+") do
      print("#   " .. line)
    end
  end
  return passed
end

--- Runs fn; its checks are named after what it describes, and an error fails the group.
function M.describe(name, fn)
  group = name
  local done, trace = xpcall(fn, debug.traceback)
  if not done then
    report(false, "runs to its end", tostring(trace))
  end
  group = nil
end

--- got and want are deeply equal, including whether numbers are integers.
function M.equal(got, want, what)
  return report(same(got, want), what, ("got  %s\nwant %s"):format(show(got), show(want)))
end

function M.ok(value, what)
  return report(value and true or false, what)
end

--- Text contains part, literally.
function M.contains(text, part, what)
  local found = type(text) == "string" and text:find(part, 1, true)
  return report(found and true or false, what, ("got  %s\nwant %s"):format(show(text), show(part)))
end

--- fn raises an error whose text contains part, literally.
function M.raises(fn, part, what)
  local done, message = pcall(fn)
  local found = not done and tostring(message):find(part, 1, true)
  return report(found and true or false, what,
    done and "no error" or ("got  %s\nwant %s"):format(tostring(message), part))
end

--- Prints the plan and exits: 1 when a check failed or none ran.
function M.finish()
  print("1.." .. count)
  os.exit(failed == 0 and count > 0, true)
end

return M
