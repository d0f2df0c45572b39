-- SPDX-License-Identifier: Apache-2.0
-- tool_stacks: what profile, offcputime and their kin do with the stacks that they summed up.

local bpf = require "bpf"
local flame = require "flame"
local oneliner = require "oneliner"

local M = {}

-- of an id that get_stackid() of the first map did not give: which map it is from
local MAP_SHIFT = 24
local MAPS = { "stacks", "stacks_2", "stacks_3" }

-- of no process: pids end at 4194304
local NOBODY = 0x7fffffff

--- C text: stack_id(ctx, flags) as get_stackid() of a map with STACKS places, for Lua to read with
--- stored(). A stack's place is known from its hash, so a map that is nearly empty turns stacks
--- away; these go to a smaller one, and from there to the next. places() adds the defines.
M.TEXT = [[
BPF_STACK_TRACE(stacks, STACKS);
BPF_STACK_TRACE(stacks_2, STACKS_2);
BPF_STACK_TRACE(stacks_3, STACKS_3);

static inline int stack_id(void *ctx, u64 flags)
{
    int id = stacks.get_stackid(ctx, flags), map = 0;

    if (id == -17) {                 /* EEXIST: another one has its place */
        id = stacks_2.get_stackid(ctx, flags);
        map = 1;
    }
    if (id == -17) {
        id = stacks_3.get_stackid(ctx, flags);
        map = 2;
    }
    return id < 0 ? id : id | map << 24;
}
]]

--- Adds to `define`, which has STACKS, the sizes of TEXT's other maps: a bundle can set the size of
--- a map to a value, but not to a part of one.
function M.places(define)
  define.STACKS_2, define.STACKS_3 = define.STACKS // 4, define.STACKS // 16
  return define
end

local Stored = {}
Stored.__index = Stored

--- What a program with TEXT has stored, for stack.fold(), stack.resolve() and whoever asks a stack
--- trace map for frames(id, ...) or folded(id, ...), or tells it to delete(id).
function M.stored(prog)
  return setmetatable({ prog = prog }, Stored)
end

for _, method in ipairs{ "frames", "folded", "delete" } do
  Stored[method] = function(self, id, ...)
    local map = self.prog[MAPS[(id >> MAP_SHIFT) + 1]]
    return map[method](map, id & (1 << MAP_SHIFT) - 1, ...)
  end
end

--- C text: execs_of(tgid), to be kept beside a user stack: how often that process has called execve
--- since it was asked for first. The script attaches the two functions with attach_execs().
M.EXECS = [[
BPF_HASH(execs, u32, u32, 65536);

static inline u32 execs_of(u32 tgid)
{
    u32 zero = 0, *n = execs.lookup(&tgid);
    if (!n && execs.update(&tgid, &zero))
        LOSS(map_full);
    return n ? *n : 0;
}

int on_exec(void *ctx)
{
    u32 tgid = bpf_get_current_pid_tgid() >> 32, *n = execs.lookup(&tgid);
    if (n)
        lock_xadd(n, 1);
    return 0;
}

int on_process_exit(void *ctx)
{
    u64 id = bpf_get_current_pid_tgid();
    u32 tgid = id >> 32;
    if ((u32)id == tgid)
        execs.delete(&tgid);
    return 0;
}
]]

--- Attaches the functions of a program with EXECS, where tracefs lets us.
function M.attach_execs(prog)
  pcall(prog.tracepoint, prog, "on_exec", "sched:sched_process_exec", { optional = true })
  pcall(prog.tracepoint, prog, "on_process_exit", "sched:sched_process_exit", { optional = true })
end

--- A function(who) -> the process whose names a user stack has, where who = {tgid=, execs=}: its
--- own, unless it was another program then, whose names nobody knows. Asks what execs are now.
function M.namer(prog)
  local now = {}
  for _, e in ipairs(prog.execs:snapshot()) do
    now[e.key] = e.value
  end
  return function(who)
    return (now[who.tgid] or who.execs) == who.execs and who.tgid or NOBODY
  end
end

--- Ends the script before it traces where the file of option --flame or --heat, if there is one,
--- could not be written in the end.
function M.check_file(tool, file)
  local done, message = true, nil
  if file and not oneliner.dry() then
    done, message = flame.writable(file)
  end
  if not done then
    io.stderr:write(tool, ": ", message, "\n")
    os.exit(1, true)
  end
end

--- Draws { folded stack, count } rows into a file, for option --flame of script `tool`.
-- opts as in flame.svg(). Ends the script where the file cannot be written.
function M.draw(tool, file, rows, opts)
  local done, message = flame.save(file, flame.svg(flame.tree(rows), opts))
  if not done then
    io.stderr:write(tool, ": ", message, "\n")
    os.exit(1, true)
  end
end

--- At the end of the run, says what to do about stacks that found no place among `size`.
function M.tell_losses(tool, size)
  on_exit(function()
    if bpf.losses()["stack not recorded"] > 0 then
      io.stderr:write(("%s: a stack that meets others in its place, of %d, is not recorded: "
        .. "--stack-storage-size has more places\n"):format(tool, size))
    end
  end)
end

return M
