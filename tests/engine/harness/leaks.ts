// Looks for secrets where they must not be.

/** A secret as it may be written: as it is, in JSON, in a URL, and in Base64 at any of its three alignments. */
function writings(secret: string): string[] {
	const plain = [
		secret,
		encodeURIComponent(secret),
		JSON.stringify(secret).slice(1, -1),
	];
	const encoded = [0, 1, 2].map((shift) => {
		const bytes = Buffer.from("\0".repeat(shift) + secret);
		const text = bytes.toString("base64").replace(/=+$/, "");
		// The first and the last character also depend on what stands beside the secret.
		return text.slice(shift === 0 ? 0 : shift + 1, -1);
	});
	return [...new Set([...plain, ...encoded])];
}

/** Names of the secrets that a text gives away, each with what stands around it. */
export function leaksIn(
	text: string,
	secrets: Readonly<Record<string, string>>,
): string[] {
	return Object.entries(secrets).flatMap(([name, secret]) => {
		for (const writing of writings(secret)) {
			const at = text.indexOf(writing);
			if (at >= 0) return [`${name}: ${text.slice(Math.max(0, at - 60), at)}…`];
		}
		return [];
	});
}
