-- SPDX-License-Identifier: Apache-2.0

local check = require "check"
local stack = require "stack"

local KERNEL = { { name = "schedule", offset = 0x12, ip = 1 }, { name = "do_sys_poll" },
  { name = "entry_SYSCALL_64" } }
local USER = { { name = "poll", module = "libc.so.6" }, { module = "app", offset = 0x1f },
  { ip = 0x400000 }, { name = "main" } }

local function printed(...)
  local parts = {}
  local file = {
    write = function(self, text)
      parts[#parts + 1] = text
      return self
    end,
  }
  check.equal(stack.print(file, ...), file, "returns the file")
  return table.concat(parts)
end

check.describe("frame", function()
  check.equal(stack.frame({ name = "f", offset = 16 }), "f")
  check.equal(stack.frame({ name = "f", offset = 16 }, { offset = true }), "f+0x10")
  check.equal(stack.frame({ name = "f" }, { offset = true }), "f")
  check.equal(stack.frame({ module = "libc.so.6", offset = 0x12 }), "[libc.so.6+0x12]")
  check.equal(stack.frame({ module = "libc.so.6" }), "[libc.so.6]")
  check.equal(stack.frame({ ip = 5 }), "[unknown]")
  check.equal(stack.frame({ name = "", module = "" }), "[unknown]")
  check.equal(stack.frame({ name = "f\27" }), "f\\x1b", "hostile symbol")
  check.equal(stack.frame({ module = "m\n", offset = -1 }), "[m\\n+0xffffffffffffffff]")
end)

check.describe("folded", function()
  check.equal(stack.folded({ kernel = KERNEL, comm = "nginx" }),
    "nginx;entry_SYSCALL_64;do_sys_poll;schedule", "outer first")
  check.equal(stack.folded({ kernel = KERNEL, user = USER, comm = "nginx" }),
    "nginx;main;[unknown];[app+0x1f];poll;entry_SYSCALL_64;do_sys_poll;schedule")
  check.equal(stack.folded({ kernel = KERNEL, user = USER, comm = "c" },
    { delimiter = true, kernel_suffix = true }),
    "c;main;[unknown];[app+0x1f];poll;-;entry_SYSCALL_64_[k];do_sys_poll_[k];schedule_[k]")
  check.equal(stack.folded({ kernel = KERNEL }, { kernel_suffix = "_k", offset = true }),
    "entry_SYSCALL_64_k;do_sys_poll_k;schedule+0x12_k")
  check.equal(stack.folded({ user = USER, comm = "c" }, { delimiter = true }),
    "c;main;[unknown];[app+0x1f];poll", "no delimiter without a kernel part")
  check.equal(stack.folded({ user = {}, comm = "c" }), "c;[unknown]", "an empty stack")
  check.equal(stack.folded({ user = "Missed User Stack", kernel = KERNEL, comm = "c" },
    { delimiter = true }), "c;[Missed User Stack];entry_SYSCALL_64;do_sys_poll;schedule")
  check.equal(stack.folded({ comm = "a;b\n", user = { { name = "x;y" } } }), "a:b\\n;x:y",
    "names cannot forge frames or lines")
  check.equal(stack.folded({}), "")
end)

check.describe("resolve", function()
  local asked = {}
  local map = {
    frames = function(_, id, pid)
      asked[#asked + 1] = { id, pid or "none" }
      if id == 9 then
        return nil, "no such stack", "ENOENT"
      end
      return { { name = "f" .. id } }
    end,
  }
  check.equal(stack.resolve(map, { kernel = 0, user = 4, tgid = 77, comm = "c" }),
    { comm = "c", kernel = { { name = "f0" } }, user = { { name = "f4" } } })
  check.equal(asked, { { 0, "none" }, { 4, 77 } }, "user frames by process")
  check.equal(stack.resolve(map, { kernel = -1, user = -14 }), {}, "no such stack")
  check.equal(stack.resolve(map, {}), {}, "not asked for")
  check.equal(stack.resolve(map, { kernel = -17, user = 9 }),
    { kernel = "Missed Stack", user = "Missed Stack" }, "lost")
end)

check.describe("merge", function()
  local list = { { key = "b", value = 1 }, { "a", 5 }, { key = "b", value = 7 }, { "c", 5 } }
  check.equal(stack.merge(list), { { key = "b", value = 8 }, { key = "a", value = 5 },
    { key = "c", value = 5 } })
  check.equal(list[1].value, 1, "the input is left alone")
  check.equal(stack.merge({}), {})
end)

check.describe("print", function()
  check.equal(printed(KERNEL), "    schedule\n    do_sys_poll\n    entry_SYSCALL_64\n")
  check.equal(printed(KERNEL, 1), " schedule\n do_sys_poll\n entry_SYSCALL_64\n")
  check.equal(printed({ kernel = KERNEL, user = { { name = "main" } } }, 2, { delimiter = true }),
    "  schedule\n  do_sys_poll\n  entry_SYSCALL_64\n  --\n  main\n")
  check.equal(printed({ kernel = KERNEL, user = { { name = "main" } } }, 0),
    "schedule\ndo_sys_poll\nentry_SYSCALL_64\nmain\n")
  check.equal(printed({}), "    [unknown]\n")
  check.equal(printed("Missed Kernel Stack"), "    [Missed Kernel Stack]\n")
  check.equal(printed({ comm = "c" }), "", "no part at all")
  local failing = { write = function() return nil, "Broken pipe", 32 end }
  check.equal({ stack.print(failing, KERNEL) }, { nil, "Broken pipe", 32 })
end)

check.finish()
