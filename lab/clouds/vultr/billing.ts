import type { Account, Instance } from "./model.ts";
import { plans } from "./reference.ts";

const hour = 3_600_000;

/** What one instance has cost so far. */
export interface Bill {
	id: string;
	label: string;
	hostname: string;
	tags: string[];
	/** Milliseconds; `null`: still running up. */
	from: number;
	to: number | null;
	hours: number;
	/** US dollars. */
	cost: number;
}

/**
 * The bill of an account. Every begun hour counts, at least one; a `monthly` plan is capped at 672 hours, a stopped
 * machine costs as much as a running one, and DELETE ends it.
 */
export function bill(
	account: Account,
	now: number,
): { total: number; mostAtOnce: number; instances: Bill[] } {
	const instances = account.instances.map((instance) => billOf(instance, now));
	return {
		total: instances.reduce((sum, one) => sum + one.cost, 0),
		mostAtOnce: mostAtOnce(instances),
		instances,
	};
}

function billOf(instance: Instance, now: number): Bill {
	let cost = 0;
	let hours = 0;
	for (const charge of instance.charges) {
		const plan = plans.find((candidate) => candidate.id === charge.plan);
		if (!plan) continue;
		const spent = Math.max(
			1,
			Math.ceil(((charge.to ?? now) - charge.from) / hour),
		);
		hours += spent;
		cost +=
			plan.invoice_type === "monthly"
				? (Math.min(spent, 672) * plan.monthly_cost) / 672
				: spent * plan.hourly_cost;
	}
	return {
		id: instance.id,
		label: instance.label,
		hostname: instance.hostname,
		tags: instance.tags,
		from: instance.created,
		to: instance.deleted,
		hours,
		cost: Math.round(cost * 10_000) / 10_000,
	};
}

/** The highest number of instances that were ever billed at the same moment. */
function mostAtOnce(bills: readonly Bill[]): number {
	const starts = bills.map((one) => one.from);
	return Math.max(
		0,
		...starts.map(
			(moment) =>
				bills.filter(
					(one) => one.from <= moment && (one.to === null || moment < one.to),
				).length,
		),
	);
}
