#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Manual pages say what the code does: a script's page has the options that it
# parses, moontrace(1) the options, commands and error tags, moontrace-lua(3)
# each function of the binding; groff finds no fault in them.
. "$(dirname "$0")/common"
need lua5.4

# the OPTIONS section of a page
options_of() {
	sed -n '/^\.SH OPTIONS/,/^\.SH FIELDS/p' "$1" | sed '$d'
}

# names in the first column of a table of C, {name} or {letter, name}
names_in() {	# file, sed expression
	sed -n "$2" "$1"
}

plain() {
	sed 's/\\//g' "$1"
}

{
	for script in scripts/*.lua; do
		page=man/$(basename "$script" .lua).8
		if [ ! -e "$page" ]; then
			echo "$page: missing"
			continue
		fi
		LUA_PATH='stdlib/?.lua' lua5.4 man/options.lua "$script" >"$findings.made"
		options_of "$page" | cmp -s - "$findings.made" ||
			echo "$page: OPTIONS differ from what $script parses (man/options.lua)"
		for section in FIELDS OVERHEAD EXAMPLES; do
			grep -q "^\.SH $section" "$page" || echo "$page: no $section"
		done
		grep -q "| $(basename "$script" .lua) |" README.md || echo "README.md: no row for $script"
	done
	rm -f "$findings.made"

	page=man/moontrace.1
	names_in core/app/main.c 's/^\t{ \(0\|'"'.'"'\), "\([a-z-]*\)".*/--\2/p' |
		while read -r option; do
			plain $page | grep -qF -e "$option" || echo "$page: no $option"
		done
	names_in core/base/error.c 's/^\t{ "\(E-[A-Z]*\)",.*/\1/p' | while read -r tag; do
		grep -q "^\.B $tag\$" $page || echo "$page: no $tag"
	done
	for command in core/app/*.c; do
		names_in "$command" 's/^\t\.name = "\([a-z]*\)",/\1/p' | while read -r name; do
			sed -n '/^\.SH COMMANDS/,/^\.SH "ENDING/p' $page | grep -qw "$name" ||
				echo "$page: no command $name"
		done
	done

	page=man/moontrace-lua.3
	for file in core/lua/*.c; do
		names_in "$file" 's/^\t\t{ "\([a-z][a-z_]*\)", [a-z_]* },$/\1/p' | while read -r name; do
			plain $page | grep -qE "(^|[^a-z_])$name *(\(|\{)" ||
				echo "$page: no $name() of $file"
		done
	done

	! command -v groff >/dev/null || for page in man/*.[1-8]; do
		groff -ww -man -z "$page" 2>&1
	done
} | no_findings
