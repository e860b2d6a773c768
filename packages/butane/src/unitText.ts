/* What a unit's text must be so that it can be read at all, and which sections have settings. */
const longest = 2048;

/** Sections with at least one setting, or what is wrong with the text. */
export function readUnit(text: string): { sections: Set<string> } | string {
	const sections = new Set<string>();
	let section: string | undefined;
	const lines = text.split("\n");
	for (let i = 0; i < lines.length; i++) {
		let line = (lines[i] ?? "").trimStart();
		if (Buffer.byteLength(line) >= longest) return "line too long";
		const comment = /^[#;]/.test(line);
		if (!comment && line.startsWith("[")) {
			const end = line.indexOf("]");
			if (end < 0) return "unable to find end of section";
			if (line.slice(end + 1).trim() !== "")
				return "found garbage after section name";
			section = line.slice(1, end);
			continue;
		}
		if (line.trim() === "" || (!comment && section === undefined)) continue;
		if (!comment && !line.includes("="))
			return i === lines.length - 1
				? "EOF"
				: "unexpected newline encountered while parsing option name";
		if (!comment && section !== undefined) sections.add(section);
		// A backslash at its end continues a comment too.
		while (
			(comment ? line.replace(/ $/, "") : line).endsWith("\\") &&
			i + 1 < lines.length
		)
			line = lines[++i] ?? "";
	}
	return { sections };
}
