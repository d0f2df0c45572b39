-- SPDX-License-Identifier: Apache-2.0
-- fmt: numbers, addresses and text as people read them.
--
-- Kernel values are 64 bits wide and Lua integers are signed: where a function here says
-- "unsigned", an integer is read as u64, so -1 stands for 2^64-1. A wrong type is misuse and
-- raises.

local M = {}

-- code points wider than one terminal cell, as {first, last}
local WIDE = {
  { 0x1100, 0x115f }, { 0x2e80, 0x303e }, { 0x3041, 0x33ff }, { 0x3400, 0x4dbf },
  { 0x4e00, 0x9fff }, { 0xa000, 0xa4cf }, { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff },
  { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 }, { 0x1f300, 0x1f64f },
  { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
}

-- combining marks: no cell of their own
local ZERO = {
  { 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x064b, 0x065f },
  { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff }, { 0x3099, 0x309a },
  { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }, { 0xe0100, 0xe01ef },
}

-- what a terminal acts on, hides, or reorders text by
local UNSAFE = {
  { 0x00, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x061c, 0x061c }, { 0x180e, 0x180e },
  { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
  { 0xfff9, 0xfffb }, { 0xe0000, 0xe007f },
}

local NAMED = { [9] = "\\t", [10] = "\\n", [13] = "\\r" }

local function within(ranges, code)
  for _, range in ipairs(ranges) do
    if code >= range[1] and code <= range[2] then
      return true
    end
  end
  return false
end

local function misuse(name, want, got)
  error(("fmt.%s: expected %s, got %s"):format(name, want, type(got)), 3)
end

--- Unsigned decimal text of a 64-bit integer; a float is printed without decimals.
function M.u64(n)
  local i = math.tointeger(n)
  if not i then
    if math.type(n) ~= "float" then
      misuse("u64", "a number", n)
    end
    return ("%.0f"):format(n)
  end
  if i >= 0 then
    return ("%d"):format(i)
  end
  local tens = (i >> 1) // 5
  return ("%d%d"):format(tens, i - tens * 10)
end

--- A 64-bit integer read as unsigned, as a float (exact up to 2^53).
function M.u64_float(n)
  if math.type(n) == "integer" and n < 0 then
    return n + 0x1p64
  end
  return n + 0.0
end

--- "0x1f"; unsigned; digits is the least number of digits (zeros in front).
function M.hex(n, digits)
  local i = math.tointeger(n)
  if not i then
    misuse("hex", "an integer", n)
  end
  return ("0x%0" .. (digits or 1) .. "x"):format(i)
end

-- n in the largest unit that leaves a number of at least 1; "1000.0" is never printed
local function scaled(n, base, units, gap)
  local value, i = math.abs(n + 0.0), 1
  while i < #units and value >= base - 0.05 do
    value, i = value / base, i + 1
  end
  local whole = i == 1 and math.tointeger(n)
  local text = whole and ("%d"):format(math.abs(whole)) or ("%.1f"):format(value)
  return (n < 0 and "-" or "") .. text .. (units[i] ~= "" and gap or "") .. units[i]
end

local SI = { "", "k", "M", "G", "T", "P", "E" }
local IEC = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" }
local TIME = { "ns", "us", "ms", "s" }

--- A count in powers of 1000, one decimal: "999", "1.2k", "3.0M". Signed.
function M.si(n)
  return scaled(n, 1000, SI, "")
end

--- A size in powers of 1024: "512 B", "4.0 KiB". Signed.
function M.bytes(n)
  return scaled(n, 1024, IEC, " ")
end

--- Nanoseconds in the unit that suits: "512 ns", "1.2 us", "3.4 ms", "90.0 s". Signed.
function M.ns(ns)
  return scaled(ns, 1000, TIME, " ")
end

--- Nanoseconds as seconds, "1.234567", cut (not rounded) to digits decimals, 6 unless told.
function M.time(ns, digits)
  local i = math.tointeger(ns)
  digits = digits or 6
  if not i or digits < 0 or digits > 9 then
    misuse("time", "an integer and 0 to 9 digits", ns)
  end
  local whole, rest = i // 1000000000, i % 1000000000
  if whole < 0 and rest > 0 then
    whole, rest = whole + 1, 1000000000 - rest
  end
  local text = ("%s%d"):format(i < 0 and "-" or "", math.abs(whole))
  return digits == 0 and text or text .. "." .. ("%09d"):format(rest):sub(1, digits)
end

--- Dotted quad of an IPv4 address: four bytes in network order, or the __be32 as the kernel
--- stores it, read as a little-endian integer.
function M.ipv4(addr)
  local i = math.tointeger(addr)
  if type(addr) ~= "string" and i then
    addr = ("<I4"):pack(i & 0xffffffff)
  end
  if type(addr) ~= "string" or #addr ~= 4 then
    misuse("ipv4", "an integer or 4 bytes", addr)
  end
  return ("%d.%d.%d.%d"):format(addr:byte(1, 4))
end

-- first and last index of the longest run of zero groups, at least two long
local function zero_run(groups)
  local best_first, best_len, first = nil, 1, nil
  for i = 1, #groups + 1 do
    if groups[i] == 0 then
      first = first or i
    elseif first then
      if i - first > best_len then
        best_first, best_len = first, i - first
      end
      first = nil
    end
  end
  return best_first, best_first and best_first + best_len - 1
end

local function groups_text(groups, first, last)
  local words = {}
  for i = first, last do
    words[#words + 1] = ("%x"):format(groups[i])
  end
  return table.concat(words, ":")
end

--- IPv6 text as RFC 5952 wants it, from 16 bytes in network order; IPv4-mapped addresses
--- end in a dotted quad.
function M.ipv6(addr)
  if type(addr) ~= "string" or #addr ~= 16 then
    misuse("ipv6", "16 bytes", addr)
  end
  if addr:sub(1, 12) == ("\0"):rep(10) .. "\xff\xff" then
    return "::ffff:" .. M.ipv4(addr:sub(13))
  end
  local groups = { (">I2I2I2I2I2I2I2I2"):unpack(addr) }
  groups[9] = nil
  local first, last = zero_run(groups)
  if not first then
    return groups_text(groups, 1, 8)
  end
  return groups_text(groups, 1, first - 1) .. "::" .. groups_text(groups, last + 1, 8)
end

--- "aa:bb:cc:dd:ee:ff" of six bytes.
function M.mac(addr)
  if type(addr) ~= "string" or #addr ~= 6 then
    misuse("mac", "6 bytes", addr)
  end
  return ("%02x:%02x:%02x:%02x:%02x:%02x"):format(addr:byte(1, 6))
end

--- Host number of a __be16 port read as a little-endian integer.
function M.port(be16)
  local i = math.tointeger(be16)
  if not i then
    misuse("port", "an integer", be16)
  end
  return (i & 0xff) << 8 | i >> 8 & 0xff
end

local function safe_code(code)
  if not within(UNSAFE, code) then
    return utf8.char(code)
  end
  return NAMED[code] or (code < 0x80 and "\\x%02x" or "\\u{%x}"):format(code)
end

--- Text that can do a terminal no harm: control characters, invisible and reordering code
--- points and bytes that are not UTF-8 become visible escapes (\n, \x1b, \u{202e}). For
--- display only: a backslash in s stays as it is. Any value; others go through tostring.
function M.safe(s)
  s = tostring(s)
  if not s:find("[^\x20-\x7e]") then
    return s
  end
  local parts, at = {}, 1
  while at <= #s do
    local _, bad = utf8.len(s, at)
    for _, code in utf8.codes(s:sub(at, (bad or #s + 1) - 1)) do
      parts[#parts + 1] = safe_code(code)
    end
    if not bad then
      break
    end
    parts[#parts + 1] = ("\\x%02x"):format(s:byte(bad))
    at = bad + 1
  end
  return table.concat(parts)
end

local function cell_width(code)
  if code < 0x300 then
    return 1
  end
  return within(ZERO, code) and 0 or within(WIDE, code) and 2 or 1
end

--- Terminal cells that fmt.safe(s) takes.
function M.width(s)
  local width = 0
  for _, code in utf8.codes(M.safe(s)) do
    width = width + cell_width(code)
  end
  return width
end

--- fmt.safe(s) cut to at most width cells; a cut text ends in "+".
function M.clip(s, width)
  s = M.safe(s)
  if width < 1 then
    return ""
  end
  if M.width(s) <= width then
    return s
  end
  local used = 0
  for at, code in utf8.codes(s) do
    used = used + cell_width(code)
    if used > width - 1 then
      return s:sub(1, at - 1) .. "+"
    end
  end
  return s
end

--- fmt.safe(s) filled with spaces to width cells, never cut; align is "left" (the default)
--- or "right".
function M.pad(s, width, align)
  s = M.safe(s)
  local fill = (" "):rep(width - M.width(s))
  return align == "right" and fill .. s or s .. fill
end

local function column_of(col)
  col = type(col) == "table" and col or { col }
  local format = col.format or col[2]
  local align = col.align
  if not align and type(format) == "string" then
    align = format:find("^%%%-") and "left" or nil
  end
  return {
    key = col[1], format = format, align = align, max = col.max,
    title = col.title or tostring(col[1]):upper(), cells = {}, numeric = true,
  }
end

local function cell_text(col, value, row)
  if value == nil then
    return "-"
  end
  col.numeric = col.numeric and type(value) == "number"
  if type(col.format) == "function" then
    value = col.format(value, row)
  elseif col.format then
    value = col.format:format(value):match("^ *(.-) *$")
  end
  return col.max and M.clip(value, col.max) or M.safe(value)
end

local function fill_column(col, rows)
  col.width = M.width(col.title)
  for i, row in ipairs(rows) do
    col.cells[i] = cell_text(col, row[col.key], row)
    col.width = math.max(col.width, M.width(col.cells[i]))
  end
  col.align = col.align or (col.numeric and #rows > 0 and "right" or "left")
  table.insert(col.cells, 1, col.title)
end

--- Aligned text table with a title line; two spaces between columns. rows is a list of tables;
--- columns a list of keys or {key, "%.2f" | function(value, row), title=, align=, max=}. The
--- title is the key in capitals unless given; numbers go right; max clips; nil is "-".
function M.table(rows, columns)
  local cols = {}
  for i, col in ipairs(columns) do
    cols[i] = column_of(col)
    fill_column(cols[i], rows)
  end
  local lines = {}
  for i = 1, #rows + 1 do
    local cells = {}
    for j, col in ipairs(cols) do
      cells[j] = M.pad(col.cells[i], col.width, col.align)
    end
    lines[i] = table.concat(cells, "  "):gsub(" +$", "") .. "\n"
  end
  return table.concat(lines)
end

return M
