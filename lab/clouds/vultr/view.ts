import { type Context, isoTime } from "./context.ts";
import type { Instance } from "./model.ts";
import { operatingSystems, plans } from "./reference.ts";

/** The instance as the API shows it at this moment. */
export function viewInstance(context: Context, instance: Instance) {
	const { settings, world } = context;
	const age = world.clock.now() - instance.created;
	const active = age >= settings.delays.active;
	const running =
		instance.power === "running" &&
		instance.booted &&
		age >= settings.delays.running;
	const plan = plans.find((candidate) => candidate.id === instance.plan);
	const os = operatingSystems.find(
		(candidate) => candidate.id === instance.osId,
	);
	const v4 = active ? instance.v4 : null;
	const v6 = active ? instance.v6 : null;
	const features = [
		...(instance.backups ? ["auto_backups"] : []),
		...(instance.ddosProtection ? ["ddos_protection"] : []),
		...(instance.v6 ? ["ipv6"] : []),
	];
	return {
		id: instance.id,
		os: os?.name ?? "",
		ram: plan?.ram ?? 0,
		disk: plan?.disk ?? 0,
		main_ip: v4 ?? "0.0.0.0",
		vcpu_count: plan?.vcpu_count ?? 0,
		region: instance.region,
		plan: instance.plan,
		date_created: isoTime(instance.created),
		status: active ? "active" : "pending",
		allowed_bandwidth: plan?.bandwidth ?? 0,
		netmask_v4: v4 ? "255.255.255.0" : "",
		gateway_v4: v4 ? `${settings.network}.1` : "0.0.0.0",
		power_status: running ? "running" : "stopped",
		server_status: serverStatus(),
		v6_network: v6 ? v6.replace(/::.*$/, "::") : "",
		v6_main_ip: v6 ?? "",
		v6_network_size: v6 ? 64 : 0,
		label: instance.label,
		internal_ip: "",
		kvm: active ? instance.kvm : "",
		hostname: instance.hostname,
		os_id: instance.osId,
		app_id: 0,
		image_id: "",
		snapshot_id: "",
		firewall_group_id: instance.firewallGroupId,
		features,
		tag: instance.tags[0] ?? "",
		tags: instance.tags,
		user_scheme: instance.userScheme,
	};

	function serverStatus(): string {
		if (!active) return "none";
		if (instance.deleted !== null) return "locked";
		return instance.booted && age >= settings.delays.ok
			? "ok"
			: "installingbooting";
	}
}
