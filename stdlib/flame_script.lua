-- SPDX-License-Identifier: Apache-2.0
-- flame_script: the script in each SVG of flame, which zooms, searches, and shows tooltips. It
-- stands in a CDATA section.
--
-- The script finds each frame's name in the first line of its <title>, place and width in its
-- <rect>, and who called whom by the order: a frame stands before those it called.

local M = {}

M.code = [==[
(function () {
"use strict";
const NS = "http://www.w3.org/2000/svg", XHTML = "http://www.w3.org/1999/xhtml";
const root = document.currentScript.closest("svg.flame");
const area = root.querySelector("svg.frames"), bar = root.querySelector(".bar");
const note = root.querySelector(".status");
const alone = document.documentElement === root;	// the file itself, not part of a page
const inverted = area.dataset.inverted === "1";
const MARGIN = 12;
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;
let inner = Number(area.getAttribute("width")), cell = 7.25;
let zoomed = null, at = null, term = "", input = null, reset = null, tip = null;

function add(parent, name, attributes, text) {
	const element = document.createElementNS(NS, name);
	for (const key in attributes)
		element.setAttribute(key, attributes[key]);
	if (text !== undefined)
		element.textContent = text;
	return parent.appendChild(element);
}

// each frame: its elements, texts, place (0 to 1), caller, and the index behind its last callee
function read_frames() {
	const list = [], open = [];
	for (const g of area.children) {
		const rect = g.querySelector("rect"), title = g.querySelector("title");
		const lines = title.textContent.split("\n"), y = Number(rect.getAttribute("y"));
		const frame = { g: g, rect: rect, text: g.querySelector("text"), name: lines[0],
			info: lines.slice(1), x: parseFloat(rect.getAttribute("x")) / 100,
			w: parseFloat(rect.getAttribute("width")) / 100, y: y, index: list.length,
			end: 0, caller: null, shown: true };
		title.remove();		// its tooltip would cover ours
		const inside = (other) => inverted ? y > other.y : other.y > y;
		while (open.length > 0) {
			if (inside(open[open.length - 1]))
				break;
			open.pop().end = frame.index;
		}
		frame.caller = open.length > 0 ? open[open.length - 1] : null;
		open.push(frame);
		list.push(frame);
		g.frame = frame;
	}
	for (const frame of open)
		frame.end = list.length;
	return list;
}

const frames = read_frames();

// what fits of a name
function fit(name, width) {
	const cells = Math.floor((width - 7) / cell);
	let used = 0, text = "";
	if (cells < 2)
		return "";
	for (const c of name) {
		used += WIDE.test(c) || c.length > 1 ? 2 : 1;
		if (used > cells)
			return Array.from(text).slice(0, -1).join("") + "\u2026";
		text += c;
	}
	return text;
}

function place(frame, x, w) {
	const label = fit(frame.name, w * inner), left = (x * 100).toFixed(4) + "%";
	frame.shown = w * inner >= 0.2;
	frame.g.classList.toggle("gone", !frame.shown);
	if (!frame.shown)
		return;
	frame.rect.setAttribute("x", left);
	frame.rect.setAttribute("width", (w * 100).toFixed(4) + "%");
	if (!frame.text) {
		if (label === "")
			return;
		frame.text = add(frame.g, "text", { y: frame.y + 12, dx: 4 });
	}
	frame.text.setAttribute("x", left);
	frame.text.textContent = label;
}

function layout() {
	const z = zoomed || frames[0];
	for (const frame of frames) {
		const above = frame.index < z.index;
		frame.g.classList.toggle("up", above);
		if (above)
			place(frame, 0, frame.end >= z.end ? 1 : 0);
		else if (frame.index < z.end)
			place(frame, (frame.x - z.x) / z.w, frame.w / z.w);
		else
			place(frame, 0, 0);
	}
	tell();
}

const percent = (share) => (share * 100).toFixed(share > 0 && share < 0.00995 ? 2 : 1) + "%";

// share of the frames from index first to end that match, those inside of matching ones not twice
function matched(first, end) {
	let sum = 0;
	for (let i = first; i < end; ) {
		const hit = frames[i].g.classList.contains("hit");
		sum += hit ? frames[i].w : 0;
		i = hit ? frames[i].end : i + 1;
	}
	return sum;
}

function tell() {
	let text = "";
	if (zoomed)
		text = "zoomed to " + zoomed.name + " (" + percent(zoomed.w) + ")";
	if (root.classList.contains("searching")) {
		const hits = area.querySelectorAll(".hit").length;
		text = "matched: " + percent(matched(0, frames.length)) + " in " + hits +
			(hits === 1 ? " frame" : " frames");
		if (zoomed)
			text += ", " + percent(matched(zoomed.index, zoomed.end) / zoomed.w) + " of the zoomed";
	}
	note.textContent = text;
	if (reset)
		reset.style.display = zoomed || term !== "" ? "" : "none";
}

// the state stands in the address, so that a reload or a link has it too
function remember() {
	if (!alone)
		return;
	const words = [];
	if (zoomed)
		words.push("zoom=" + zoomed.index);
	if (term !== "")
		words.push("search=" + encodeURIComponent(term));
	try {
		history.replaceState(null, "", "#" + words.join(";"));
	} catch (refused) {
		return;
	}
}

function zoom(frame) {
	zoomed = frame === frames[0] ? null : frame;
	layout();
	remember();
}

// as in an editor: without a capital letter, case does not matter
function search(text) {
	let pattern = null;
	term = text;
	try {
		pattern = text === "" ? null : new RegExp(text, /[A-Z]/.test(text) ? "" : "i");
		input.classList.remove("bad");
	} catch (bad) {
		input.classList.add("bad");
	}
	root.classList.toggle("searching", pattern !== null);
	for (const frame of frames)
		frame.g.classList.toggle("hit", pattern !== null && pattern.test(frame.name));
	tell();
	remember();
}

function reset_all() {
	input.value = "";
	zoomed = null;
	search("");
	layout();
	remember();
}

function describe(frame) {
	const lines = frame.info.slice();
	const z = zoomed;
	if (z && frame.index > z.index && frame.index < z.end)
		lines.splice(1, 0, percent(frame.w / z.w) + " of " + z.name);
	return lines;
}

// the tooltip, with its corner near x, y of the picture
function show_tip(frame, x, y) {
	hide_tip();
	tip = add(root, "g", { "class": "tip" });
	const box = add(tip, "rect", { rx: 5 });
	const room = Math.max(20, Math.floor(inner / cell) - 8), name = Array.from(frame.name);
	const rows = [];
	for (let i = 0; i < name.length && rows.length < 8; i += room)
		rows.push(name.slice(i, i + room).join(""));
	const names = rows.length;
	rows.push(...describe(frame));
	let width = 0;
	rows.forEach((row, i) => {
		const text = add(tip, "text", { x: 10, y: 19 + i * 16, "class": i < names ? "name" : "" }, row);
		width = Math.max(width, text.getComputedTextLength());
	});
	const w = width + 20, h = rows.length * 16 + 13, size = root.getBoundingClientRect();
	box.setAttribute("width", w);
	box.setAttribute("height", h);
	x = Math.max(2, Math.min(x + 14, size.width - w - 4));
	y = y + 20 + h > Math.min(size.height, window.innerHeight - size.top) ? y - h - 8 : y + 20;
	tip.setAttribute("transform", "translate(" + x + "," + Math.max(2, y) + ")");
}

function hide_tip() {
	if (tip)
		tip.remove();
	tip = null;
}

function focus_on(frame) {
	if (at)
		at.g.classList.remove("at");
	at = frame;
	if (!at)
		return;
	at.g.classList.add("at");
	const box = at.rect.getBoundingClientRect(), size = root.getBoundingClientRect();
	show_tip(at, box.left - size.left, box.top - size.top);
}

// the widest frame that one called
const callee = (frame) => frames.slice(frame.index + 1, frame.end)
	.filter((other) => other.caller === frame && other.shown).sort((a, b) => b.w - a.w)[0] || frame;

// the next shown frame of the same level
function beside(frame, step) {
	for (let i = frame.index + step; frames[i]; i += step)
		if (frames[i].shown && frames[i].y === frame.y)
			return frames[i];
	return frame;
}

const MOVES = {
	ArrowLeft: (f) => beside(f, -1),
	ArrowRight: (f) => beside(f, 1),
	ArrowUp: (f) => inverted ? f.caller || f : callee(f),
	ArrowDown: (f) => inverted ? callee(f) : f.caller || f,
};

function on_key(event) {
	const typing = document.activeElement === input;
	const find = event.key === "f" && (event.ctrlKey || event.metaKey);
	if ((find || event.key === "/") && !typing) {
		input.focus();
		input.select();
	} else if (event.key === "Escape") {
		input.blur();
		focus_on(null);
		hide_tip();
		reset_all();
	} else if (typing || event.ctrlKey || event.metaKey || event.altKey) {
		return;			// a second Ctrl-F is the browser's own
	} else if (MOVES[event.key]) {
		focus_on(at && at.shown ? MOVES[event.key](at) : zoomed || frames[0]);
	} else if (event.key === "Enter" && at) {
		zoom(at);
		focus_on(at);
	} else if (event.key === "Backspace" && zoomed) {
		zoom(zoomed.caller || frames[0]);
	} else {
		return;
	}
	event.preventDefault();
}

function make_tools() {
	const holder = add(bar, "foreignObject", { y: 8, width: 320, height: 28, "class": "tools" });
	const line = document.createElementNS(XHTML, "div");
	line.setAttribute("style", "display:flex;justify-content:flex-end;gap:8px");
	reset = document.createElementNS(XHTML, "button");
	reset.textContent = "Reset";
	reset.style.display = "none";
	reset.addEventListener("click", reset_all);
	input = document.createElementNS(XHTML, "input");
	input.setAttribute("type", "search");
	input.setAttribute("placeholder", "Search, a regular expression");
	input.setAttribute("aria-label", "Search");
	input.addEventListener("input", () => search(input.value));
	line.append(reset, input);
	holder.append(line);
	return holder;
}

function resize(holder) {
	const view = window.visualViewport ? window.visualViewport.width : window.innerWidth;
	const width = alone ? Math.max(480, Math.floor(view)) : inner + 2 * MARGIN;
	inner = width - 2 * MARGIN;
	root.setAttribute("width", width);
	area.setAttribute("width", inner);
	note.setAttribute("x", width - MARGIN);
	holder.setAttribute("x", width - MARGIN - 320);
	layout();
}

function measure() {
	const probe = add(area, "text", {}, "M".repeat(50));
	cell = probe.getComputedTextLength() / 50 || cell;
	probe.remove();
}

// the bar stays in sight
function follow() {
	const size = root.getBoundingClientRect();
	const down = Math.max(0, Math.min(-size.top, size.height - 90));
	bar.setAttribute("transform", "translate(0," + (alone ? down : 0) + ")");
}

function recall() {
	for (const word of location.hash.slice(1).split(";")) {
		const [key, value] = word.split("=");
		if (key === "zoom" && frames[Number(value)])
			zoomed = frames[Number(value)];
		if (key === "search") {
			input.value = decodeURIComponent(value);
			search(input.value);
		}
	}
	layout();
}

function start() {
	measure();
	const holder = make_tools();
	root.classList.add("live");
	area.addEventListener("click", (event) => {
		const g = event.target.closest("g");
		if (g) {
			focus_on(null);
			hide_tip();
			zoom(g.frame);
		}
	});
	area.addEventListener("mousemove", (event) => {
		const g = event.target.closest("g"), size = root.getBoundingClientRect();
		if (g)
			show_tip(g.frame, event.clientX - size.left, event.clientY - size.top);
	});
	area.addEventListener("mouseleave", hide_tip);
	resize(holder);
	if (alone) {
		window.addEventListener("resize", () => {
			resize(holder);
			follow();
		});
		window.addEventListener("scroll", follow);
		if (!inverted)
			window.scrollTo(0, document.documentElement.scrollHeight);
		recall();
		follow();
	}
	(alone ? document : root).addEventListener("keydown", on_key);
}

if (frames.length > 0)
	start();
}());
]==]

return M
