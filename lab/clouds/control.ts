import { Hono } from "hono";
import { z } from "zod";
import type { Cloud, World } from "./cloud.ts";
import { type Faults, faultSchema } from "./faults.ts";
import type { RequestLog } from "./requestLog.ts";

/** The host name of the control interface. */
export const controlHost = "control.lab.test";

const advanceSchema = z.strictObject({
	/** Milliseconds forward. */
	advance: z.number().int().nonnegative(),
});

/** The control interface: how tests and the lab's own commands ask and steer the stand-ins. */
export function createControl(parts: {
	world: World;
	clouds: readonly Cloud[];
	log: RequestLog;
	faults: Faults;
}): Cloud {
	const { world, clouds, log, faults } = parts;
	const clock = () => ({
		now: new Date(world.clock.now()).toISOString(),
		milliseconds: world.clock.now(),
	});
	const app = new Hono();
	app.onError((error, c) => c.json({ error: error.message }, 400));
	app.get("/requests", (c) => {
		const { since, cloud, method, path } = c.req.query();
		return c.json(
			log.query({
				since: since === undefined ? undefined : Number(since),
				cloud,
				method,
				path,
			}),
		);
	});
	app.delete("/requests", (c) => {
		log.clear();
		return c.body(null, 204);
	});
	app.get("/faults", (c) => c.json(faults.list()));
	app.post("/faults", async (c) => {
		const fault = parse(faultSchema, await c.req.json());
		return c.json({ id: faults.add(fault) }, 201);
	});
	app.delete("/faults", (c) => {
		faults.clear();
		return c.body(null, 204);
	});
	app.get("/clock", (c) => c.json(clock()));
	app.post("/clock", async (c) => {
		world.clock.advance(parse(advanceSchema, await c.req.json()).advance);
		return c.json(clock());
	});
	app.get("/state/:cloud", (c) => {
		const name = c.req.param("cloud");
		const cloud = clouds.find((candidate) => candidate.name === name);
		if (!cloud?.snapshot)
			return c.json(
				{
					error: `No stand-in named "${name}" shows its state; there are ${clouds.map((x) => x.name).join(", ")}.`,
				},
				404,
			);
		return c.json(cloud.snapshot() as object);
	});
	return { name: "control", hosts: [controlHost], app };
}

function parse<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
	const result = schema.safeParse(value);
	if (!result.success) throw new Error(z.prettifyError(result.error));
	return result.data;
}
