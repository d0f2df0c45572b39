-- SPDX-License-Identifier: Apache-2.0

-- a running kernel that is moved by 0x1000000, and one image
local kernel = { id = "0102", text = 0x2000000 }
local info = {
  build_id = function() return "0102" end,
  banner = function() return "Linux version 5.0 (x) #1" end,
  address = function(_, name) return name == "_text" and 0x1000000 or nil end,
  symbol = function() return { name = "f", address = 0x1000100, size = 0x10, span = 0x20 } end,
  find = function(_, name)
    return name == "f" and { { name = "f", address = 0x1000100, size = 0x10, span = 0x20 } } or {}
  end,
  at = function(_, address)
    return address >= 0x1000100 and address < 0x1000120 and
      { { func = "f", file = "/b/./fs/../mm/f.c", dir = "/b", line = address & 0xff } } or {}
  end,
}
package.preload.debuginfo = function()
  return {
    open = function(path)
      if path:find("^/none") then
        return nil, "not there", "E-FILE"
      end
      return info
    end,
    kernel_address = function() return kernel.text end,
  }
end
package.preload.sys = function()
  return {
    release = function() return "5.0" end,
    ksym = function() return "f", 0, "vmlinux" end,
    read = function(path)
      return path == "/sys/kernel/notes" and ("=I4I4I4"):pack(4, 2, 3) .. "GNU\0" ..
        kernel.id:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end) .. "\0\0" or nil
    end,
    list = function() return nil end,
  }
end

local check = require "check"
local symline = require "symline"
local text = require "symline_text"

-- what is found, as one text; "" where nothing is
local function found(line, name)
  local f = text.parse(line, name)
  if not f then
    return ""
  end
  local what = f.address and ("0x%x"):format(f.address) or
    ("%s %x %s %s"):format(f.func, f.offset, f.size and ("%x"):format(f.size) or "-", f.module or "-")
  return what .. "|" .. line:sub(f.first, f.last)
end

check.describe("frames", function()
  local rows = {
    { "vfs_read+0x9a", "vfs_read 9a - -|vfs_read+0x9a" },
    { " vfs_read+0x9a/0x160\n", "vfs_read 9a 160 -|vfs_read+0x9a/0x160" },
    { "[   12.345678]  ? ip_vs_in+0x1/0x2 [ip_vs]", "ip_vs_in 1 2 ip_vs|ip_vs_in+0x1/0x2 [ip_vs]" },
    { "x+0x1/0x2 [nf_nat 1234abcd]", "x 1 2 nf_nat|x+0x1/0x2 [nf_nat 1234abcd]" },
    { " [<ffffffff81234567>] foo.isra.0+0x10/0x20", "foo.isra.0 10 20 -|foo.isra.0+0x10/0x20" },
    { "RIP: 0010:do_it+0x5/0x10", "do_it 5 10 -|do_it+0x5/0x10" },
    { "ns::f(int, char*)+0x12", "ns::f(int, char*) 12 - -|ns::f(int, char*)+0x12" },
    { "core::fmt::write+0x12", "core::fmt::write 12 - -|core::fmt::write+0x12" },
    { "    [libc.so.6+0x123]", "" },
    { "no frame at all", "" },
    { "a+1", "" },
    { "+0x12", "" },
    { "f+0x11112222333344445", "" },
  }
  for _, row in ipairs(rows) do
    check.equal(found(row[1]), row[2], row[1])
  end
end)

check.describe("addresses", function()
  check.equal(found("0x401136"), "0x401136|0x401136")
  check.equal(found("  ffffffff81234567"), "0xffffffff81234567|ffffffff81234567")
  check.equal(found("#3  0x0000000000401136 in ?? ()"), "0x401136|#3  0x0000000000401136")
  check.equal(found(" [<ffffffff81234567>] ?"), "0xffffffff81234567|[<ffffffff81234567>]")
  check.equal(found("[<0>] 0xffffffffffffffff"), "")
  check.equal(found("0xffffffffffffffff"), "")
  check.equal(found("RAX: ffffffff81234567 RBX: 0x12"), "")
end)

check.describe("names alone", function()
  check.equal(found("vfs_read", true), "vfs_read 0 - -|vfs_read")
  check.equal(found("vfs_read"), "")
  check.equal(found("vfs+read", true), "")
end)

check.describe("folded", function()
  local function find(frame)
    return frame.func ~= "none" and { { places = { { func = "in;ner", file = "a.h", line = 1 },
      { func = frame.func, file = "a.c", line = 2 } } } } or nil
  end
  check.equal(text.folded("me;main+0x1;none+0x2;x 7", find), "me;main at a.c:2;in:ner at a.h:1_[i];none+0x2;x 7")
  check.equal(text.folded("a;f+0x1_[k] 7", find), "a;f at a.c:2_[k];in:ner at a.h:1_[k] 7")
  check.equal(text.folded("a;f+0x1_[k] 7", find, true), "a;f at a.h:1_[k] 7")
  check.equal(text.folded("no count", find), "no count")
  check.equal(text.where{}, "??:?")
end)

check.describe("the running kernel", function()
  local resolver = assert(symline.kernel{ vmlinux = "/x/vmlinux" })
  check.equal(resolver.note, nil)
  local f = assert(resolver:frame{ address = 0x2000104 })[1]
  check.equal(f.places[1].line, 4, "moved")
  check.equal(f.places[1].file, "mm/f.c")
  check.equal({ f.func, f.offset, f.address }, { "f", 4, 0x1000104 })
  check.equal(select(2, resolver:frame{ address = 0x1000104 }), "/x/vmlinux has no line of 0x104", "not moved")
  kernel.text = nil
  resolver = assert(symline.kernel{ vmlinux = "/x/vmlinux" })
  check.contains(select(2, resolver:frame{ address = 0x2000104 }), "kernel.kptr_restrict")
  check.equal(resolver:frame{ func = "f", offset = 5 }[1].places[1].line, 5)
end)

check.describe("sizes", function()
  local resolver = assert(symline.kernel{ vmlinux = "/x/vmlinux" })
  for _, size in ipairs{ 0x10, 0x20 } do
    check.ok(resolver:frame{ func = "f", offset = 5, size = size }, "as the linker and the kernel count")
  end
  check.contains(select(2, resolver:frame{ func = "f", offset = 5, size = 0x30 }), "another build")
  check.contains(select(2, resolver:frame{ func = "f", offset = 0x20 }), "has only 0x20 bytes")
  check.contains(select(2, resolver:frame{ func = "f", offset = math.mininteger }), "has only 0x20 bytes")
  check.contains(select(2, resolver:frame{ func = "f", module = "m" }), "no debug information of module 'm'")
end)

check.describe("other kernels", function()
  kernel.id = "0103"
  local _, message, tag = symline.kernel{ vmlinux = "/x/vmlinux" }
  check.contains(message, "another build of Linux 5.0 than the running one (build id 0102, not 0103)")
  check.equal(tag, "E-DEBUGINFO")
  check.contains(symline.kernel{ vmlinux = "/x/vmlinux", release = "5.0" }.note, "not the running kernel")
  check.contains(select(2, symline.kernel{ vmlinux = "/x/vmlinux", release = "5.1" }), "is Linux 5.0, not 5.1")
  check.equal({ symline.kernel{ vmlinux = "/none" } }, { nil, "not there", "E-FILE" })
  check.contains(select(2, symline.kernel{}), "no debug information of Linux 5.0; looked at\n")
end)

check.finish()
