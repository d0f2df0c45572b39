-- SPDX-License-Identifier: Apache-2.0
-- Prints the OPTIONS section of a bundled script's manual page from the rows it parses:
--     LUA_PATH='stdlib/?.lua' lua5.4 man/options.lua scripts/NAME.lua
local args = require "args"

-- the host's modules are not needed before the options are parsed
for _, name in ipairs{ "bpf", "debuginfo", "ftrace", "oneliner", "out", "probe", "probe_trace", "probes",
  "screen", "sys" } do
  package.preload[name] = function() return {} end
end

args.parse = function(spec) -- luacheck: ignore 122
  io.write(args.man(spec))
  os.exit(0)
end

dofile(arg[1])
