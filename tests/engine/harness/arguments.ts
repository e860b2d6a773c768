import { readdirSync, readFileSync } from "node:fs";

const intervalMilliseconds = 15;

/** What was seen of the command lines of this machine. */
export interface Watch {
	/** Every command line that was seen, arguments separated by blanks. */
	stop(): string[];
}

/** Reads the command lines of all processes again and again, as any user of the machine could. */
export function watchArguments(): Watch {
	const seen = new Set<string>();
	const look = () => {
		for (const entry of readdirSync("/proc")) {
			if (!/^\d+$/.test(entry)) continue;
			try {
				seen.add(
					readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " "),
				);
			} catch (error) {
				const { code = "" } = error as NodeJS.ErrnoException;
				// It ended meanwhile.
				if (!["ENOENT", "ESRCH"].includes(code)) throw error;
			}
		}
	};
	const timer = setInterval(look, intervalMilliseconds);
	return {
		stop() {
			clearInterval(timer);
			return [...seen];
		},
	};
}
