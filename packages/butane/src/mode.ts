/* Octal 644 written as decimal 644: the mode is odd as it stands and would be ordinary if its digits were octal. */

function typical(mode: number, directory: boolean): boolean {
	if (mode === 0) return true;
	let [hadR, hadW, hadX] = [false, false, false];
	for (const shift of [0, 3, 6]) {
		const perm = (mode >> shift) & 7;
		const [r, w, x] = [!!(perm & 4), !!(perm & 2), !!(perm & 1)];
		if ((!r && hadR) || (!w && hadW) || (!x && hadX)) return false;
		if (x && hadR && !hadX) return false;
		if ((w || x) && !r) return false;
		hadR ||= r;
		hadW ||= w;
		hadX ||= x;
	}
	if (!hadR) return false;
	if (directory) return hadX && !(mode & 0o4000) && !(mode & 0o3000 && !hadW);
	if (mode & 0o6000 && (!hadX || mode & 2)) return false;
	return !(mode & 0o1000);
}

export function looksDecimal(mode: number, directory: boolean): boolean {
	if (mode < 0 || mode > 7777 || /[89]/.test(String(mode))) return false;
	return (
		!typical(mode, directory) &&
		typical(Number.parseInt(String(mode), 8), directory)
	);
}
