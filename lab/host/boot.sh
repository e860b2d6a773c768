#!/bin/bash
# Boots a lab host and stays with it until it powers off: disk, overlay, Ignition, systemd-nspawn, in one cgroup,
# one network namespace and one private mount namespace. Called by host.ts, which makes the cgroup and sets the environment:
#   HOST_DIR   folder of this host (disk.img, mounts, Ignition's logs)
#   ROOT_TREE  read-only tree that the disk lies over (layout.sh)          TOOLS    tree with nspawn and mkfs.xfs
#   IGNITION   Ignition binary     PLATFORM  file|vultr     CONFIG  Ignition document (platform file)
#   NETNS      path of the network namespace        MACHINE  machine name
set -euo pipefail

if [ "${1:-}" != inside ]; then
	# The network namespace comes first: sysfs shows the devices of the one it is mounted in.
	exec nsenter --net="$NETNS" unshare --mount --propagation private "$0" inside
fi

tool() { "$TOOLS/usr/lib64/ld-linux-x86-64.so.2" --library-path "$TOOLS/usr/lib/x86_64-linux-gnu" "$TOOLS/$1" "${@:2}"; }

# shellcheck source=lab/host/ignite.sh
source "$(dirname "$(readlink -f "$0")")/ignite.sh"
cd "$HOST_DIR"
mkdir -p disk root
first='' image=disk.img
if [ ! -e disk.img ]; then
	first=1 image=disk.new
	rm -f disk.new
	truncate -s 20G disk.new
	tool usr/sbin/mkfs.xfs -q -K -m reflink=1 disk.new
fi
mount -o loop $image disk
if [ "$first" ]; then
	mkdir disk/upper disk/work
	cp -a "$ROOT_TREE/var" disk/var
fi
mount -t overlay overlay -o "lowerdir=$ROOT_TREE,upperdir=$HOST_DIR/disk/upper,workdir=$HOST_DIR/disk/work" root
mount --bind disk/var root/var
if [ "$first" ]; then
	ignite "$HOST_DIR/root"
	sync -f disk
	# Only now is it a disk: an aborted first boot begins again.
	mv disk.new disk.img
fi

# nspawn needs a newer systemd than the machine may have: run it from the tools tree, in a root of its own.
mount --bind "$TOOLS" "$TOOLS"
cd "$TOOLS"
mount --rbind /dev dev
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p run/host run/old
touch run/netns
mount --bind "$NETNS" run/netns
mount --rbind "$HOST_DIR" run/host
pivot_root . run/old
umount -l /run/old
cd /
# 133: the host asked for a reboot. No CAP_SYS_TIME: the clock inside is the clock of the machine.
while :; do
	code=0
	SYSTEMD_NSPAWN_API_VFS_WRITABLE=network systemd-nspawn --quiet --directory=/run/host/root --machine="$MACHINE" \
		--register=no --keep-unit --boot --resolv-conf=off --console=pipe --network-namespace-path=/run/netns --capability=all \
		--drop-capability=CAP_SYS_TIME,CAP_SYS_MODULE,CAP_SYS_RAWIO --system-call-filter="add_key keyctl bpf" \
		--bind=/dev/fuse --bind=/dev/net/tun || code=$?
	[ "$code" = 133 ] || exit "$code"
done
