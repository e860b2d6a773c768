// What the clouds have in their books, as far as tests compare it.
import { z } from "zod";
import type { ControlClient } from "../../../lab/clouds/client.ts";

const vultr = z.object({
	instances: z.array(z.object({ id: z.string(), tags: z.array(z.string()) })),
	firewallGroups: z.array(z.unknown()),
	sshKeys: z.array(z.unknown()),
	scripts: z.array(z.unknown()),
});
const tailscale = z.object({
	keys: z.array(z.object({ description: z.string(), secret: z.string() })),
	devices: z.array(z.object({ hostname: z.string() })),
});
const backblaze = z.object({
	buckets: z.array(
		z.object({
			name: z.string(),
			files: z.array(z.object({ name: z.string() })),
		}),
	),
	keys: z.array(z.object({ name: z.string() })),
});

/** Everything that somebody could be billed for or that could let somebody in. */
export interface Books {
	vultr: z.output<typeof vultr>;
	tailscale: z.output<typeof tailscale>;
	/** Names of the keys. */
	keys: string[];
	/** File versions by bucket. */
	buckets: Record<string, string[]>;
}

/** Reads the books of all clouds. */
export async function booksOf(control: ControlClient): Promise<Books> {
	const { buckets, keys } = backblaze.parse(
		await control.snapshot("backblaze"),
	);
	return {
		vultr: vultr.parse(await control.snapshot("vultr")),
		tailscale: tailscale.parse(await control.snapshot("tailscale")),
		keys: keys.map(({ name }) => name),
		buckets: Object.fromEntries(
			buckets.map(({ name, files }) => [name, files.map((f) => f.name)]),
		),
	};
}
