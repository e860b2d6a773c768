// Draws docs/picture/picture.svg, the picture of the README: `node docs/picture/picture.ts`.
// Boxes and arrows are the two tables below; what the product does shows here and is said nowhere twice.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

interface Box {
	readonly x: number;
	readonly y: number;
	readonly width: number;
	readonly height: number;
	readonly title: string;
	readonly lines?: readonly string[];
	readonly kind: "yours" | "cloud" | "host" | "unit";
}

const boxes = {
	operator: {
		x: 20,
		y: 150,
		width: 190,
		height: 96,
		title: "Your machine",
		lines: ["pulumi up / destroy", "tailscale ssh"],
		kind: "yours",
	},
	person: {
		x: 20,
		y: 300,
		width: 190,
		height: 60,
		title: "You, in Discord",
		lines: ["direct messages"],
		kind: "yours",
	},
	onepassword: {
		x: 20,
		y: 30,
		width: 190,
		height: 60,
		title: "1Password",
		lines: ["secrets, two vaults"],
		kind: "cloud",
	},
	vultr: {
		x: 290,
		y: 30,
		width: 150,
		height: 60,
		title: "Vultr",
		lines: ["VM, closed firewall"],
		kind: "cloud",
	},
	tailscale: {
		x: 290,
		y: 168,
		width: 150,
		height: 60,
		title: "Tailscale",
		lines: ["key for one join"],
		kind: "cloud",
	},
	discord: {
		x: 290,
		y: 300,
		width: 150,
		height: 60,
		title: "Discord",
		kind: "cloud",
	},
	host: {
		x: 520,
		y: 30,
		width: 350,
		height: 330,
		title: "VM: signed uCore, no open port",
		kind: "host",
	},
	guard: {
		x: 540,
		y: 76,
		width: 310,
		height: 44,
		title: "guard: no metadata, no private net",
		kind: "unit",
	},
	backup: {
		x: 540,
		y: 140,
		width: 145,
		height: 70,
		title: "backup, restore",
		lines: ["restic, encrypted"],
		kind: "unit",
	},
	deliver: {
		x: 705,
		y: 140,
		width: 145,
		height: 70,
		title: "deliver",
		lines: ["secrets, digests"],
		kind: "unit",
	},
	gateway: {
		x: 540,
		y: 270,
		width: 145,
		height: 70,
		title: "gateway",
		lines: ["OpenClaw, uid 2001"],
		kind: "unit",
	},
	sandbox: {
		x: 705,
		y: 270,
		width: 145,
		height: 70,
		title: "sandbox",
		lines: ["runs the commands"],
		kind: "unit",
	},
	bucket: {
		x: 520,
		y: 400,
		width: 350,
		height: 50,
		title: "Backblaze B2",
		lines: ["encrypted backups; all that is left while paused"],
		kind: "cloud",
	},
} as const satisfies Record<string, Box>;

type Name = keyof typeof boxes;
type Side = "left" | "right" | "top" | "bottom";

const arrows: readonly [Name, Side, Name, Side][] = [
	["onepassword", "bottom", "operator", "top"],
	["operator", "right", "vultr", "bottom"],
	["operator", "right", "tailscale", "left"],
	["vultr", "right", "host", "left"],
	["tailscale", "right", "host", "left"],
	["person", "right", "discord", "left"],
	["discord", "right", "gateway", "left"],
	["gateway", "right", "sandbox", "left"],
	["host", "bottom", "bucket", "top"],
];

const colours = {
	yours: ["#fff7e6", "#c98a1b"],
	cloud: ["#eaf3ff", "#3b76c4"],
	host: ["#f4f4f6", "#55586b"],
	unit: ["#ffffff", "#55586b"],
} as const satisfies Record<Box["kind"], readonly [string, string]>;

/** The picture as SVG text; the same at every run. */
export function picture(): string {
	return [
		'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 890 470" font-family="system-ui, sans-serif" font-size="13">',
		'<title>What pulumi up builds</title><rect width="890" height="470" fill="#ffffff"/>',
		'<marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="#55586b"/></marker>',
		...Object.values<Box>(boxes).map(drawBox),
		...arrows.map(drawArrow),
		"</svg>",
		"",
	].join("\n");
}

function drawBox({ x, y, width, height, title, lines = [], kind }: Box) {
	const [fill, stroke] = colours[kind];
	const middle = x + width / 2;
	const first =
		kind === "host" ? y + 26 : y + height / 2 + 5 - lines.length * 8.5;
	return [
		`<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="8" fill="${fill}" stroke="${stroke}"/>`,
		`<text x="${middle}" y="${first}" text-anchor="middle" font-weight="600">${title}</text>`,
		...lines.map(
			(line, i) =>
				`<text x="${middle}" y="${first + 17 * (i + 1)}" text-anchor="middle" fill="#55586b">${line}</text>`,
		),
	].join("");
}

function drawArrow([from, fromSide, to, toSide]: (typeof arrows)[number]) {
	const [x1, y1] = port(boxes[from], fromSide);
	const [x2, y2] = straight(boxes[to], toSide, y1);
	return `<path d="M${x1} ${y1}L${x2} ${y2}" stroke="#55586b" fill="none" marker-end="url(#head)"/>`;
}

function port({ x, y, width, height }: Box, side: Side): [number, number] {
	switch (side) {
		case "left":
			return [x, y + height / 2];
		case "right":
			return [x + width, y + height / 2];
		case "top":
			return [x + width / 2, y];
		case "bottom":
			return [x + width / 2, y + height];
	}
}

/** Into a large box an arrow goes straight on. */
function straight(box: Box, side: Side, y: number): [number, number] {
	const [x, middle] = port(box, side);
	const within = y > box.y && y < box.y + box.height;
	return [x, (side === "left" || side === "right") && within ? y : middle];
}

if (import.meta.main)
	writeFileSync(join(import.meta.dirname, "picture.svg"), picture());
