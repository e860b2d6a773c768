#!/bin/bash
# Makes what every virtual machine of the lab boots from: its kernel, a small initramfs, and the disk before Ignition: the host's tree
# on XFS, as on Fedora CoreOS, with the modules of that kernel and the lab's way in.
# Usage: build.sh VM_TREE ROOT_TREE TOOLS OUT   (OUT gets vmlinuz, initrd.img and disk.img)
set -euo pipefail
vm=$1 root=$2 tools=$3 out=$4
here=$(dirname "$(readlink -f "$0")")

if [ "${5:-}" != inside ]; then
	exec unshare --mount --propagation private "$0" "$@" inside
fi
in_tree() { "$1/usr/lib64/ld-linux-x86-64.so.2" --library-path "$1/usr/lib/x86_64-linux-gnu" "$1/$2" "${@:3}"; }
kernels=("$vm"/usr/lib/modules/*)
[ ${#kernels[@]} = 1 ] || { echo "build.sh: there are ${#kernels[@]} kernels in $vm, and one is needed" >&2; exit 1; }
version=${kernels[0]##*/}

cp "$vm/boot/vmlinuz-$version" "$out/vmlinuz"

initrd=$out/initrd
mkdir -p "$initrd/bin" "$initrd/modules"
cp "$vm/usr/bin/busybox" "$initrd/bin/busybox"
install -m 0755 "$here/guest/init" "$initrd/init"
number=10
for name in virtio_blk xfs; do
	while read -r action file; do
		[ "$action" = insmod ] || continue
		in_tree "$vm" usr/bin/xz --decompress --stdout "$vm/usr$file" >"$initrd/modules/$number-$(basename "$file" .xz)"
		number=$((number + 1))
	done < <(chroot "$vm" /usr/sbin/modprobe --set-version "$version" --show-depends "$name")
done
(cd "$initrd" && find . | in_tree "$vm" usr/bin/cpio --quiet --create --format=newc --owner=0:0) >"$out/initrd.img"
rm -r "$initrd"

truncate --size=20G "$out/disk.img"
in_tree "$tools" usr/sbin/mkfs.xfs -q -K -m reflink=1 "$out/disk.img"
mkdir "$out/disk"
mount -o loop,nouuid "$out/disk.img" "$out/disk"
cp -a "$root/." "$out/disk"
mkdir -p "$out/disk/usr/lib/modules"
cp -a "${kernels[0]}" "$out/disk/usr/lib/modules/"
agent=$out/disk/usr/lib/lab/agent
mkdir -p "$agent"
cp "$vm/usr/sbin/qemu-ga" "$vm/usr/lib64/ld-linux-x86-64.so.2" "$agent"
libraries=$("$vm/usr/lib64/ld-linux-x86-64.so.2" --library-path "$vm/usr/lib/x86_64-linux-gnu" --list "$vm/usr/sbin/qemu-ga" | sed -n 's/.* => \(.*\) (0x.*/\1/p')
[ "$libraries" ] || { echo "build.sh: the guest agent needs no libraries, which cannot be" >&2; exit 1; }
for library in $libraries; do cp -L "$library" "$agent"; done
units=$out/disk/usr/lib/systemd/system
mkdir -p "$units/lab-hostkeys.service.d"
cp "$here/guest/lab-agent.service" "$units"
cp "$here/guest/hostkeys.conf" "$units/lab-hostkeys.service.d"
echo 'enable lab-agent.service' >"$out/disk/usr/lib/systemd/system-preset/11-lab-vm.preset"
# The caches in the tree are as new as its content: making them again costs a translated processor a quarter of a minute.
touch "$out/disk/etc/.updated" "$out/disk/var/.updated"
umount "$out/disk"
rmdir "$out/disk"
