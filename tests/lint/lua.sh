#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No Lua file gives luacheck anything to say; .luacheckrc has the globals.
. "$(dirname "$0")/common"

need luacheck
project_files '\.lua$' | grep -v '^tests/golden/' | xargs -r luacheck --quiet --codes --no-color
