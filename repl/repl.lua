-- SPDX-License-Identifier: Apache-2.0
-- repl: the prompt's loop. Each line is Lua, or a `:command`.

local console = require "console"
local commands = require "repl.commands"
local complete = require "repl.complete"
local eval = require "repl.eval"
local fmt = require "fmt"
local jobs = require "repl.jobs"
local near = require "repl.near"
local pretty = require "repl.pretty"
local watch = require "repl.watch"

local M = {}

local PROBE_FUNCTIONS = {
  "count", "sum", "avg", "min", "max", "hist", "lhist", "latency", "trace", "stacks", "profile",
  "who",
}
local MODULES = { "bpf", "out", "sys", "fmt", "hist", "stack", "time", "probes", "probe" }

local paint = pretty.painter(console.colours())

local function try_require(name)
  local found, module = pcall(require, name)
  return found and module or nil
end

-- what is global at the prompt, and only there: modules see the script's globals
local env = setmetatable({}, { __index = _G, __newindex = _G })

local function set_globals()
  local function set(name, value)
    rawset(env, name, value)
  end
  for _, name in ipairs(MODULES) do
    set(name, try_require(name))
  end
  for _, name in ipairs(PROBE_FUNCTIONS) do
    set(name, env.probe and env.probe[name])
  end
  set("every", jobs.every)
  set("after", jobs.after)
  set("watch", watch.watch)
end

-- handles end when a run does; here they live on behind bpf.run
local function keep_handles()
  local on_exit = on_exit
  _G.on_exit = function(fn)
    if not debug.getinfo(2, "S").source:find("^@stdlib/probe") then
      on_exit(fn)
    end
  end
end

-- ---- the banner ----

local function what_is_missing(facts)
  if facts.privilege then
    return facts.privilege
  end
  local missing = {}
  local function without(have, text)
    if not have then
      missing[#missing + 1] = text
    end
  end
  without(facts.kprobes, "no kprobes in this kernel")
  without(facts.btf, "no BTF")
  if facts.headers_error then
    missing[#missing + 1] = facts.headers_error
  elseif facts.headers == "none" or facts.headers == "stub" then
    missing[#missing + 1] = "no kernel headers"
  end
  return table.concat(missing, ", ")
end

local function banner()
  local facts = console.facts()
  print(("%s on Linux %s %s, :help helps"):format(
    paint("title", "moontrace " .. facts.version), facts.release, facts.machine))
  local missing = what_is_missing(facts)
  if missing == "" then
    missing = "nothing is missing: kprobes, BTF, kernel headers"
  elseif not missing:find("missing", 1, true) then
    missing = "missing: " .. missing
  end
  print(paint("dim", fmt.clip(missing, console.size())))
end

-- ---- one input ----

-- the place in a single line says nothing
local function print_error(text, of)
  if of and not of:find("\n") then
    text = text:gsub("^%(prompt%):1: ", "")
  end
  local hint = of and near.hint(text, of, env)
  if hint then
    text = text .. "\n  " .. hint
  end
  console.fresh_line()
  io.stderr:write(paint("error", text:find("^error") and text or "error: " .. text), "\n")
end

local function print_results(results)
  local columns = console.size()
  console.fresh_line()
  if results[1] == io.stdout then
    return
  end
  for i = 1, results.n do
    if results[i] ~= nil or results.n > 1 then
      print(pretty.result(results[i],
        { width = columns, paint = paint, colour = console.colours() }))
    end
  end
end

-- runs fn as what was typed runs: errors and Ctrl-C come back here
local function protected(fn, text)
  local went_well, results = eval.run(fn, console.call)
  io.stdout:flush()
  if not went_well then
    if results then
      print_error(results, text)
    else
      print(paint("dim", "interrupted"))
    end
    return
  end
  rawset(env, "_", results[1])
  -- a handle that was just made has counted nothing; its number says enough
  local made = jobs.announce(paint)
  if not (results.n == 1 and made[results[1]]) then
    local shown, why = eval.run(function()
      print_results(results)
    end, console.call)
    if not shown and why then
      print_error(why)
    end
  end
end

local function evaluate(text)
  local chunk, message = eval.compile((text:gsub("^%s*=", "", 1)), env)
  if not chunk then
    print_error(message, text)
    return
  end
  protected(chunk, text)
end

local function run_input(text)
  local command, rest = text:match("^%s*:(%S*)%s*(.-)%s*$")
  if command then
    protected(function()
      return commands.run(command, rest, paint)
    end)
  elseif text:find("%S") then
    evaluate(text)
  end
end

-- ---- the loop ----

local function prompt_text(continued)
  local text = continued and ">>" or ">"
  return console.colours() and ("\1\27[1m\1%s\1\27[0m\1 "):format(text) or text .. " "
end

-- a whole input, of several lines if the terminal edits one at a time; nil at the end
local function read_input()
  local text
  while true do
    local line, why = console.readline(prompt_text(text))
    if not line and why == "end" then
      return nil
    end
    text = line and (text and text .. "\n" .. line or line)
    if text and not eval.goes_on(text) then
      return text
    elseif not line then
      return ""
    end
  end
end

--- Runs until Ctrl-D, :quit or a signal.
function M.run()
  set_globals()
  keep_handles()
  jobs.start(paint)
  commands.start()
  complete.start(env)
  console.hooks{ goes_on = eval.goes_on, complete = complete.complete }
  banner()
  while not commands.left() do
    local text = read_input()
    if not text then
      break
    end
    run_input(text)
    if console.signal() then
      break
    end
  end
  jobs.finish()
end

return M
