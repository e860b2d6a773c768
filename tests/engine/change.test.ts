import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { assertOrder, type Step } from "./harness/order.ts";
import { booksOf } from "./harness/state.ts";
import {
	canaries,
	cannotRun,
	type Delivery,
	type Run,
	sharedWorld,
} from "./harness/world.ts";

const bucket = "moltbot-test-7f3c9a";
const unit = "quadlets/host/guard.service";
const delivered = ["update delivery", "update readiness"];
/** Everything that carries the number of a generation. */
const replaced = [
	"generation",
	"backup-key",
	"join-key",
	"tailnet-name",
	"beacon",
	"instance",
	"boot",
	"last-backup",
];

/** How an old host goes, line by line as the design has it. */
function farewell(generation: number): Step[] {
	return [
		{
			what: "the agent is stopped and saved",
			line: new RegExp(`^ssh g${generation} sudo .*/last-backup$`),
			once: true,
		},
		{
			what: "the VM is deleted",
			line: /^DELETE api\.vultr\.com\/v2\/instances\/\S+ 204$/,
			once: true,
		},
		{
			what: "Vultr says that it is gone",
			line: /^GET api\.vultr\.com\/v2\/instances\/[^/ ]+ 404$/,
		},
		{
			what: "its devices are looked up at that moment",
			line: /^GET api\.tailscale\.com\/api\/v2\/tailnet\/-\/devices 200$/,
		},
		{
			what: "the device is removed",
			line: /^DELETE api\.tailscale\.com\/api\/v2\/device\/\S+ 200$/,
			once: true,
		},
		{
			what: "the join key is deleted",
			line: /^DELETE api\.tailscale\.com\/api\/v2\/tailnet\/-\/keys\/\S+ 200$/,
			once: true,
		},
		{
			what: "the backup key is deleted",
			line: /^POST \S+\/b2_delete_key 200$/,
			once: true,
		},
	];
}

// One stack that is changed in every way that leaves its host alone, then in one that does not; then years pass.
suite("a change of a stack", { skip: cannotRun }, () => {
	const world = sharedWorld();
	const lastDelivery = (): Delivery => {
		const delivery = world().hypervisor.hosts.at(-1)?.deliveries.at(-1);
		assert.ok(delivery);
		return delivery;
	};

	/** An up that reaches the host by its delivery and touches no cloud. */
	async function deliverOnly(): Promise<{ before: Delivery; after: Delivery }> {
		const before = lastDelivery();
		await world().control.clearRequests();
		const up = await world().up();
		assert.equal(up.code, 0, up.output);
		assert.deepEqual(up.changes.sort(), delivered);
		assert.deepEqual(await world().mutations(), []);
		const [host, ...others] = world().hypervisor.hosts;
		assert.deepEqual(others, []);
		assert.equal(host?.powered, true);
		const after = lastDelivery();
		assert.notDeepEqual(after, before);
		return { before, after };
	}

	test("an up to begin with", async () => {
		const up = await world().up();
		assert.equal(up.code, 0, up.output);
	});

	test("a changed agent file is delivered, and nothing else happens", async () => {
		const line = "\n// A word about nothing.\n";
		world().edit(
			"agent-config/moltbot/openclaw.json5",
			(text) => `${text}${line}`,
		);
		const preview = await world().preview();
		assert.deepEqual(preview.changes.sort(), delivered, preview.output);
		const { before, after } = await deliverOnly();
		const path = "/etc/moltbot/openclaw.json";
		assert.deepEqual(after, {
			...before,
			files: before.files.map((file) =>
				file.path === path ? { ...file, content: file.content + line } : file,
			),
		});
	});

	test("changed image digests are delivered, and nothing else happens", async () => {
		const { osImage, gatewayImage, sandboxImage, backupImage } =
			world().nextImages;
		const booted = lastDelivery().os;
		world().configure(world().nextImages);
		const { before, after } = await deliverOnly();
		assert.deepEqual(
			{ ...after, files: [] },
			{
				...before,
				files: [],
				os: osImage,
				images: {
					gateway: gatewayImage,
					sandbox: sandboxImage,
					backup: backupImage,
				},
			},
		);
		const { images } = await world().outputs();
		// The operating system is staged; it runs after the next reboot.
		assert.deepEqual(images, { ...after.images, os: booted });
	});

	test("a rotated Discord token is delivered, and nothing else happens", async () => {
		await world().changeSecret("Discord Bot Token", canaries.nextDiscord);
		const { before, after } = await deliverOnly();
		assert.deepEqual(after, {
			...before,
			secrets: {
				...before.secrets,
				"discord-bot-token": canaries.nextDiscord,
			},
		});
	});

	test("a key of the host that leaked is replaced on request, and the VM stays", async () => {
		const before = lastDelivery();
		const up = await world().up({ args: ["--replace", "**::backup-key"] });
		assert.equal(up.code, 0, up.output);
		assert.deepEqual(
			up.changes.filter((change) => /^(replace|update) /.test(change)).sort(),
			["replace backup-key", "replace beacon", ...delivered],
		);
		const after = lastDelivery();
		assert.notEqual(
			after.hostSecrets["backup-key"],
			before.hostSecrets["backup-key"],
		);
		const { keys } = await booksOf(world().control);
		assert.deepEqual(keys, [`${bucket}-g1`]);
		assert.equal(world().hypervisor.hosts.length, 1);
	});

	for (const file of [unit, "butane/host.bu"])
		test(`a preview says that a change of ${file} replaces the VM`, async () => {
			let original = "";
			world().edit(file, (text) => {
				original = text;
				const changed = file.endsWith(".bu")
					? text.replace("mode: 0755", "mode: 0700")
					: `# Changed.\n${text}`;
				assert.notEqual(changed, text);
				return changed;
			});
			await world().control.clearRequests();
			const preview = await world().preview();
			world().edit(file, () => original);
			assert.equal(preview.code, 0, preview.output);
			assertReplaces(preview);
			assert.match(preview.output, /Instance instance (delete-)?replace/);
			assert.deepEqual(await world().mutations(), []);
		});

	test("the old VM stays while no new one can be had", async () => {
		world().edit(unit, (text) => `# Changed.\n${text}`);
		await world().control.fault({
			path: "/v2/regions/ewr/availability",
			count: null,
			action: {
				status: 200,
				body: { available_plans: ["vc2-1c-1gb"] },
				headers: { "content-type": "application/json" },
			},
		});
		await world().control.clearRequests();
		const up = await world().up();
		await world().control.clearFaults();
		world().edit(unit, (text) => text.replace("# Changed.\n", ""));
		assert.notEqual(up.code, 0, up.output);
		assert.match(up.output, /needs a new VM.*"vc2-2c-4gb".*"ewr"/);
		assert.doesNotMatch(up.output, /^\s+at /m);
		assert.deepEqual(await world().mutations(), []);
		assert.equal(world().hypervisor.hosts[0]?.powered, true);
	});

	test("a replacement saves, ends and forgets the old host before the new one begins", async () => {
		world().edit(unit, (text) => `# Changed.\n${text}`);
		world().timeline.length = 0;
		const up = await world().up();
		assert.equal(up.code, 0, up.output);
		assertReplaces(up);
		assertOrder(world().timeline, [
			{
				what: "the plan is known to be available",
				line: /^GET api\.vultr\.com\/v2\/regions\/ewr\/availability 200$/,
			},
			...farewell(1),
			{
				what: "the new generation is claimed",
				line: /^POST \S+\/b2_upload_file\/\S+ 200$/,
			},
			{
				what: "it has a backup key",
				line: /^POST \S+\/b2_create_key 200$/,
				once: true,
			},
			{
				what: "and a join key",
				line: /^POST api\.tailscale\.com\/api\/v2\/tailnet\/-\/keys 200$/,
				once: true,
			},
			{
				what: "the new VM is ordered",
				line: /^POST api\.vultr\.com\/v2\/instances 202$/,
				once: true,
			},
			{ what: "it lets us in", line: /^ssh g2 true$/ },
			{ what: "it gets its delivery", line: /^ssh g2 sudo .*\/deliver$/ },
			{ what: "it is ready", line: /^ssh g2 sudo .*moltbot status --json/ },
		]);
		// Every image was asked for before anything was given up.
		const saved = world().timeline.findIndex((line) =>
			line.endsWith("last-backup"),
		);
		for (const image of Object.values(world().nextImages)) {
			const [name = "", digest = ""] = image.split("@");
			const path = `${name.slice(name.indexOf("/"))}/manifests/${digest}`;
			const asked = world().timeline.findIndex((line) => line.includes(path));
			assert.ok(asked >= 0 && asked < saved, `${image} was not asked for`);
		}
		const [first, second, ...others] = world().hypervisor.hosts;
		assert.deepEqual(others, []);
		assert.equal(first?.powered, false);
		assert.equal(second?.generation, 2);
		assert.equal(second.state, "restored");
		const { vultr, tailscale, keys } = await booksOf(world().control);
		assert.deepEqual(
			vultr.instances.map(({ tags }) => tags.includes("generation:2")),
			[true],
		);
		assert.equal(vultr.firewallGroups.length, 1);
		assert.equal(tailscale.keys.length, 1);
		assert.equal(tailscale.devices.length, 1);
		assert.deepEqual(keys, [`${bucket}-g2`]);
	});

	test("months later and with other credentials, destroy ends it in order", async () => {
		await world().control.advanceClock(120 * 24 * 3_600_000);
		await world().rotateCredentials();
		world().timeline.length = 0;
		const destroy = await world().destroy();
		assert.equal(destroy.code, 0, destroy.output);
		assertOrder(world().timeline, [
			...farewell(2),
			{
				what: "the firewall group is deleted",
				line: /^DELETE api\.vultr\.com\/v2\/firewalls\/\S+ 204$/,
				once: true,
			},
		]);
		assert.ok(!world().timeline.some((line) => /delete_bucket/.test(line)));
		const { vultr, tailscale, keys, buckets } = await booksOf(world().control);
		assert.deepEqual(
			[vultr.instances, vultr.firewallGroups, vultr.sshKeys, vultr.scripts],
			[[], [], [], []],
		);
		assert.deepEqual(tailscale, { keys: [], devices: [] });
		// The operator's own.
		assert.deepEqual(keys, ["operator-2"]);
		assert.deepEqual(Object.keys(buckets), [bucket]);
	});

	test("a bucket of that name without our mark is refused, and left as it is", async () => {
		const name = "holiday-photos-7f3c9a";
		await world().makeBucket(name);
		world().configure({ bucket: name });
		const before = await booksOf(world().control);
		await world().control.clearRequests();
		const up = await world().up();
		assert.notEqual(up.code, 0, up.output);
		assert.match(
			up.output,
			/"holiday-photos-7f3c9a" exists.*not made by moltbot.*pulumi config set bucket/,
		);
		assert.doesNotMatch(up.output, /^\s+at /m);
		assert.deepEqual(await world().mutations(), []);
		assert.deepEqual(await booksOf(world().control), before);
	});
});

function assertReplaces({ changes, output }: Run): void {
	for (const name of replaced)
		assert.ok(changes.includes(`replace ${name}`), `${name}\n${output}`);
	assert.ok(!changes.some((change) => / (firewall|backup)$/.test(change)));
}
