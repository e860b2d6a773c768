#!/bin/bash
# Runs one command in a throw-away root that has the host's scripts at their real paths: scratch.sh <root folder> <command…>
# Programs of the machine are mounted read-only; service manager, OS tool, journal and curl are recorders in /usr/local/bin.
# Call it inside `unshare --mount --propagation private`; the root folder keeps its files between calls.
set -euo pipefail
root=$1 repo=$(cd "$(dirname "$0")/../../.." && pwd)
shift

if [[ ! -e $root/etc/moltbot ]]; then
	mkdir -p "$root"/{etc/moltbot,etc/containers/systemd/users/2001,var/lib/moltbot,run/moltbot,usr/local/libexec/moltbot,usr/local/bin,tmp,proc,dev}
	chmod 0755 "$root"
	chmod 1777 "$root/tmp"
	printf 'root:x:0:0::/:/bin/sh\nmoltbot:x:2001:2001::/:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\nmoltbot:x:2001:\n' >"$root/etc/group"
	for file in "$repo"/quadlets/{host,moltbot}/*; do
		if [[ $file == *.sh || $(head --bytes=2 "$file" | tr --delete '\0') == '#!' ]]; then cp "$file" "$root/usr/local/libexec/moltbot/"; fi
	done
	mv "$root/usr/local/libexec/moltbot/moltbot" "$root/usr/local/bin/"
	cp "$repo"/quadlets/moltbot/*.{container,image,build} "$root/etc/containers/systemd/users/2001/"
	node "$repo/tests/host/units/platformEnvironment.ts" >"$root/etc/moltbot/platform.env"
	printf 'MOLTBOT_GENERATION=3\nMOLTBOT_HOSTNAME=moltbot\n' >"$root/etc/moltbot/host.env"
	sed 's#{{ osScope }}#ghcr.io/ublue-os/ucore-minimal#' "$repo/quadlets/host/policy.json" >"$root/etc/containers/policy.json"
	install -d -m 0751 -o 0 -g 2002000 "$root/var/lib/moltbot/secrets"
	for folder in home state workspace projects; do install -d -m 0700 -o 2002000 -g 2002000 "$root/var/lib/moltbot/$folder"; done
	: >"$root/tmp/calls"
	chmod 0666 "$root/tmp/calls"
	cat >"$root/usr/local/bin/systemctl" <<-'S'
		#!/bin/sh
		echo "systemctl $*" >>/tmp/calls
		[ ! -e /tmp/systemctl-fails ] || exit 1
		case "$*" in *restore.service) [ "$1" != start ] || echo fresh >/var/lib/moltbot/.restored ;; esac
		case "$*" in
			*is-active*) [ ! -e /tmp/stopped ] ;;
			*' show '* | show*)
				for unit; do
					case $unit in *\** | --* | show) ;; *) printf 'Result=success\nId=%s\nActiveState=active\nSubState=running\nActiveEnterTimestamp=@1790000000\n\n' "$unit" ;; esac
				done
				;;
		esac
	S
	cat >"$root/usr/local/bin/bootc" <<-'S'
		#!/bin/sh
		case "$1" in
			status) printf '{"spec":{"image":{"image":"%s"}}}' "$(cat /tmp/os 2>/dev/null)" ;;
			switch) echo "bootc $*" >>/tmp/calls; echo "$3" >/tmp/os ;;
		esac
	S
	printf '#!/bin/sh\necho "joined with tskey-auth-abc123 at https://x/?X-Amz-Signature=00ff&b=1"\n' >"$root/usr/local/bin/journalctl"
	printf '#!/bin/sh\ncat >/tmp/curl-stdin\necho "$*" >/tmp/curl-argv\n[ ! -e /tmp/curl-fails ]\n' >"$root/usr/local/bin/curl"
	chmod +x "$root"/usr/local/bin/*
fi
# The root of a host is a mount.
mount --rbind "$root" "$root"
for folder in bin sbin lib lib64 usr/bin usr/sbin usr/lib usr/lib64 usr/share; do
	[[ -e /$folder ]] || continue
	if [[ -L /$folder ]]; then
		ln -sfn "$(readlink "/$folder")" "$root/$folder"
	else
		mkdir -p "$root/$folder"
		mount --rbind "/$folder" "$root/$folder"
		mount -o remount,bind,ro "$root/$folder"
	fi
done
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
exec chroot "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$@"
