-- SPDX-License-Identifier: Apache-2.0
-- tutorial: runs an example of the section TUTORIAL of moontrace(1), and compares
--
--     moontrace tests/tutorial.lua PAGE            names the examples, a line each
--     moontrace tests/tutorial.lua PAGE TITLE      runs the one of that .SS title
--
-- An example is what stands between .EX and .EE: lines with "# " or "$ " in front are
-- commands, "> " directly behind goes on with one, the other lines are what is printed. Where
-- the command is moontrace alone, the lines with "> " behind the first output are typed at its
-- prompt, one in two seconds, and the rest is its screen. In what is printed
--
--     a number stands for any number, blanks for blanks (none where a line begins),
--     italics for any text, the bar of a histogram for any bar,
--     a line "..." for any lines, also none;
--
-- all else must be the same. Exit status 0 if it is, 1 if not (and both are printed).

local ITALIC_BEGIN, ITALIC_END, MARK = "\1", "\2", "\3"
local ESCAPES = { ["-"] = "-", e = "\\", ["(aq"] = "'", ["(dq"] = '"', ["&"] = "", ["(ha"] = "^",
  ["(ti"] = "~", fI = ITALIC_BEGIN, fR = ITALIC_END, fP = ITALIC_END, fB = "" }

-- a line of the page as its reader sees it
local function unescape(line)
  return (line:gsub("\\(%(%a%a)", function(c) return ESCAPES[c] end)
    :gsub("\\(f%a)", function(c) return ESCAPES[c] end)
    :gsub("\\(.)", function(c) return ESCAPES[c] end))
end

-- the examples of the page: {title=, lines=}, in order
local function read_page(path)
  local list, title, block, inside = {}, nil, nil, false
  for line in io.lines(path) do
    if line:match("^%.SH") then
      inside = line:match('^%.SH "?TUTORIAL') ~= nil
    elseif not inside then
      block = nil
    elseif line:match("^%.SS") then
      title = line:match('^%.SS "?([^"]*)')
    elseif line == ".EX" then
      block = { title = title, lines = {} }
      list[#list + 1] = block
    elseif line == ".EE" then
      block = nil
    elseif block then
      block.lines[#block.lines + 1] = unescape(line)
    end
  end
  return list
end

local function plain(line)
  return (line:gsub("[" .. ITALIC_BEGIN .. ITALIC_END .. "]", ""))
end

-- steps {command=, typed=, output=} of an example
local function read_steps(block)
  local steps, step = {}, nil
  for _, line in ipairs(block.lines) do
    local command, more = plain(line):match("^[#$] (.*)"), plain(line):match("^> ?(.*)")
    if command then
      step = { command = command, output = {}, typed = {} }
      steps[#steps + 1] = step
    elseif more and #step.output == 0 then
      step.command = step.command .. "\n" .. more
    else
      step.typed[#step.typed + 1] = more
      step.output[#step.output + 1] = line
    end
  end
  return steps
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- lines of sh that type at the prompt
local function at_prompt(step)
  local typing = { "sleep 2" }
  for _, line in ipairs(step.typed) do
    typing[#typing + 1] = "printf '%s\\n' " .. quote(line) .. "; sleep 2"
  end
  return ("{ %s; } | TERM=dumb script -qec 'stty cols 200 rows 50 -echo; exec moontrace' /dev/null"):format(
    table.concat(typing, "; "))
end

-- all steps as one shell script: what stands behind MARK is of the next step
local function shell_of(steps)
  local sh = { "exec >tutorial.out 2>&1", "jobs=" }
  for _, step in ipairs(steps) do
    sh[#sh + 1] = "printf '\\003'"
    sh[#sh + 1] = #step.typed > 0 and at_prompt(step) or step.command
    if step.command:match("&$") then
      sh[#sh + 1] = "jobs=\"$jobs $!\""
    end
  end
  sh[#sh + 1] = "[ -z \"$jobs\" ] || kill $jobs"
  return table.concat(sh, "\n") .. "\n"
end

-- what each step printed: a list of lists of lines
local function run(steps)
  local file = assert(io.open("tutorial.sh", "w"))
  file:write(shell_of(steps)):close()
  local limit = 40 * (tonumber(os.getenv("MOONTRACE_TEST_SLOWNESS")) or 1)
  local done, _, status = os.execute(("timeout %d sh tutorial.sh </dev/null"):format(limit))
  file = assert(io.open("tutorial.out"))
  local text, printed = file:read("a"):gsub("\r", ""), {}
  file:close()
  for part in text:gmatch(MARK .. "([^" .. MARK .. "]*)") do
    local lines = {}
    for line in part:gmatch("[^\n]+") do
      lines[#lines + 1] = line
    end
    printed[#printed + 1] = lines
  end
  if not done and status == 124 then
    print(("no end after %d seconds"):format(limit))
  end
  return printed
end

-- blanks, bars and numbers in one form
local function normal(line)
  return (line:gsub("|[* ]*|", "||"):gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""):gsub("%d+", "0"))
end

-- a Lua pattern for a line of the page
local function pattern_of(line)
  local text = normal(line):gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0")
  return "^" .. text:gsub(ITALIC_BEGIN .. "[^" .. ITALIC_END .. "]*" .. ITALIC_END, ".+") .. "$"
end

-- do lines of the page from i on match all that was printed from k on? else the furthest k
local function match(page, i, printed, k)
  while page[i] and page[i] ~= "..." do
    if not printed[k] or not normal(printed[k]):match(pattern_of(page[i])) then
      return false, k, i
    end
    i, k = i + 1, k + 1
  end
  if not page[i] then
    return not printed[k], k, i
  end
  local far, at = k, i
  for start = k, #printed + 1 do
    local found, reached, line = match(page, i + 1, printed, start)
    if found then
      return true
    elseif reached > far then
      far, at = reached, line
    end
  end
  return false, far, at
end

local function without_empty(lines)
  local list = {}
  for _, line in ipairs(lines) do
    if line:match("%S") then
      list[#list + 1] = line
    end
  end
  return list
end

local function compare(steps, printed)
  local good = true
  for n, step in ipairs(steps) do
    local page, got = without_empty(step.output), without_empty(printed[n] or {})
    local found, k, i = match(page, 1, got, 1)
    if not found then
      good = false
      print(("$ %s\nline %d: the page has '%s', printed was '%s'"):format(step.command, k,
        plain(page[i] or ""), got[k] or ""))
    end
    io.write(table.concat(got, "\n"), "\n")
  end
  return good
end

local page, title = arg[1], arg[2]
local found
for _, block in ipairs(read_page(page)) do
  if not title then
    print(block.title)
  elseif block.title == title then
    local steps = read_steps(block)
    found = compare(steps, run(steps))
    if not found then
      os.exit(1, true)
    end
  end
end
if title and not found then
  io.stderr:write(page, ": no example '", title, "'\n")
  os.exit(1, true)
end
