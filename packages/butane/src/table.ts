import { since, versions } from "./versions.ts";

/** The table of versions in the README, in Markdown. */
export function supportTable(): string {
	const rows = Object.entries(versions).map(([butane, ignition], i) => {
		const keys = Object.keys(since).filter((key) => since[key] === i);
		const shown = keys.map((key) => `\`${key}\``).join(", ");
		return `| ${butane} | ${ignition} | ${shown || "–"} |`;
	});
	return ["| Butane | Ignition | Keys added |", "|---|---|---|", ...rows].join(
		"\n",
	);
}
