// Starts main.ts, or says why it cannot. Plain JavaScript, so that a Node too old for TypeScript can still read it.
if (!process.features.typescript) {
	console.error(
		`The moltbot provider needs Node 22.18 or newer (24 is best); this is ${process.version}. Put a newer node first on PATH.`,
	);
	process.exit(1);
}
await import("./main.ts");
