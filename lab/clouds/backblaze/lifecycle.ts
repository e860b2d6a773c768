import type { Bucket, FileVersion } from "./model.ts";
import type { Storage } from "./storage.ts";

const dayMs = 86_400_000;

/**
 * B2 applies lifecycle rules once a day. So does this, at the first call of a day by the lab's clock: unfinished large files
 * are cancelled, old uploads hidden, hidden versions deleted. What is locked stays.
 */
export class Lifecycle {
	readonly #storage: Storage;
	#day = -1;

	constructor(storage: Storage) {
		this.#storage = storage;
	}

	/** Does what is due by now. Cheap when the day has not changed. */
	settle(): void {
		const now = this.#storage.world.clock.now();
		const day = Math.floor(now / dayMs);
		if (day === this.#day) return;
		this.#day = day;
		for (const bucket of this.#storage.allBuckets())
			for (const rule of bucket.lifecycle) this.#apply(bucket, rule, now);
	}

	#apply(bucket: Bucket, rule: Bucket["lifecycle"][number], now: number): void {
		const byName = Map.groupBy(
			this.#storage.versions(bucket.id, rule.fileNamePrefix),
			(file) => file.name,
		);
		for (const files of byName.values()) {
			this.#cancel(files, rule, now);
			const versions = files.filter((file) => file.action !== "start");
			this.#hide(bucket, versions, rule, now);
			this.#remove(versions, rule, now);
		}
	}

	#cancel(
		files: FileVersion[],
		rule: Bucket["lifecycle"][number],
		now: number,
	): void {
		const days = rule.daysFromStartingToCancelingUnfinishedLargeFiles;
		if (days == null) return;
		for (const file of files)
			if (file.action === "start" && file.uploaded + days * dayMs <= now)
				this.#storage.deleteVersion(file);
	}

	#hide(
		bucket: Bucket,
		versions: FileVersion[],
		rule: Bucket["lifecycle"][number],
		now: number,
	): void {
		const [newest] = versions;
		const days = rule.daysFromUploadingToHiding;
		if (days == null || newest?.action !== "upload") return;
		// Dated when it was due, so that a clock moved by months hides and deletes like the days in between would have.
		const due = newest.uploaded + days * dayMs;
		if (due <= now)
			versions.unshift(
				this.#storage.addVersion(
					bucket,
					"hide",
					marker(newest.name),
					undefined,
					due,
				),
			);
	}

	#remove(
		versions: FileVersion[],
		rule: Bucket["lifecycle"][number],
		now: number,
	): void {
		const days = rule.daysFromHidingToDeleting;
		if (days == null) return;
		const left = versions.filter((file, index) => {
			const newer = versions[index - 1];
			const due = newer !== undefined && newer.uploaded + days * dayMs <= now;
			if (!due || this.#storage.isLocked(file, false)) return true;
			this.#storage.deleteVersion(file);
			return false;
		});
		// A marker that hides nothing any more goes too.
		const [last] = left;
		if (left.length === 1 && last?.action === "hide")
			if (last.uploaded + days * dayMs <= now)
				this.#storage.deleteVersion(last);
	}
}

/** A hide marker: B2 gives it a content type of its own and no content. */
export const marker = (name: string) => ({
	name,
	type: "application/x-bz-hide-marker",
	info: {},
});
