-- SPDX-License-Identifier: Apache-2.0
-- for tests/lint/lua.sh
std = "lua54"
max_line_length = 120

-- what moontrace defines for scripts; moontrace-lua(3) documents each
read_globals = {
  "every", "after", "on_exit",
  "count", "hist", "latency", "trace", "stacks", "profile",
}

files["tests/lua"] = { allow_defined_top = true }
