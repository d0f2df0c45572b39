#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each folder includes only what it may depend on.
. "$(dirname "$0")/common"

# folder: the folders it may include beside itself
arrows='
base:
object: base
kernel: base
loop: base
symbol: base
load: base object kernel loop symbol
cache: base object
compile: base object
repl: base loop
lua: base object kernel loop symbol load cache repl
app: base object kernel loop symbol load cache lua repl
'

# prints "FILE FOLDER INCLUDED" for each include of a folder's header
includes() {
	project_files '^(core|repl)/.*\.(c|h|cc)$' | grep -v '^core/compile/stub/' |
	xargs grep -HE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"[a-z]+/' |
	sed 's|^\(\(core/\)\{0,1\}\([a-z]*\)/[^:]*\):[^"]*"\([a-z]*\)/.*|\1 \3 \4|'
}

check_arrows() {
	includes | while read -r file folder included; do
		[ "$folder" != "$included" ] || continue
		allowed=$(echo "$arrows" | sed -n "s/^$folder://p")
		case " $allowed " in
		*" $included "*) ;;
		*) echo "$file: core/$folder may not include $included/" ;;
		esac
	done
}

# headers that only one folder may include: its path, and a regular expression
check_owner() {
	project_files '\.(c|h|cc)$' | grep -v "^$1/" |
	xargs grep -HnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*<($2)>" |
	sed "s|\$| (only $1 may)|"
}

{
	check_arrows
	check_owner core/lua '(lua[0-9.]*/)?(lua|lauxlib|lualib|luaconf)\.h' || :
	check_owner core/compile '(bcc|clang|llvm|clang-c|llvm-c)/.*' || :
	check_owner repl '(editline|readline|histedit).*' || :
	project_files '\.(cc|cpp|hpp)$' | grep -v '^core/compile/' | sed 's/$/: C++/' || :
} | no_findings
