import assert from "node:assert/strict";
import { lstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Fcos, Resource } from "../src/index.ts";

/** Asserts that a root folder is as a document says; returns how many things were looked at. */
export function assertHolds(
	root: string,
	document: Fcos,
	files: string,
): number {
	let looked = 0;
	const at = (path = "") => {
		looked++;
		return join(root, path);
	};
	const lines = (path: string) => readFileSync(at(path), "utf8").split("\n");
	const local = (name = "") => readFileSync(join(files, name), "utf8");
	const { storage = {}, systemd = {}, passwd = {} } = document;

	for (const file of storage.files ?? []) {
		const stat = lstatSync(at(file.path));
		assert.ok(stat.isFile(), file.path);
		const text = [file.contents, ...(file.append ?? [])]
			.map((resource) => resource && contentsOf(resource, files))
			.join("");
		assert.equal(readFileSync(at(file.path), "utf8"), text, file.path);
		assert.equal(stat.mode & 0o7777, file.mode ?? 0o644, file.path);
		assertOwner(stat, file);
	}
	for (const directory of storage.directories ?? []) {
		const stat = lstatSync(at(directory.path));
		assert.ok(stat.isDirectory(), directory.path);
		assert.equal(stat.mode & 0o7777, directory.mode ?? 0o755, directory.path);
		assertOwner(stat, directory);
	}
	for (const link of storage.links ?? []) {
		if (link.hard)
			assert.equal(
				statSync(at(link.path)).ino,
				statSync(at(link.target)).ino,
				link.path,
			);
		else assert.equal(readlinkSync(at(link.path)), link.target, link.path);
	}
	for (const tree of storage.trees ?? []) {
		const path = join(tree.path ?? "/", "etc/file");
		assert.equal(
			readFileSync(at(path), "utf8"),
			readFileSync(join(files, tree.local ?? "", "etc/file"), "utf8"),
		);
	}
	for (const { name = "", ...unit } of systemd.units ?? []) {
		const path = `/etc/systemd/system/${name}`;
		if (unit.mask) assert.equal(readlinkSync(at(path)), "/dev/null", name);
		else if (unit.contents !== undefined || unit.contents_local)
			assert.equal(
				readFileSync(at(path), "utf8"),
				unit.contents ?? local(unit.contents_local),
				name,
			);
		for (const dropin of unit.dropins ?? [])
			assert.equal(
				readFileSync(at(`${path}.d/${dropin.name}`), "utf8"),
				dropin.contents ?? local(dropin.contents_local),
				`${name} ${dropin.name}`,
			);
		const presets = "/etc/systemd/system-preset/20-ignition.preset";
		if (unit.enabled !== undefined)
			assert.equal(
				lines(presets).includes(`enable ${name}`),
				unit.enabled,
				name,
			);
	}
	const accounts = () => lines("/etc/passwd").map((line) => line.split(":"));
	const groups = () => lines("/etc/group").map((line) => line.split(":"));
	for (const group of passwd.groups ?? []) {
		const found = groups().find(([name]) => name === group.name);
		if (group.should_exist === false) {
			assert.equal(found, undefined, group.name);
			continue;
		}
		assert.ok(found, group.name);
		if (group.gid !== undefined) assert.equal(found[2], String(group.gid));
	}
	for (const user of passwd.users ?? []) {
		const found = accounts().find(([name]) => name === user.name);
		if (user.should_exist === false) {
			assert.equal(found, undefined, user.name);
			continue;
		}
		assert.ok(found, user.name);
		const [, , uid, , gecos, home = "", shell] = found;
		if (user.uid !== undefined) assert.equal(uid, String(user.uid));
		if (user.gecos !== undefined) assert.equal(gecos, user.gecos);
		if (user.home_dir !== undefined) assert.equal(home, user.home_dir);
		if (user.shell !== undefined) assert.equal(shell, user.shell);
		for (const name of user.groups ?? []) {
			const group = groups().find(([other]) => other === name);
			assert.ok(group?.[3]?.split(",").includes(user.name ?? ""), name);
		}
		const keys = [
			...(user.ssh_authorized_keys ?? []),
			...(user.ssh_authorized_keys_local ?? []).flatMap((name) =>
				local(name).trim().split("\n"),
			),
		];
		for (const key of keys)
			assert.ok(
				lines(`${home}/.ssh/authorized_keys.d/ignition`).includes(key),
				user.name,
			);
	}
	return looked;
}

function contentsOf(resource: Resource, files: string): string {
	if (resource.inline !== undefined) return resource.inline;
	if (resource.local !== undefined)
		return readFileSync(join(files, resource.local), "utf8");
	const [, data = ""] = /^data:,(.*)$/s.exec(resource.source ?? "") ?? [];
	return decodeURIComponent(data);
}

function assertOwner(
	stat: { uid: number; gid: number },
	{
		path,
		user,
		group,
	}: {
		path?: string | undefined;
		user?: { id?: number | undefined } | undefined;
		group?: { id?: number | undefined } | undefined;
	},
): void {
	if (user?.id !== undefined) assert.equal(stat.uid, user.id, path);
	if (group?.id !== undefined) assert.equal(stat.gid, group.id, path);
}
