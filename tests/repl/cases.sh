# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# shellcheck disable=SC2015,SC2034,SC2154 # "or failed"; variables of run
# What the prompt shall do, a function each; read by run.

may_trace() {
	[ "$(id -u)" -eq 0 ] || skip "not root"
}

alive() {	# a process
	case $(ps -o stat= -p "$1") in
	'' | Z*) return 1 ;;
	esac
}

case_values() {
	prompt && line '6 * 7' && expect '^42$' &&
		line '{ b = "x", a = { 1, 2.5 } }' && expect '^\{ a = \{ 1, 2\.5 \}, b = "x" \}$' &&
		line '1 << 63' && expect '^-9223372036854775808 \(0x8000000000000000\)$' &&
		line '"a", nil, true' && expect '^nil$' && expect '^true$' &&
		line 'x = 5' && line '= x + 1' && expect '^6$' && line '_' && expect_last '6
>'
}

case_errors() {
	prompt && line 'nosuch.field' && expect "^error: .*index a nil value \(global 'nosuch'\)$" &&
		line 'function f() error("deep") end' && line 'function g() f() return 1 end' &&
		line 'g()' && expect '^error: deep$' && expect "in function 'f'" &&
		absent 'stdlib|console|\[C\]' && line 'bpf.load("int x(")' && expect '^error' &&
		line 'error({})' && expect 'a value of type table' && line '1 +* 2' &&
		expect 'unexpected symbol' && line '"still"' && expect '^still$'
}

case_several_lines() {
	prompt && line 'function twice(n)' && line '  return 2 * n' && line 'end' &&
		line 'twice(21)' && expect '^42$' && keys Up Up && sleep 0.3 && expect_last '> function twice(n)
  return 2 * n
end' && keys C-c && line 'for i = 1, 2 do' && line 'print("row " .. i)' && keys Up &&
		sleep 0.2 && keys Home && text 'x = i ' && keys Down && line 'end' && expect '^row 2$' &&
		line 'x' && expect_last '2
>'
}

# as one piece where the terminal marks it, line by line where not
case_paste() {
	prompt && printf 'local t = {}\nfor i = 1, 3 do\n\tt[i] = i * i\nend\nprint(t[3], "pasted")\n' \
		>"$dir/$case/text" &&
		tm load-buffer -b "$case" "$dir/$case/text" &&
		tm paste-buffer -p -b "$case" -t "$case" && sleep 0.3 && keys Enter &&
		expect '^9	*pasted|^9 +pasted' && expect_last '>' &&
		sed -i 's/pasted/again/; s/^local //' "$dir/$case/text" &&
		tm load-buffer -b "$case" "$dir/$case/text" &&
		tm paste-buffer -b "$case" -t "$case" && expect '^9 +again' && expect_last '>'
}

case_interrupt() {
	prompt && line 'while true do end' && sleep 0.3 && keys C-c && expect 'interrupted' &&
		line 'while true do pcall(function() while true do end end) end' && sleep 0.3 &&
		keys C-c && expect_last 'interrupted
>' && line 'coroutine.wrap(function() while true do end end)()' && sleep 0.3 && keys C-c &&
		sleep 0.3 && text 'half typed' && expect 'half typed$' && keys C-c && line '2 + 2' &&
		expect_last '> half typed^C
> 2 + 2
4
>' && line 'bpf.run()' && sleep 0.3 && keys C-c && sleep 0.2 && line '"back"' && expect '^back$'
}

case_output_above() {
	prompt && line 'n = 0; every(0.2, function() n = n + 1; if n < 5 then print("tick " .. n) end end)' &&
		text 'print("half' && expect '^tick 4$' && expect_last 'tick 4
> print("half' && text ' typed")' && keys Left Left BSpace BSpace BSpace BSpace BSpace &&
		keys Enter && expect '^half$' && line ':stop' && expect '^stopped: 1$' && sleep 0.5 &&
		line 'io.write("no newline")' && expect_last 'no newline
>' && line 'after(0.2, function() io.write("one ") end) after(0.6, function() print("two") end)' &&
		sleep 0.2 && text 'typed' && expect '^one two$' && expect_last '> typed'
}

# of a timer: told, without what is not the user's; it ticks on
case_callback_error() {
	prompt && line 'n = 0 every(0.2, function() n = n + 1 if n < 3 then error("bad tick") end end)' &&
		text 'half' && expect 'error\[E-LUA\]: .*bad tick' && absent 'traceback|stdlib' && sleep 0.5 &&
		expect_last '> half' && keys C-c && line 'n > 2' && expect '^true$' && line ':stop' &&
		expect '^stopped: 1$' && line 'm = n' && sleep 0.5 && line 'n - m' && expect '^0$'
}

# 20 columns, a line longer than that, and output meanwhile
case_narrow() {
	columns=20
	prompt && line 'every(0.2, function() print("a tick") end)' && sleep 0.3 &&
		text 'x = "a line that is longer than two rows"' && sleep 1 && expect_last '> x = "a line that i
s longer than two ro
ws"' && [ "$(screen | grep -c '^> x = ')" -eq 1 ] || failed "drawn twice"
}

case_resize() {
	prompt && line 'every(0.2, function() print("tick") end)' &&
		text 'x = "0123456789 0123456789 0123456789 0123456789"' && sleep 0.5 &&
		tm resize-window -t "$case" -x 30 -y 24 && sleep 0.7 && expect_last '> x = "0123456789 0123456789 0
123456789 0123456789"' && tm resize-window -t "$case" -x 1 -y 24 && sleep 0.6 &&
		tm resize-window -t "$case" -x 100 -y 30 && sleep 0.6 &&
		expect_last '> x = "0123456789 0123456789 0123456789 0123456789"' && keys C-c &&
		line 'require("console").size()' && expect '^30$'
}

case_complete() {
	prompt && text 'fm' && keys Tab && text '.n' && keys Tab && expect 'fmt\.ns\($' &&
		keys Tab && expect '^fmt\.ns\(NS\)' && text '1500)' && keys Enter && expect '^1\.5 us$' &&
		text 'whi' && keys Tab && expect '> while$' && keys C-c && text ':he' && keys Tab &&
		expect '^> :help$' && text 'pr' && keys Tab Tab && expect 'probes' && keys C-c &&
		line 'my_table = { alpha = 1, beta = { gamma = 2 } }' && text 'my_table.beta.' && keys Tab &&
		expect 'beta\.gamma$' && keys C-c && touch "$dir/$case/home/a-file.lua" &&
		text ':save a-f' && keys Tab && expect ':save a-file\.lua$' && keys C-c &&
		text 'io.open("a-f' && keys Tab && expect 'open\("a-file\.lua$' && keys C-c &&
		text ':run soft' && keys Tab && expect ':run softirqs$' && keys C-c &&
		text 'nothing_begins_so' && keys Tab && expect_last '> nothing_begins_so'
}

case_complete_probes() {
	may_trace || return 1
	prompt && text 'count("tracepoint:sched:sched_swi' && keys Tab && expect 'sched_switch$' &&
		text '", {by = "prev_c' && keys Tab && expect 'by = "prev_comm$' && keys C-c &&
		text ':probes tracepoint:irq:softirq_e' && keys Tab && sleep 0.2 && keys Tab &&
		expect 'softirq_entry +tracepoint:irq:softirq_exit' && text 'nt' && keys Tab &&
		keys Enter && expect '^tracepoint:irq:softirq_entry\(.*vec' &&
		line ':fields irq:softirq_entry' && expect ' vec$' && text ':fields irq:softirq_ra' &&
		keys Tab && expect ':fields irq:softirq_raise$'
}

case_history() {
	prompt && line 'marker_one = 1' && line 'print("two")' && line ' print("private")' &&
		expect '^private$' && keys C-r && text 'marker' && expect 'marker' && keys Enter &&
		sleep 0.2 && line 'marker_one + 10' && expect '^11$' && line ':quit' &&
		expect '^\[status 0\]$' && file=$dir/$case/home/.moontrace_history &&
		{ [ "$(stat -c %a "$file")" = 600 ] || failed "mode $(stat -c %a "$file")"; } &&
		{ grep -q marker_one "$file" || failed "nothing is kept"; } &&
		{ ! grep -q private "$file" || failed "private is kept"; } &&
		tm kill-session -t "$case" && prompt && keys Up Up Enter && expect 'marker_one'
}

case_history_link() {
	mkdir -p "$dir/$case/home" && ln -s "$dir/$case/elsewhere" "$dir/$case/home/.moontrace_history"
	prompt && expect 'history.*moontrace_history' && line 'x = 1' && line ':quit' &&
		expect '^\[status 0\]$' && { [ ! -e "$dir/$case/elsewhere" ] || failed "it was followed"; }
}

case_watch() {
	prompt && line 'n = 0; watch(function() n = n + 1; return "at " .. n .. "\nof two lines" end, 0.2)' &&
		expect '^at [4-9]' && { [ "$(screen | grep -c '^at ')" -eq 1 ] || failed "more than one"; } ||
		return 1
	keys q && expect_last '>' && line '"and on"' && expect '^and on$' && absent 'every 0\.2 s.*every'
}

case_jobs() {
	may_trace || return 1
	prompt && line 'h = count("tracepoint:sched:sched_switch", {by = "cpu"})' &&
		expect '^\[1\] count tracepoint:sched:sched_switch' && line 'h' && expect '^ *CPU +COUNT' &&
		sleep 2.2 && line ':jobs' && expect '^\[1\] count tracepoint:sched:sched_switch .*/s +[▁▂▃▄▅▆▇█]' && line ':maps' &&
		expect '^values' && line ':last' && expect 'BPF|int |struct' && line ':stop 1' &&
		expect '^ *CPU +COUNT' && line ':jobs' && expect '^nothing runs$' && line 'h:hits() > 0' &&
		expect '^true$'
}

# what had come before the stop is shown before it is told
case_stop_trace() {
	may_trace || return 1
	prompt && line 'trace("tracepoint:sched:sched_switch", "%d", {"prev_pid"})' && expect '^[0-9]+$' &&
		sleep 0.5 && line ':stop' && expect '^stopped: 1$' && sleep 0.5 && expect_last 'stopped: 1
>'
}

case_save() {
	may_trace || return 1
	prompt && line 'count("tracepoint:sched:sched_switch", {by = "comm"})' && expect '^\[1\]' &&
		line ':save saved.lua' && expect '^saved 1 probe' && line ':save saved.lua' &&
		expect 'is there already' && line ':quit' && expect '^\[status 0\]$' &&
		for seconds in 2 20; do
			timeout -s INT $seconds "$moontrace" "$dir/$case/home/saved.lua" \
				>"$dir/$case/out" 2>&1
			grep -q COUNT "$dir/$case/out" && return 0
		done && failed "it printed: $(cat "$dir/$case/out")"
}

# scripts get the options that the prompt has
case_run() {
	may_trace || return 1
	mkdir -p "$dir/$case/home/modules"
	echo 'return "from -I"' >"$dir/$case/home/modules/words.lua"
	echo 'print(require "words", arg[1])' >"$dir/$case/home/mine.lua"
	options='-I modules'
	prompt && line ':run softirqs 1' && text 'typing' && expect '^\[1\] .*(SOFTIRQ|softirq|COUNT)' &&
		expect '^> typing$' && keys C-c && line ':jobs' && expect 'softirqs 1 +[0-9]:' &&
		line ':stop 1' && expect 'has ended|exit status|signal' && line ':jobs' &&
		expect '^nothing runs$' && line ':run nosuchscript' && expect "^\[2\] error\[E-SCRIPT\]" &&
		line ':run ./mine.lua "two words"' && expect '^\[3\] from -I	*two words|^\[3\] from -I +two words'
}

# nothing is left of the probes, however it ends
case_leave() {
	may_trace || return 1
	prompt && line 'count("tracepoint:sched:sched_switch")' && expect '^\[1\]' &&
		line ':run softirqs 1' && sleep 0.5 && who=$(pid) && keys C-d && expect '^\[status 0\]$' &&
		{ ! alive "$who" || failed "it runs on"; } && tm kill-session -t "$case" &&
		prompt && line ':run softirqs 1' && expect '^\[1\]' && sleep 0.5 && who=$(pid) &&
		child=$(ps -o pid= --ppid "$who" | tr -d ' ' | head -n 1) && kill -9 "$who" && sleep 1 &&
		{ ! alive "$child" || failed "the script runs on"; }
}

case_signals() {
	prompt && text 'abc' && who=$(pid) && kill -TERM "$who" && expect '^\[status 143\]$' &&
		tm kill-session -t "$case" && prompt && who=$(pid) && kill -HUP "$who" &&
		expect '^\[status 129\]$' && tm kill-session -t "$case" && prompt && kill -ABRT "$(pid)" &&
		expect '^\[status 134\]$' && mode=$(tm display-message -p -t "$case" '#{pane_tty}') &&
		{ stty -a <"$mode" | grep -q ' icanon' || failed "the terminal is raw"; }
}

case_dumb() {
	term=dumb
	prompt && line 'for i = 1, 2 do' && expect '^>>' && line 'print("row " .. i)' && line 'end' &&
		expect '^row 2$' && line 'after(0.2, function() print("above") end)' && text 'ty' &&
		expect '^above$' && text 'pe' && keys C-c && line '"end"' && expect '^end$' &&
		line 'n = 0 watch(function() n = n + 1 return "at " .. n end, 0.2)' && expect '^at 3' &&
		keys q && line '"on"' && expect '^on$' && keys C-d && expect '^\[status 0\]$' &&
		absent '\[2004|\[0m'
}

# a terminal that terminfo does not know
case_no_terminfo() {
	environment='TERMINFO=/nonexistent TERM=xterm-unknown'
	prompt && line 'every(0.2, function() print("tick") end)' && sleep 0.3 &&
		text 'x = "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 01234567890"' &&
		sleep 0.5 && keys C-a && sleep 0.5 && text '-- ' && sleep 0.5 &&
		expect_last '> -- x = "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123
4567890"' && { [ "$(screen | grep -c 'x = ')" -eq 1 ] || failed "drawn twice"; }
}

# its terminfo asks for delays, which are not shown
case_vt100() {
	term=vt100
	prompt && line 'watch(function() return ("x"):rep(100) end, 0.2)' && sleep 0.7 &&
		expect '^x{80}$' && absent '<[0-9]+>' &&
		{ [ "$(screen | grep -c '^xx*$')" -eq 1 ] || failed "drawn twice"; } &&
		keys q && expect_last '>'
}

case_locale_c() {
	lang=C
	prompt && line 's = "naïve"' && line '#s' && expect '^6$' && line 's' && expect '^naïve$' &&
		text 'x = "日本' && keys BSpace && text '本語"' && keys Enter && line 'x' && expect '^日本語$'
}

case_locale_utf8() {
	prompt && line 's = "naïve ✓"' && line '#s' && expect '^10$' && text '"日本' && keys Left &&
		text 'x' && keys End && text '"' && expect '^> "日x本"$' && keys Enter && expect '^日x本$'
}

case_colours() {
	prompt && line '{ 1, "a" }' && expect '^\{ 1' &&
		tm capture-pane -e -p -t "$case" | grep -q '\[36m1' || failed "no colours" || return 1
	tm kill-session -t "$case"
	environment='NO_COLOR=1'
	prompt && line '{ 1, "a" }' && expect '^\{ 1' &&
		! tm capture-pane -e -p -t "$case" | grep -qE '\[(3[0-9]|9[0-9])m' || failed "colours"
}

case_unprivileged() {
	[ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null || skip "needs root and setpriv" || return 1
	mkdir -p "$dir/$case/home" && chmod 711 "$dir" "$dir/$case" && chmod 777 "$dir/$case/home"
	cp "$moontrace" "$dir/$case/moontrace" && chmod 755 "$dir/$case/moontrace"
	start "setpriv --reuid=65534 --regid=65534 --clear-groups $dir/$case/moontrace" &&
		expect 'CAP_.*missing' && expect '^>' && line '1 + 1' && expect '^2$' &&
		line 'count("tracepoint:sched:sched_switch")' && expect 'error\[E-P'
}

case_suspend() {
	start "bash --norc -i -c 'set -m; $moontrace; fg; echo [left]'"
	expect '^>' && text 'half' && sleep 0.2 && keys C-z && sleep 0.5 && expect 'half' &&
		text ' typed' && expect 'half typed$' && keys C-c && line '3 + 4' && expect '^7$'
}

# ---- live views ----

# a view of a script: rows that grow, and an error at refresh $1
view() {
	mkdir -p "$dir/$case/home"
	cat >"$dir/$case/home/view.lua" <<-END
	local bpf, top = require "bpf", require "tool_top"
	local counts, turn = top.counts({ "n" }), 0
	top.start{ interval = 0.2, columns = { { "n", "%.1f" }, "name" }, update = function()
	  turn = turn + 1
	  local turns <close> = io.open("turns", "a")
	  turns:write(".")
	  assert(turn ~= ${1:-0}, "no more of it")
	  counts:fade()
	  for i = 1, 40 do
	    counts:add("k" .. i, "n", 41 - i, function() return { name = "row" .. i } end)
	  end
	  return ("turn %d of a heading that is long"):format(turn), counts:list()
	end }
	bpf.run()
	END
	start "${environment:-} $moontrace view.lua"
}

# the screen is taken, or given back: alternate screen, cursor
screen_is() {
	now=$(tm display-message -p -t "$case" '#{alternate_on}#{cursor_flag}')
	[ "$now" = "$1" ] || failed "alternate screen and cursor: $now"
}

# the terminal takes lines and shows what is typed, and has a cursor
is_usual() {
	tty=$(tm display-message -p -t "$case" '#{pane_tty}')
	for setting in icanon echo; do
		stty -a <"$tty" | grep -qE "(^|[ ;])$setting( |;|$)" || failed "no $setting" || return 1
	done
	screen_is 01
}

# drawn in one place, as high as the terminal; q ends it and the last view stays
case_view() {
	view && expect '^turn [3-9] ' && screen_is 10 &&
		{ [ "$(screen | grep -c NAME)" -eq 1 ] || failed "drawn twice"; } &&
		expect '^ *[0-9.]+  row21$' && absent 'row22' && text 'x?' && sleep 0.5 && absent 'x[?]' &&
		text q && expect '^\[status 0\]$' && is_usual && expect 'row20$'
}

case_view_resize() {
	view && expect 'row21$' && tm resize-window -t "$case" -x 30 -y 8 && expect '^turn [0-9]+ of' &&
		expect 'row5$' && absent 'row6$' &&
		tm resize-window -t "$case" -x 1 -y 8 && expect '^\+$' && absent 'N' && sleep 0.5 &&
		tm resize-window -t "$case" -x 60 -y 1 && sleep 0.5 && expect '^turn' &&
		tm resize-window -t "$case" -x 60 -y 30 && expect 'row27$' && keys C-c &&
		expect '^\[status 130\]$' && is_usual
}

# how it ends: the signal, how often, what status
view_ends() {
	view && expect '^turn [3-9]' && who=$(pid) && for signal; do
		kill "-$signal" "$who" 2>/dev/null
	done && expect "^\[status [0-9]+\]$" && is_usual
}

case_view_term() {
	view_ends TERM && expect '^\[status 143\]$' && expect 'row20$'
}

case_view_hup() {
	view_ends HUP && expect '^\[status 129\]$'
}

case_view_twice() {
	view_ends STOP TERM INT CONT && expect '^\[status 1(30|43)\]$'
}

case_view_fault() {
	view_ends SEGV && expect '^\[status 139\]$'
}

# what went wrong is told on the terminal as it was
case_view_error() {
	view 4 && expect 'error\[E-LUA\]: .*no more of it' && expect '^\[status 1\]$' && is_usual
}

case_view_suspend() {
	view && tm kill-session -t "$case"
	start "bash --norc -i -c 'set -m; $moontrace view.lua; echo [stopped]; sleep 2; fg; echo [left]'"
	expect '^turn [3-9]' && keys C-z && expect '^\[stopped\]$' && is_usual && sleep 2.5 && screen_is 10 && expect 'row21$' && text q && expect '^\[left\]$' && is_usual
}

# a view below an interactive shell, which has the jobs
view_of_shell() {
	view && tm kill-session -t "$case"
	mkdir -p "$dir/$case/home"
	start "env PS1='$ ' bash --norc --noediting -i"
	expect '^[$]'
}

# waits until five more views were made, drawn or not
turns_go_on() {
	touch "$dir/$case/home/turns"
	enough=$(($(wc -c <"$dir/$case/home/turns") + 5))
	tries=0
	while [ "$(wc -c <"$dir/$case/home/turns")" -lt "$enough" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt "$patience" ] || failed "no view is made" || return 1
		sleep 0.1
	done
}

# in the background it draws nothing, reads no keys and is not stopped; fg tells it nothing
case_view_background() {
	view_of_shell && line "$moontrace view.lua" && expect '^turn [3-9]' && keys C-z &&
		expect '^[$] *$' && is_usual && line bg && turns_go_on && screen_is 01 &&
		absent '^turn' && line 'echo a_q | tr _ -' && expect '^a-q$' && turns_go_on &&
		line 'jobs' && expect 'Running' && absent '^turn' && line fg && expect '^turn [0-9]+' &&
		expect 'row21$' && screen_is 10 && text q && expect '^[$] *$' && is_usual && expect 'row20$'
}

# it ends in the background
case_view_background_end() {
	view_of_shell && line "$moontrace view.lua" && expect '^turn [3-9]' && keys C-z &&
		expect '^[$] *$' && line bg && sleep 0.5 && line 'kill %1; wait %1; echo "[$?]"' &&
		expect '^\[143\]$' && is_usual && line 'echo a_b | tr _ -' && expect '^a-b$'
}

# it begins in the background
case_view_background_start() {
	view_of_shell && line "$moontrace view.lua &" && turns_go_on && is_usual && absent '^turn' &&
		line jobs && expect 'Running' && line fg && expect '^turn [0-9]+' && screen_is 10 &&
		keys C-c && expect '^[$] *$' && is_usual
}

case_view_dumb() {
	term=dumb
	view && expect 'row20$' && absent 'row21$' && screen_is 01 && keys C-c && expect '^(\^C)?\[status 130\]$'
}

# keys are somebody else's
case_view_no_input() {
	environment='</dev/null'
	view && expect '^turn [3-9]' && screen_is 10 && keys C-c && expect '^\[status 130\]$' && is_usual
}

# the busy function of a process
case_profile_top() {
	may_trace || return 1
	"$(dirname "$moontrace")"/../../tests/load/spin_load user 30 &
	spin=$!
	start "$moontrace profile --top -i 0.3 -p $spin" &&
		expect '^ *([89][0-9]|100)\.[0-9]+%  spin_load +\[\.\] load_spin$' &&
		expect '^all CPUs, PID .* samples/s, kernel .* lost 0$' && screen_is 10 && text q &&
		expect '^\[status 0\]$' && is_usual
	set -- $?
	kill "$spin"
	return "$1"
}
