import { execFileSync } from "node:child_process";

/** What a tree consists of, in every respect that a backup must keep, as lines of text. */
const program = `
import hashlib, os, stat, sys
root = os.fsencode(sys.argv[1])
links, lines = {}, []
def visit(path):
    s = os.lstat(path)
    name = os.path.relpath(path, root)
    kind = stat.S_IFMT(s.st_mode)
    if kind == stat.S_IFSOCK:
        return
    attributes = sorted((a, os.getxattr(path, a, follow_symlinks=False)) for a in os.listxattr(path, follow_symlinks=False) if not a.startswith("security."))
    more = b""
    if kind == stat.S_IFREG:
        with open(path, "rb") as f:
            more = hashlib.sha256(f.read()).hexdigest()
        if s.st_nlink > 1:
            links.setdefault(s.st_ino, []).append(name)
    elif kind == stat.S_IFLNK:
        more = os.readlink(path)
    lines.append(repr((name, oct(s.st_mode), s.st_uid, s.st_gid, 0 if kind == stat.S_IFDIR else s.st_size, s.st_mtime_ns, attributes, more)))
    if kind == stat.S_IFDIR:
        for child in sorted(os.listdir(path)):
            if child != b"node_modules":
                visit(os.path.join(path, child))
visit(root)
lines += [repr(sorted(names)) for names in sorted(links.values())]
print("\\n".join(lines))
`;

/** A tree as text: names, types, modes, owners, sizes, times, attributes, content, and which names are one file. */
export function describeTree(root: string): string {
	return execFileSync("/usr/bin/python3", ["-c", program, root], {
		encoding: "utf8",
		maxBuffer: 1 << 28,
	});
}

/** Lines that only one of two texts has. */
export function difference(first: string, second: string): string[] {
	const [a, b] = [new Set(first.split("\n")), new Set(second.split("\n"))];
	return [
		...[...a].filter((line) => !b.has(line)).map((line) => `- ${line}`),
		...[...b].filter((line) => !a.has(line)).map((line) => `+ ${line}`),
	];
}
