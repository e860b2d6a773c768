import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { OperatorError } from "./errors.ts";
import { imageFindings, packageFindings } from "./outdated.ts";
import { imagesOf } from "./pinned.ts";
import { billOfMaterials } from "./sbom.ts";

const root = new URL("..", import.meta.url).pathname;
const read = (path: string) => readFileSync(root + path, "utf8");
const images = imagesOf(`${root}Pulumi.prod.example.yaml`);
const digest = (n: number) => `sha256:${String(n).repeat(64)}`;

test("a stack without a file is a sentence", () => {
	assert.throws(() => imagesOf("Pulumi.none.yaml"), OperatorError);
});

test("an image is outdated when its tag names another one", async () => {
	const registry = {
		digestOf: async (image: string, tag: string) =>
			image.includes("gateway")
				? undefined
				: image.includes("ucore") && tag === "stable"
					? digest(1)
					: digest(0),
	};
	const findings = await imageFindings(registry, images);
	assert.deepEqual(
		findings.map(({ what, newer, unknown }) => [what, newer, unknown]),
		[
			["osImage", digest(1), undefined],
			[
				"gatewayImage",
				undefined,
				"ghcr.io/you/moltbot-gateway has no tag latest",
			],
			["sandboxImage", undefined, undefined],
			["backupImage", undefined, undefined],
		],
	);
	assert.equal(
		findings[0]?.take,
		`pulumi config set osImage ghcr.io/ublue-os/ucore-minimal@${digest(1)}`,
	);
});

test("the answer of npm is read, an empty one too", () => {
	assert.deepEqual(packageFindings(""), []);
	const [zod] = packageFindings(
		'{"zod":{"current":"4.6.7","wanted":"4.6.7","latest":"4.7.0"}}',
	);
	assert.equal(zod?.take, "npm install --save-exact zod@4.7.0");
});

test("the list names every image by digest and every locked package once, with its checksum", () => {
	const lock = read("agent-config/validate/package-lock.json");
	// biome-ignore lint/suspicious/noExplicitAny: a document of another's schema.
	const bill = billOfMaterials(images, lock) as any;
	assert.deepEqual(billOfMaterials(images, lock), bill);
	assert.deepEqual(
		[bill.bomFormat, bill.specVersion, bill.components.length],
		["CycloneDX", "1.6", 4],
	);
	const packages = bill.components[1].components;
	assert.ok(packages.some(({ name }: { name: string }) => name === "openclaw"));
	const all = [...bill.components, ...packages];
	const refs = all.map((component) => component["bom-ref"]);
	assert.equal(new Set(refs).size, refs.length);
	// What comes inside another package has that one's checksum.
	const bundled = lock.match(/"inBundle": true/g)?.length ?? 0;
	const without = all.filter(({ hashes }) => hashes === undefined);
	assert.equal(without.length, bundled);
	for (const { name, hashes = [] } of all)
		for (const { content } of hashes)
			assert.match(content, /^([0-9a-f]{64}|[0-9a-f]{128})$/, name);
});

interface Lock {
	packages: Record<
		string,
		{
			version?: string;
			resolved?: string;
			integrity?: string;
			link?: boolean;
			inBundle?: boolean;
		}
	>;
}
interface Manifest {
	dependencies?: Record<string, string>;
	devDependencies?: Record<string, string>;
}

/** What makes an installation depend on more than the lock file. */
function faultsOf(lock: Lock, manifest: Manifest): string[] {
	const faults: string[] = [];
	for (const [path, entry] of Object.entries(lock.packages)) {
		if (!path.includes("node_modules/") || entry.link || entry.inBundle)
			continue;
		if (!/^sha512-/.test(entry.integrity ?? ""))
			faults.push(`${path} has no checksum`);
		if (
			entry.resolved !== undefined &&
			!entry.resolved.startsWith("https://registry.npmjs.org/")
		)
			faults.push(`${path} comes from ${entry.resolved}`);
	}
	for (const [name, version] of Object.entries({
		...manifest.dependencies,
		...manifest.devDependencies,
	}))
		if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
			faults.push(`${name} is not pinned: ${version}`);
	return faults;
}

/** A registry with one package, whose archive has a file that says `content`. */
async function registry(t: TestContext, content: string) {
	const folder = mkdtempSync(join(tmpdir(), "moltbot-npm-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	const source = join(folder, "package");
	mkdirSync(source);
	writeFileSync(
		join(source, "package.json"),
		JSON.stringify({ name: "a", version: "1.0.0" }),
	);
	writeFileSync(join(source, "index.js"), content);
	execFileSync("tar", ["-C", folder, "-czf", join(folder, "a.tgz"), "package"]);
	const archive = readFileSync(join(folder, "a.tgz"));
	const server = createServer((_, response) => response.end(archive));
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => server.close());
	const { port } = server.address() as AddressInfo;
	return {
		archive: `http://127.0.0.1:${port}/a/-/a-1.0.0.tgz`,
		integrity: `sha512-${createHash("sha512").update(archive).digest("base64")}`,
	};
}

/** `npm ci` of a project whose lock file names that archive with that checksum. */
async function install(t: TestContext, resolved: string, integrity: string) {
	const folder = mkdtempSync(join(tmpdir(), "moltbot-npm-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	const project = { name: "p", version: "1.0.0", dependencies: { a: "1.0.0" } };
	const write = (name: string, value: object) =>
		writeFileSync(join(folder, name), JSON.stringify(value));
	write("package.json", project);
	write("package-lock.json", {
		...project,
		lockfileVersion: 3,
		packages: {
			"": project,
			"node_modules/a": { version: "1.0.0", resolved, integrity },
		},
	});
	const cache = join(folder, "cache");
	return promisify(execFile)(
		"npm",
		[
			"ci",
			"--ignore-scripts",
			"--no-audit",
			"--fetch-retries=0",
			`--cache=${cache}`,
		],
		{ cwd: folder },
	).then(
		() => readFileSync(join(folder, "node_modules/a/index.js"), "utf8"),
		(error: { stderr: string }) => error.stderr,
	);
}

describe("what npm installs", () => {
	test("has the checksum of the lock file, whatever the registry says", async (t) => {
		const good = await registry(t, "good");
		const evil = await registry(t, "evil");
		assert.match(await install(t, evil.archive, good.integrity), /EINTEGRITY/);
		// Control: the same archive under its own checksum.
		assert.equal(await install(t, evil.archive, evil.integrity), "evil");
	});

	test("is asked for its signatures before anything of it runs", () => {
		const steps = read(".github/workflows/supply-chain.yml")
			.split("\n")
			.flatMap((line) => /^\s+run: (.*)$/.exec(line)?.[1] ?? []);
		assert.deepEqual(steps, [
			"npm ci --ignore-scripts --no-fund",
			"npm audit signatures",
			"npm audit --omit=dev --audit-level=high",
		]);
	});

	for (const folder of [
		"",
		"agent-config/validate/",
		".github/credential-request/",
	])
		test(`${folder || "./"}package-lock.json pins everything with a checksum`, () => {
			assert.deepEqual(
				faultsOf(
					JSON.parse(read(`${folder}package-lock.json`)),
					JSON.parse(read(`${folder}package.json`)),
				),
				[],
			);
		});

	test("what does not is caught", () => {
		assert.equal(
			faultsOf(
				{
					packages: {
						"node_modules/a": { resolved: "git+ssh://x/a" },
						"node_modules/b": { integrity: "sha1-x" },
					},
				},
				{ dependencies: { a: "^1.0.0", b: "latest" } },
			).length,
			5,
		);
	});
});
