# SPDX-License-Identifier: Apache-2.0
#
# The chart, of what derive gives: what each profile brings, a bar a profile and
# a dot a workload; and, where it was measured, the gain as a function of samples.
include "derive";

# Colours that keep apart in grey and to eyes that do not see red or green
# (Okabe and Ito), on white, since where it is shown may be dark.
def colours: ["#0072b2", "#56b4e9", "#e69f00", "#7f7f7f", "#009e73", "#cc79a7"];

def published: { instructions: -6.8, taken_branches: -12.3, l1i_misses: -30.5 };

def width: 800;
def plot: { x: 60, width: 720, height: 220 };

# With a comma before each three digits.
def thousands: tostring | until(test("^[0-9]{1,3}(,|$)") ; sub("(?<a>[0-9])(?<b>[0-9]{3})(?<c>,|$)"; .a + "," + .b + .c));

def n: . * 10 | round / 10 | tostring;
def escape: @html;

def element($name; $attributes; $body):
	"<\($name)" + ($attributes | to_entries | map(" \(.key)=\"\(.value | tostring | escape)\"") |
		join("")) + (if $body == null then "/>" else ">\($body)</\($name)>" end);

def text($x; $y; $anchor; $size; $body):
	element("text"; { x: ($x | n), y: ($y | n), "text-anchor": $anchor, "font-size": $size };
		$body | escape);

def line($x1; $y1; $x2; $y2; $colour; $dash):
	element("line"; { x1: ($x1 | n), y1: ($y1 | n), x2: ($x2 | n), y2: ($y2 | n),
		stroke: $colour } + (if $dash then { "stroke-dasharray": $dash } else {} end); null);

# A scale { top, least, most }: where on the page, and percents that its plot
# begins and ends with. What got less is below the line of 0.
def y_of($scale):
	$scale.top + plot.height * ($scale.most - .) / ($scale.most - $scale.least);

# A round number of percent that . is not above.
def round_up: . as $value |
	([0, 5, 10, 20, 30, 40, 50, 60, 80, 100] | map(select(. >= $value)) | first) // 200;

# Round, for the values of ..
def scale_of($top): map(select(. != null)) |
	{ top: $top, least: -([-min, 5] | max | round_up), most: ([max, 0] | max | round_up) };

def grid($scale):
	(($scale.most - $scale.least) / 5) as $step |
	range(0; 6) | ($scale.most - . * $step) as $value | ($value | y_of($scale)) as $y |
	line(plot.x; $y; plot.x + plot.width; $y; "#ddd"; null),
	text(plot.x - 6; $y + 4; "end"; 11; ($value | n | sub("-"; "−")) + " %");

def zero_line($scale):
	(0 | y_of($scale)) as $y | line(plot.x; $y; plot.x + plot.width; $y; "#000"; null);

# --- bars

def bar($metric; $kernel; $x; $bar_width; $scale; $colour):
	$kernel.changes[$metric] as $change |
	if $change.all == null then empty
	else
		($change.all.mean | y_of($scale)) as $y | (0 | y_of($scale)) as $zero |
		element("rect"; { x: ($x | n), width: ($bar_width | n),
			y: ([$y, $zero] | min | n), height: ($y - $zero | fabs | n), fill: $colour };
			element("title"; {}; "\($kernel.title): \($change.all.mean | n) %" | escape)),
		($change.workloads | to_entries[] | select(.value) |
			element("circle"; { cx: ($x + $bar_width / 2 | n), r: 2, fill: "#000",
				"fill-opacity": 0.5, cy: (.value.mean | y_of($scale) | n) };
				element("title"; {}; "\(.key): \(.value.mean | n) %" | escape)))
	end;

def bars($kernels; $top):
	($kernels | [.[].changes[] | .all.mean, (.workloads[] | select(.) | .mean), published[]] |
		scale_of($top)) as $scale |
	(plot.width / (metrics | length)) as $group |
	([$group * 0.8 / ($kernels | length), 36] | min) as $bar_width |
	grid($scale),
	(metrics | to_entries[] | .value as $metric | (plot.x + .key * $group) as $left |
		($left + ($group - $bar_width * ($kernels | length)) / 2) as $first |
		text($left + $group / 2; $top + plot.height + 18; "middle"; 12; titles[$metric]),
		($kernels | to_entries[] |
			bar($metric; .value; $first + .key * $bar_width; $bar_width - 3; $scale;
				colours[.key])),
		(published[$metric] // empty | y_of($scale) |
			line($first - 8; .; $first + $bar_width * ($kernels | length) + 5; .;
				"#d55e00"; "4 3"))),
	zero_line($scale);

# [{ title, colour }]
def legend($top):
	to_entries[] | (plot.x + 10 + .key % 3 * 240) as $x |
	($top + (.key / 3 | floor) * 18) as $y |
	(if .value.dash
	then line($x; $y - 4; $x + 12; $y - 4; .value.colour; .value.dash)
	else element("rect"; { x: ($x | n), y: ($y - 10 | n), width: 12, height: 12,
		fill: .value.colour }; null) end),
	text($x + 18; $y; "start"; 12; .value.title);

# --- the curve

def curve_x($from; $to): plot.x + 20 + (plot.width - 60) * (log10 - $from) / ($to - $from);

def curve($kernels; $top):
	($kernels | sort_by(.profile.samples)) as $kernels |
	($kernels | [.[].changes[].all.mean?] | scale_of($top)) as $scale |
	($kernels | [.[].profile.samples | log10] | [min, max + 0.001]) as [$from, $to] |
	grid($scale), zero_line($scale),
	($kernels[] | .profile as $profile | ($profile.samples | curve_x($from; $to)) as $x |
		text($x; $top + plot.height + 18; "middle"; 11; $profile.samples | thousands),
		text($x; $top + plot.height + 32; "middle"; 11; $profile.verdict // "")),
	(metrics | to_entries[] | .value as $metric | colours[.key] as $colour |
		[$kernels[] | select(.changes[$metric].all) |
			{ x: (.profile.samples | curve_x($from; $to) | n),
			  y: (.changes[$metric].all.mean | y_of($scale) | n) }] |
		element("polyline"; { points: (map("\(.x),\(.y)") | join(" ")), fill: "none",
			stroke: $colour, "stroke-width": 2 }; null),
		(.[] | element("circle"; { cx: .x, cy: .y, r: 3, fill: $colour }; null)));

def heading($y; $body): text(plot.x - 45; $y; "start"; 14; $body);

def chart:
	(.kernels | map(select(.part == "table"))) as $table |
	(.kernels | map(select(.part == "curve" and .profile.samples))) as $curve |
	($curve | length > 1) as $has_curve |
	(if $has_curve then 700 else 350 end) as $height |
	element("rect"; { width: width, height: $height, fill: "#fff" }; null),
	heading(22; "Kernel counts per unit of work, against the kernel without a profile"),
	bars($table; 40),
	($table | to_entries | map({ title: .value.title, colour: colours[.key] }) +
		[{ title: "published, TCP on LBR hosts", colour: "#d55e00", dash: "4 3" }] | legend(305)),
	if $has_curve
	then heading(372; "The same by the number of samples that the profile is of"),
		curve($curve; 390),
		(metrics | to_entries | map({ title: titles[.value], colour: colours[.key] }) |
			legend(672))
	else empty end;

def document: derive |
	(if .kernels | map(select(.part == "curve" and .profile.samples)) | length > 1
	then 700 else 350 end) as $height |
	"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \($height)\" " +
	"font-family=\"sans-serif\">\n" + ([chart] | join("\n")) + "\n</svg>";
