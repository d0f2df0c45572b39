-- SPDX-License-Identifier: Apache-2.0
-- probe_words: the names that every expression of a one-liner may use.

local M = {}

-- name -> {c=}, the variable of it; what is no number and stands alone has its kind, `alone`;
-- what is known at a return only has `exit`
M.builtins = {
  pid = { c = "mt_pid" }, tid = { c = "mt_tid" }, uid = { c = "mt_uid" }, gid = { c = "mt_gid" },
  cpu = { c = "mt_cpu" }, cgroup = { c = "mt_cgroup" }, rand = { c = "mt_rand" },
  ns = { c = "mt_ns" }, nsecs = { c = "mt_ns", name = "ns" },
  retval = { c = "mt_retval", exit = true }, elapsed = { c = "mt_elapsed", exit = true },
  comm = { alone = "comm" }, kstack = { alone = "kstack" }, ustack = { alone = "ustack" },
  func = { alone = "func" }, probe = { alone = "probe" },
}

-- functions of numbers, as C has them
M.calls = {
  ntohs = "bpf_ntohs", htons = "bpf_htons", ntohl = "bpf_ntohl", htonl = "bpf_htonl",
  sizeof = "sizeof",
}
-- functions that make text of a number when it is shown
M.shown = { ksym = true, usym = true, ip4 = true, vec_name = true, errname = true, hex = true }
-- functions that read text
M.texts = { str = true, kstr = "kernel", ustr = "user" }

local WORDS = {}
for word in ([[
  char short int long unsigned signed const volatile struct union enum void bool _Bool size_t
  ssize_t u8 u16 u32 u64 s8 s16 s32 s64 __u8 __u16 __u32 __u64 __s8 __s16 __s32 __s64 __be16
  __be32 __be64 uint8_t uint16_t uint32_t uint64_t int8_t int16_t int32_t int64_t uintptr_t
  pid_t uid_t gid_t loff_t sector_t dev_t gfp_t
]]):gmatch("%S+") do
  WORDS[word] = true
end
-- words of types
M.types = WORDS
M.tagged = { struct = true, union = true, enum = true }
M.values = { ["true"] = "1", ["false"] = "0", NULL = "((void *)0)" }

--- Names that any expression may use, for completion.
function M.names()
  local list = {}
  for _, set in ipairs{ M.builtins, M.calls, M.shown, M.texts } do
    for name in pairs(set) do
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return list
end

return M
