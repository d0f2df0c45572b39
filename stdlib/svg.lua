-- SPDX-License-Identifier: Apache-2.0
-- svg: text, numbers and colours as SVG files have them.

local fmt = require "fmt"

local M = {}

local ENTITY = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

--- Any text as XML text or attribute: what XML cannot hold (control characters, bytes that are
--- not UTF-8, U+FFFE) becomes a visible escape, as fmt.safe has them.
function M.text(s)
  s = fmt.safe(s)
  if s:find("\xef\xbf[\xbe\xbf]") then
    s = s:gsub("\xef\xbf([\xbe\xbf])", { ["\xbe"] = "\\u{fffe}", ["\xbf"] = "\\u{ffff}" })
  end
  return (s:gsub("[&<>\"']", ENTITY))
end

--- A number with at most three decimals, whatever the locale.
function M.number(x)
  local thousandths = math.floor(x * 1000 + 0.5)
  local whole, rest = thousandths // 1000, thousandths % 1000
  if rest == 0 then
    return ("%d"):format(whole)
  end
  return (("%d.%03d"):format(whole, rest):gsub("0+$", ""))
end

--- A count with commas, "1,234,567"; a u64, or a float.
function M.count(n)
  local text = fmt.u64(n)
  if math.type(n) == "float" and n < 1e15 and n ~= math.floor(n) then
    return M.number(n)
  end
  return (text:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
end

--- A share as a percentage of two decimals at most three digits: "12.3%", "0.04%".
function M.percent(share)
  local percent = share * 100
  return (percent ~= 0 and math.abs(percent) < 0.995 and "%.2f%%" or "%.1f%%"):format(percent)
end

local function channel(h, s, l, n)
  local k = (n + h / 30) % 12
  local a = s * math.min(l, 1 - l)
  return math.floor(255 * (l - a * math.max(-1, math.min(k - 3, 9 - k, 1))) + 0.5)
end

--- "#rrggbb" of a hue (degrees), a saturation and a lightness (0 to 1).
function M.hsl(hue, saturation, lightness)
  return ("#%02x%02x%02x"):format(channel(hue, saturation, lightness, 0),
    channel(hue, saturation, lightness, 8), channel(hue, saturation, lightness, 4))
end

--- A number from 0 to 1 that belongs to a text.
function M.hash(text)
  local h = 2166136261
  for i = 1, math.min(#text, 64) do
    h = ((h ~ text:byte(i)) * 16777619) & 0xffffffff
  end
  h = ((h ~ h >> 15) * 0x2c1b3c6d) & 0xffffffff
  return (h >> 8) / 0x1000000
end

return M
