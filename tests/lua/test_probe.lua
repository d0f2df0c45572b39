-- SPDX-License-Identifier: Apache-2.0
-- Probes and expressions of one-liners, as far as no kernel is asked: what comes in, what comes out.

local check = require "check"
local expr = require "probe_expr"
local spec = require "probe_spec"

-- { text, provider, name, attach, glob }
local SPECS = {
  { "kprobe:vfs_read", "kprobe", "vfs_read", "kprobe:vfs_read", false },
  { "kprobe:tcp_*", "kprobe", "tcp_*", "kprobe:tcp_*", true },
  { "kretprobe:vfs_read", "kretprobe", "vfs_read", "kretprobe:vfs_read", false },
  { "tracepoint:irq:softirq_entry", "tracepoint", "irq:softirq_entry",
    "tracepoint:irq:softirq_entry", false },
  { "tracepoint:irq:*", "tracepoint", "irq:*", "tracepoint:irq:*", true },
  { "raw_tracepoint:sched_switch", "raw_tracepoint", "sched_switch",
    "raw_tracepoint:sched_switch", false },
  { "uprobe:/bin/sh:main", "uprobe", "/bin/sh:main", "uprobe:/bin/sh:main", false },
  { "uprobe:c:mem[cs]*", "uprobe", "c:mem[cs]*", "uprobe:c:mem[cs]*", true },
  { "uprobe:/bin/x:ns::f", "uprobe", "/bin/x:ns::f", "uprobe:/bin/x:ns::f", false },
  { "usdt:/bin/x:p:n", "usdt", "/bin/x:p:n", "usdt:/bin/x:p:n", false },
  { "syscall:read", "syscall", "read", "syscall:read", false },
  { "profile:99", "profile", "99", "profile:99hz", false },
  { "profile:10ms", "profile", "10ms", "profile:10ms", false },
  { "interval:1", "interval", "1", "interval:1000000us", false },
  { "interval:0.5s", "interval", "0.5s", "interval:500000us", false },
  { "interval:20ms", "interval", "20ms", "interval:20000us", false },
}

check.describe("specs", function()
  for _, row in ipairs(SPECS) do
    local s = spec.parse(row[1]) or {}
    check.equal({ s.provider, s.name, s.attach, s.glob }, { row[2], row[3], row[4], row[5] }, row[1])
  end
  local bare = spec.parse("vfs_read")
  check.ok(bare.bare and not bare.provider, "a function by itself")
  spec.choose(bare, "kprobe")
  check.equal(bare.attach, "kprobe:vfs_read")
  check.equal(bare.exit, "kretprobe")
  check.equal(spec.sibling(bare, "kretprobe").attach, "kretprobe:vfs_read")
end)

-- { text, part of the message, column }
local BAD_SPECS = {
  { "", "an empty probe", 1 },
  { "kprobbe:x", "no kind of probe 'kprobbe'", 1 },
  { "kprobe:", "a name is missing", 8 },
  { "kprobe:a b", "' ' is in no name", 9 },
  { "tracepoint:irq", "tracepoint:CATEGORY:EVENT", 12 },
  { "uprobe:main", "uprobe:PATH:FUNCTION", 8 },
  { "usdt:/bin/x:p", "usdt:PATH:PROVIDER:NAME", 13 },
  { "profile:x", "a number is missing", 9 },
  { "interval:1h", "no unit of time 'h'", 11 },
  { "vfs read", "' ' is in no name", 4 },
}

check.describe("bad specs", function()
  for _, row in ipairs(BAD_SPECS) do
    local s, message, at = spec.parse(row[1])
    check.ok(s == nil, row[1])
    check.contains(message, row[2])
    check.equal(at, row[3], row[1] .. ": column")
  end
  check.equal(spec.nearest("kprobbe", spec.names()), "did you mean 'kprobe'?")
  check.equal(spec.nearest("xyzzy", spec.names()), nil)
end)

local KPROBE = { what = "kprobe:tcp_sendmsg", context = "regs", str = "kernel", prefix = "t",
  retval = true, positions = 6, args = { { name = "sk", kind = "number" },
    { name = "size", kind = "number" }, { name = "pid", kind = "number" } } }
local TRACEPOINT = { what = "tracepoint:sched:sched_switch", context = "tracepoint", str = "kernel",
  prefix = "t", args = { { name = "prev_comm", kind = "string", size = 16 },
    { name = "next_pid", kind = "number" },
    { name = "name", kind = "data_loc", c = "data_loc_name" } } }
local RETURN = { what = "kretprobe:f", context = "regs", returns = true, retval = true, args = {},
  prefix = "t", entry = "kprobe:f" }
local OPEN = { what = "kprobe:f", context = "regs", str = "kernel", prefix = "t", positions = 6 }

-- { env, text, kind, C }
local GOOD = {
  { KPROBE, "size", "number", "size" },
  { KPROBE, "  size  > 1024 ", "number", "size > 1024" },
  { KPROBE, "size\n> 1", "number", "size > 1" },
  { KPROBE, "args->size", "number", "size" },
  { KPROBE, "pid", "number", "mt_pid" },
  { KPROBE, "args->pid", "number", "pid" },
  { KPROBE, "sk->__sk_common.skc_dport", "number", "sk->__sk_common.skc_dport" },
  { KPROBE, "sk->size.pid", "number", "sk->size.pid" },
  { KPROBE, "ntohs(sk->port) == 443", "number", "bpf_ntohs(sk->port) == 443" },
  { KPROBE, "(u32)size & 0xffUL", "number", "(u32)size & 0xffUL" },
  { KPROBE, "((struct sock *)sk)->pid", "number", "((struct sock *)sk)->pid" },
  { KPROBE, "sizeof(struct sock)", "number", "sizeof(struct sock)" },
  { KPROBE, "size == AF_INET6", "number", "size == AF_INET6" },
  { KPROBE, "size ? -1 : !size", "number", "size ? -1 : !size" },
  { KPROBE, "size >= 1 && size <= 2 || size != 3", "number", "size >= 1 && size <= 2 || size != 3" },
  { KPROBE, "arg6 + arg1", "number", "mt_arg6 + mt_arg1" },
  { KPROBE, "nsecs", "number", "mt_ns" },
  { KPROBE, "retval < 0", "number", "mt_retval < 0" },
  { KPROBE, "true && NULL != sk", "number", "1 && ((void *)0) != sk" },
  { KPROBE, "size == 'a'", "number", "size == 'a'" },
  { KPROBE, "sk->a[size + 1]", "number", "sk->a[size + 1]" },
  { KPROBE, "comm", "comm" },
  { KPROBE, "str(sk)", "string" },
  { KPROBE, "kstack", "kstack" },
  { KPROBE, "ustack", "ustack" },
  { KPROBE, "func", "func" },
  { KPROBE, "ksym(arg1)", "number", "mt_arg1" },
  { KPROBE, "comm == \"sshd\"", "number", "tis1(mt_comm)" },
  { KPROBE, "\"sshd\" != comm", "number", "!tis1(mt_comm)" },
  { KPROBE, "comm == \"a\" || comm == \"b\"", "number", "tis1(mt_comm) || tis2(mt_comm)" },
  { KPROBE, "str(sk->name, 32) == \"x\" && size", "number", "tis1(t1) && size" },
  { TRACEPOINT, "next_pid", "number", "args->next_pid" },
  { TRACEPOINT, "args->next_pid", "number", "args->next_pid" },
  { TRACEPOINT, "prev_comm", "string" },
  { TRACEPOINT, "args->prev_comm", "string" },
  { TRACEPOINT, "prev_comm[0]", "number", "args->prev_comm[0]" },
  { TRACEPOINT, "prev_comm == \"x\"", "number", "tis1(args->prev_comm)" },
  { TRACEPOINT, "name", "string" },
  { TRACEPOINT, "vec_name(next_pid)", "number", "args->next_pid" },
  { RETURN, "retval", "number", "mt_retval" },
  { OPEN, "anything->at.all", "number", "anything->at.all" },
}

check.describe("expressions", function()
  for _, row in ipairs(GOOD) do
    local r, fault = expr.compile(row[2], row[1])
    check.equal({ r and r.kind or fault.message, r and r.c }, { row[3], row[4] }, row[2])
  end
  local r = expr.compile("str(sk->name, 30)", KPROBE)
  check.equal({ r.size, r.read.from, r.read.c }, { 32, "kernel", "sk->name" }, "what str reads")
  r = expr.compile("ustr(sk)", KPROBE)
  check.equal({ r.size, r.read.from }, { 64, "user" }, "what ustr reads")
  r = expr.compile("size + retval", KPROBE)
  check.equal({ r.exit, #r.args, r.args[1].name }, { true, 1, "size" }, "needs the return")
  r = expr.compile("ip4(sk->addr)", KPROBE)
  check.equal({ r.show, r.c }, { "ip4", "sk->addr" }, "shown as")
end)

-- { env, text, part of the message, column, hint }
local BAD = {
  { KPROBE, "", "an empty expression", 1 },
  { KPROBE, "sizee", "no argument 'sizee' of kprobe:tcp_sendmsg", 1, "did you mean 'size'?" },
  { KPROBE, "1 + foo", "no argument 'foo'", 5, "its arguments are sk, size, pid" },
  { KPROBE, "args->foo", "no argument 'foo'", 7 },
  { KPROBE, "args + 1", "args->NAME", 1 },
  { KPROBE, "size = 5", "assigns nothing", 6, "equality is ==" },
  { KPROBE, "size += 5", "'+=' has no place", 6 },
  { KPROBE, "size++", "'++' has no place", 5 },
  { KPROBE, "(size", "'(' is not closed", 1 },
  { KPROBE, "size)", "')' closes nothing", 5 },
  { KPROBE, "(size]", "']' closes nothing", 6 },
  { KPROBE, "size +", "does not end here", 7 },
  { KPROBE, "size; 1", "';' has no place", 5 },
  { KPROBE, "{ 1 }", "'{' has no place", 1 },
  { KPROBE, "size # 1", "'#' has no place", 6 },
  { KPROBE, "1.5", "no whole number", 1 },
  { KPROBE, "12abc", "no whole number", 1 },
  { KPROBE, "'a", "a quote that is not closed", 1 },
  { KPROBE, "size, pid", "one expression at a time", 5 },
  { KPROBE, "foo(1)", "no function 'foo'", 1 },
  { KPROBE, "ntohss(size)", "no function 'ntohss'", 1, "did you mean 'ntohs'?" },
  { KPROBE, "ksym(sk) + 1", "stands around it", 1 },
  { KPROBE, "comm + 1", "'comm' is text", 1 },
  { KPROBE, "comm < \"a\"", "'comm' is text", 1 },
  { KPROBE, "kstack == 1", "stands alone", 1 },
  { KPROBE, "\"abc\"", "a text is compared", 1 },
  { KPROBE, "size == \"abc\"", "a text is compared", 9 },
  { KPROBE, "comm == \"0123456789abcdef\"", "comm has 15 at most", 9 },
  { KPROBE, "str(sk, 8) == \"12345678\"", "7 are read", 15, "str(POINTER, SIZE) reads more" },
  { KPROBE, "comm == \"\\q\"", "escapes", 9 },
  { KPROBE, "str()", "needs a pointer", 1 },
  { KPROBE, "str(sk, size)", "the size is a number", 9 },
  { KPROBE, "str(sk, 1000)", "from 2 to 200", 9 },
  { KPROBE, "str(sizee)", "no argument 'sizee'", 5, "did you mean 'size'?" },
  { KPROBE, "arg7", "no argument 'arg7'", 1 },
  { TRACEPOINT, "retval", "has no retval", 1 },
  { TRACEPOINT, "name + 1", "is text", 1 },
  { TRACEPOINT, "arg1", "no argument 'arg1'", 1 },
  { RETURN, "size", "arguments are gone", 1, "kprobe:f" },
  { RETURN, "elapsed", "has no elapsed", 1 },
}

check.describe("bad expressions", function()
  for _, row in ipairs(BAD) do
    local r, fault = expr.compile(row[2], row[1])
    check.ok(r == nil, row[2])
    fault = fault or {}
    check.contains(fault.message or "", row[3], row[2])
    check.equal(fault.at, row[4], row[2] .. ": column")
    if row[5] then
      check.contains(fault.hint or "", row[5], row[2] .. ": hint")
    end
  end
end)

check.describe("columns", function()
  local r = expr.compile("pid == 1 && args->size > 2", KPROBE)
  check.equal(r.c, "mt_pid == 1 && size > 2")
  check.equal(expr.column(r.map, 1), 1)
  check.equal(expr.column(r.map, r.c:find("size", 1, true)), 19, "of what was renamed")
  check.equal(expr.column(r.map, r.c:find("2", 1, true)), 26)
  check.equal(expr.point("a\tb", 3), "a b\n  ^")
end)

check.finish()
