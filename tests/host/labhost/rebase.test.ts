import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { hostArtefacts, hostMissing } from "../../../lab/host/artefacts.ts";
import { TestRegistry } from "./registry.ts";
import { file, labAddress, networkFile, testHost } from "./setup.ts";

const ucore = (version: string) =>
	`NAME="Fedora Linux"\nID=fedora\nVARIANT_ID=ucore\nVERSION="${version}"\n`;

test("a lab host becomes another operating system only by a signed image and a regular reboot", {
	// The first run on a machine builds the trees.
	timeout: 900_000,
}, async (t) => {
	const missing = hostMissing();
	if (missing !== undefined) return t.skip(missing);
	const artefacts = await hostArtefacts();
	const images = { signed: "", next: "", unsigned: "" };
	let registry: TestRegistry | undefined;
	const { host, remove, shell, up } = await testHost(
		`moltbot-rebase-${process.pid}`,
		artefacts,
		async (dir, labNamespace) => {
			registry = await TestRegistry.start(
				artefacts,
				labNamespace,
				`${labAddress}:5000`,
				`${dir}/registry`,
			);
			t.after(() => registry?.stop());
			const scope = `${registry.address}/ucore`;
			images.signed = await registry.push(
				"ucore",
				"44.1",
				ucore("44.1"),
				"signed",
			);
			images.next = await registry.push(
				"ucore",
				"44.2",
				ucore("44.2"),
				"signed",
			);
			images.unsigned = await registry.push(
				"ucore",
				"44.3",
				ucore("44.3"),
				"unsigned",
			);
			const requirement = {
				type: "sigstoreSigned",
				keyPath: "/etc/pki/containers/os.pub",
				signedIdentity: { type: "matchRepository" },
			};
			const policy = {
				default: [{ type: "reject" }],
				transports: { docker: { [scope]: [requirement] } },
			};
			return {
				ignition: { version: "3.3.0" },
				storage: {
					files: [
						networkFile,
						file("/etc/containers/policy.json", JSON.stringify(policy)),
						file("/etc/pki/containers/os.pub", registry.publicKey),
						file(
							"/etc/containers/registries.d/os.yaml",
							`docker:\n  ${scope}:\n    use-sigstore-attachments: true\n`,
						),
						file(
							"/etc/containers/registries.conf.d/lab.conf",
							`[[registry]]\nlocation = "${registry.address}"\ninsecure = true\n`,
						),
					],
				},
			};
		},
	);
	t.after(remove);
	const rebase = (image: string) =>
		host.exec([
			"rpm-ostree",
			"rebase",
			"--bypass-driver",
			`ostree-image-signed:docker://${image}`,
		]);
	const variant = () => shell(". /etc/os-release; echo $VARIANT_ID $VERSION");
	const bootId = () => shell("cat /proc/sys/kernel/random/boot_id");
	const reboot = async () => {
		const before = await bootId();
		await host.exec(["systemctl", "reboot"]);
		while ((await bootId().catch(() => before)) === before) await sleep(100);
		await up();
	};
	const bootc = async () =>
		JSON.parse((await host.exec(["bootc", "status", "--json"])).stdout);

	await host.boot();
	await up();
	assert.match(await variant(), /^coreos /);
	await assert.rejects(rebase(images.unsigned), /signature/i);
	assert.equal((await bootc()).status.staged, null);

	await rebase(images.signed);
	assert.match(await variant(), /^coreos /, "not before the reboot");
	await assert.rejects(rebase(images.signed), /Old and new refs are equal/);
	await host.cutPower();
	await host.boot();
	await up();
	assert.match(
		await variant(),
		/^coreos /,
		"a power cut loses what is only staged",
	);

	await rebase(images.signed);
	const deployments = JSON.parse(
		(await host.exec(["rpm-ostree", "status", "--json"])).stdout,
	).deployments;
	assert.equal(
		deployments[0]["container-image-reference"],
		`ostree-image-signed:docker://${images.signed}`,
	);
	await reboot();
	assert.equal(await variant(), "ucore 44.1");
	assert.equal((await bootc()).status.booted.image.image.image, images.signed);
	assert.equal((await bootc()).status.booted.image.version, "44.1");

	await assert.rejects(
		host.exec([
			"bootc",
			"switch",
			"--enforce-container-sigpolicy",
			images.unsigned,
		]),
		/signature/i,
	);
	await host.exec([
		"bootc",
		"switch",
		"--enforce-container-sigpolicy",
		images.next,
	]);
	assert.equal((await bootc()).spec.image.image, images.next);
	assert.equal(await variant(), "ucore 44.1");
	await reboot();
	assert.equal(await variant(), "ucore 44.2");
});
