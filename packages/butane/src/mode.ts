/*
 * A mode such as 644 is probably 0644 without its zero. It is one if the number is no mode that people write, while its
 * digits read as octal are.
 */

const read = 4;
const write = 2;
const execute = 1;

/** Whether people write this mode: whoever is nearer to the file may do at least as much as who is further. */
function usual(mode: number, directory: boolean): boolean {
	if (mode === 0) return true;
	const [owner, group, other] = [mode >> 6, mode >> 3, mode].map((m) => m & 7);
	if (owner === undefined || group === undefined || other === undefined)
		return false;
	for (const [near, far] of [
		[owner, group],
		[group, other],
		[owner, other],
	] as const) {
		const lost = far & ~near;
		const gainsExecute = near & ~far & execute;
		if (lost || (gainsExecute && far & read)) return false;
	}
	if ([owner, group, other].some((p) => p & (write | execute) && !(p & read)))
		return false;
	if (!(owner & read)) return false;
	const special = mode >> 9;
	if (directory)
		return Boolean(
			owner & execute && !(special & 4) && (!(special & 3) || owner & write),
		);
	if (special & 1) return false;
	return !(special & 6) || Boolean(owner & execute && !(other & write));
}

/** Whether a mode looks like octal digits that were written as a decimal number. */
export function looksDecimal(mode: number, directory: boolean): boolean {
	if (!/^[0-7]{1,4}$/.test(String(mode))) return false;
	return !usual(mode, directory) && usual(parseInt(String(mode), 8), directory);
}
