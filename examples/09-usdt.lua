#!/usr/bin/env moontrace
-- SPDX-License-Identifier: Apache-2.0
-- 09-usdt: modules that Python programs import, by a static probe of the interpreter
local bpf, out = require "bpf", require "out"

local prog = bpf.load{
  text = [[
struct import { u32 pid; int found; char module[64]; };
EVENTS(imports, struct import);

static inline int on_import(struct pt_regs *ctx, const char *module, int found)
{
    struct import e = { .pid = bpf_get_current_pid_tgid() >> 32, .found = found };
    bpf_probe_read_user_str(e.module, sizeof(e.module), module);
    imports.submit(ctx, &e);
    return 0;
}
]],
  -- since 4.20 the kernel raises the probe's semaphore; before, pid is needed
  usdt = { { fn = "on_import", path = "/usr/bin/python3", provider = "python",
    name = "import__find__load__done", pid = arg[1] and tonumber(arg[1]) } },
}

prog.imports:each(out.columns{
  { "pid", "%-8d" }, { "found", "%-6d" }, { "module", "%s" },
})
bpf.run()
