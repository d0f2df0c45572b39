-- SPDX-License-Identifier: Apache-2.0
-- tool_stacks: what profile, offcputime and their kin do with the stacks that they summed up.

local bpf = require "bpf"
local flame = require "flame"

local M = {}

--- Draws { folded stack, count } rows into a file, for option --flame of script `tool`.
-- opts as in flame.svg(). Ends the script where the file cannot be written.
function M.draw(tool, file, rows, opts)
  local done, message = flame.save(file, flame.svg(flame.tree(rows), opts))
  if not done then
    io.stderr:write(tool, ": ", message, "\n")
    os.exit(1, true)
  end
end

--- At the end of the run, says what to do about stacks that did not fit into `size`.
function M.tell_losses(tool, size)
  on_exit(function()
    if bpf.losses()["stack not recorded"] > 0 then
      io.stderr:write(("%s: --stack-storage-size stores more than %d stacks\n"):format(tool, size))
    end
  end)
end

return M
