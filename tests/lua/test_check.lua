-- SPDX-License-Identifier: Apache-2.0
-- The harness itself must be able to fail.

local check = require "check"

local function run(code)
  local lua = os.getenv("LUA") or "lua5.4"
  local pipe = assert(io.popen(("%s -e '%s' 2>&1"):format(lua, code)))
  local text = pipe:read("a")
  local passed, _, status = pipe:close()
  return passed and 0 or status, text
end

check.describe("check", function()
  local status, text = run 'c=require"check" c.equal(1,2) c.finish()'
  check.equal(status, 1, "a failed check fails the file")
  check.contains(text, "not ok 1", "and says so")
  check.equal(run 'c=require"check" c.equal(1,1.0) c.finish()', 1, "1 is not 1.0")
  check.equal(run 'c=require"check" c.equal({1},{1,2}) c.finish()', 1, "a missing key differs")
  check.equal(run 'c=require"check" c.equal({1,2},{1}) c.finish()', 1, "a surplus key differs")
  check.equal(run 'c=require"check" c.raises(function() end, "") c.finish()', 1, "no error")
  check.equal(run 'c=require"check" c.raises(error, "x") c.finish()', 1, "the wrong error")
  check.equal(run 'c=require"check" c.contains("a.c", "abc") c.finish()', 1, "no such part")
  check.equal(run 'c=require"check" c.describe("d", error) c.finish()', 1, "an error in a group")
  check.equal(run 'c=require"check" c.finish()', 1, "no check at all")
  check.equal(run 'c=require"check" c.equal({a={1}},{a={1}}) c.finish()', 0, "success")
end)

check.finish()
