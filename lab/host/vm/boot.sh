#!/bin/bash
# Boots a lab host as a virtual machine and stays with it until it powers off: disk, Ignition, cable, QEMU, in one cgroup and one
# network namespace. Called by vmHost.ts; of the environment, the first lines are as in ../boot.sh:
#   HOST_DIR IGNITION PLATFORM CONFIG NETNS
#   VM       folder with vmlinuz, initrd.img and disk.img (build.sh)     VM_TREE  tree with QEMU
#   ACCEL    kvm|tcg     MEMORY  MiB     CPUS  number     CLOCK  what its clock says at power-on, UTC; empty: the machine's time
set -euo pipefail

if [ "${1:-}" != inside ]; then
	exec nsenter --net="$NETNS" unshare --mount --propagation private "$0" inside
fi
# shellcheck source=lab/host/ignite.sh
source "$(dirname "$(readlink -f "$0")")/../ignite.sh"
cd "$HOST_DIR"
if [ ! -e vm.img ]; then
	cp --sparse=always "$VM/disk.img" disk.new
	mkdir -p root
	mount -o loop,nouuid disk.new root
	ignite "$HOST_DIR/root"
	umount root
	# Only now is it a disk: an aborted first boot begins again.
	mv disk.new vm.img
fi

# The guest takes the place of eth0, with its hardware address; what eth0 had, so that Ignition reached the metadata service, goes.
if ! ip link show cable >/dev/null 2>&1; then
	sysctl --quiet --write net.ipv6.conf.all.disable_ipv6=1
	ip link add cable type bridge mcast_snooping 0 forward_delay 0
	ip tuntap add dev guest mode tap
	ip address flush dev eth0
	ip link set eth0 address 02:ab:00:00:00:03
	for device in eth0 guest; do ip link set "$device" master cable up; done
	ip link set cable up
fi

accelerate=("tcg,thread=multi,tb-size=512")
[ "$ACCEL" = tcg ] || accelerate=("$ACCEL")
library=$VM_TREE/usr/lib/x86_64-linux-gnu
rm -f agent.sock
exec "$VM_TREE/usr/lib64/ld-linux-x86-64.so.2" --library-path "$library:$library/pulseaudio" "$VM_TREE/usr/bin/qemu-system-x86_64" \
	-L "$VM_TREE/usr/share/qemu" -L "$VM_TREE/usr/share/seabios" \
	-machine q35 -accel "${accelerate[@]}" -cpu max,la57=off -smp "$CPUS" -m "$MEMORY" -nodefaults -nographic -rtc "base=${CLOCK:-utc},clock=host" \
	-kernel "$VM/vmlinuz" -initrd "$VM/initrd.img" \
	-append "console=ttyS0 quiet mitigations=off audit=0 selinux=0 net.ifnames=0 systemd.show_status=error" \
	-drive "if=none,id=root,file=vm.img,format=raw,cache=unsafe,discard=unmap" -device virtio-blk-pci,drive=root \
	-netdev tap,id=net,ifname=guest,script=no,downscript=no -device virtio-net-pci,netdev=net,mac=02:ab:00:00:00:02,romfile= \
	-device virtio-rng-pci -serial stdio -device virtio-serial-pci \
	-chardev socket,id=agent,path=agent.sock,server=on,wait=off -device virtserialport,chardev=agent,name=org.qemu.guest_agent.0
