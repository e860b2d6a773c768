import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { moltbot } from "../../../infra/platforms/moltbot.ts";
import { fillIn, placeholdersOf } from "../../../infra/template.ts";
import {
	openclawCommand,
	openclawFolder,
} from "../../../lab/images/openclaw.ts";

const root = join(import.meta.dirname, "../../..");
const template = "agent-config/moltbot/openclaw.json5";
const text = readFileSync(join(root, template), "utf8");
const values = {
	ownerDiscordId: "123456789012345678",
	sandboxImage: `ghcr.io/you/moltbot-sandbox@sha256:${"0".repeat(64)}`,
	model: "anthropic/claude-sonnet-4-6",
};
const rendered = fillIn(template, text, values);

let command: string;
before(async () => {
	command = openclawCommand(await openclawFolder());
});

/** What OpenClaw's own validator says about a configuration. */
function validate(t: TestContext, config: string) {
	const folder = mkdtempSync(join(tmpdir(), "agent-config-"));
	t.after(() => rmSync(folder, { recursive: true }));
	const file = join(folder, "openclaw.json");
	writeFileSync(file, config, { mode: 0o640 });
	const { status, stdout, stderr } = spawnSync(
		process.execPath,
		[command, "config", "validate", "--json"],
		{
			encoding: "utf8",
			timeout: 60_000,
			env: {
				PATH: process.env.PATH,
				HOME: folder,
				OPENCLAW_STATE_DIR: join(folder, "state"),
				OPENCLAW_CONFIG_PATH: file,
				OPENCLAW_CONFIG_READONLY: "1",
			},
		},
	);
	assert.ok(stdout.startsWith("{"), `no verdict on stdout; stderr: ${stderr}`);
	const verdict: {
		valid: boolean;
		issues?: { path: string }[];
		warnings?: { path: string; message: string }[];
	} = JSON.parse(stdout);
	return { status, ...verdict };
}

test("OpenClaw takes the rendered configuration", (t) => {
	const { status, valid, issues, warnings = [] } = validate(t, rendered);
	assert.deepEqual(issues ?? [], []);
	assert.equal(valid, true);
	assert.equal(status, 0);
	// The plugin is part of the gateway's image, not of this test.
	const other = warnings.filter(
		({ message }) => !message.startsWith("plugin not installed: discord"),
	);
	assert.deepEqual(other, []);
});

test("and refuses the same one with a single wrong value", (t) => {
	const wrong = rendered.replace('groupPolicy: "allowlist"', "groupPolicy: {}");
	assert.notEqual(wrong, rendered);
	const { status, valid, issues = [] } = validate(t, wrong);
	assert.equal(valid, false);
	assert.equal(status, 1);
	assert.ok(issues.some(({ path }) => path.includes("groupPolicy")));
});

test("the program knows every placeholder, and uses each", () => {
	const known = moltbot.values({
		...values,
	} as unknown as Parameters<typeof moltbot.values>[0]);
	const asked = moltbot.files.flatMap(({ template }) =>
		placeholdersOf(readFileSync(join(root, template), "utf8")),
	);
	assert.deepEqual([...new Set(asked)].sort(), Object.keys(known).sort());
});

test("every secret file that the agent reads is delivered or made on the host", () => {
	const read = [...text.matchAll(/\/var\/lib\/moltbot\/secrets\/([\w-]+)/g)];
	assert.ok(read.length >= 3);
	for (const [path, name] of read)
		assert.ok(
			Object.hasOwn(moltbot.secrets, name ?? ""),
			`${path} is nobody's`,
		);
});

test("no secret and no leftover placeholder stands in the configuration", () => {
	assert.doesNotMatch(rendered, /\{\{|\}\}(?!,|\s|$)/);
	assert.doesNotMatch(rendered, /sk-ant-|ops_[\w-]{20}|op:\/\//);
});

test("skills begin with a name that is their folder and a description", () => {
	const skills = join(root, "agent-config/moltbot/workspace/skills");
	const names = readdirSync(skills);
	assert.ok(names.includes("1password"));
	for (const name of names) {
		const skill = readFileSync(join(skills, name, "SKILL.md"), "utf8");
		const head = /^---\n([\s\S]*?)\n---\n/.exec(skill)?.[1] ?? "";
		assert.match(head, new RegExp(`^name: ${name}$`, "m"));
		assert.match(head, /^description: ".{20,}"$/m);
	}
});
