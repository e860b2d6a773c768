import { z } from "zod";
import type { Clock } from "./cloud.ts";
import { openStore } from "./store.ts";

/**
 * The lab's clock: the machine's clock plus an offset that tests move and that survives a restart.
 * It only moves forward, as the clocks of the real services do.
 */
export function openClock(stateDir: string): Clock {
	const store = openStore(
		stateDir,
		"clock",
		z.object({ offset: z.number().int().nonnegative() }),
		{ offset: 0 },
	);
	return {
		now: () => Date.now() + store.data.offset,
		advance(milliseconds) {
			if (!Number.isSafeInteger(milliseconds) || milliseconds < 0)
				throw new RangeError(
					`The lab clock moves forward by whole milliseconds, not by ${milliseconds}.`,
				);
			store.data.offset += milliseconds;
			store.save();
		},
	};
}
