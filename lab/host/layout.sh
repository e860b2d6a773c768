#!/bin/bash
# Turns a plain Debian tree into one laid out like Fedora CoreOS, so that the production Ignition document applies to it.
# Usage: layout.sh OS_TREE ROOT   (copies OS_TREE to ROOT, which must not exist)
set -euo pipefail
os=$1 root=$2

cp -a "$os" "$root"
rm -rf "${root:?}"/dev/* "$root"/var/cache/apt "$root"/var/lib/apt/lists "$root"/etc/resolv.conf

# Names are systemd-resolved's business, as on Fedora CoreOS.
ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"

# Fedora's trust store; everything that Debian brings looks at it by a link.
pki=$root/etc/pki/ca-trust
mkdir -p "$pki/source/anchors" "$pki/extracted/pem" "$root/etc/pki/containers"
cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$pki/extracted/pem/tls-ca-bundle.pem"
rm -rf "$root"/etc/ssl/certs/*
ln -s ../../pki/ca-trust/extracted/pem/tls-ca-bundle.pem "$root/etc/ssl/certs/ca-certificates.crt"
ln -s ca-certificates.crt "$root/etc/ssl/certs/ca-bundle.crt"

# ostree's layout: what may change lies below /var.
for pair in home:home root:roothome srv:srv opt:opt mnt:mnt; do
	from=${pair%%:*} to=${pair##*:}
	mkdir -p "$root/var/$to"
	rm -rf "${root:?}/$from"
	ln -s "var/$to" "$root/$from"
done
mkdir -p "$root/var/usrlocal/bin" "$root/var/usrlocal/libexec"
rm -rf "${root:?}/usr/local"
ln -s ../var/usrlocal "$root/usr/local"
chmod 0700 "$root/var/roothome"
sed -i 's|^#\?\s*HOME=.*|HOME=/var/home|' "$root/etc/default/useradd"
sed -i 's|:/root:|:/var/roothome:|' "$root/etc/passwd"

# The first boot is Fedora CoreOS; the rebase makes it uCore.
rm -f "$root/etc/os-release"
ln -s ../usr/lib/os-release "$root/etc/os-release"
cat >"$root/usr/lib/os-release" <<-EOF
	NAME="Fedora Linux"
	ID=fedora
	VERSION="44 (lab look-alike of CoreOS)"
	VERSION_ID=44
	VARIANT="CoreOS"
	VARIANT_ID=coreos
	PRETTY_NAME="Lab host (looks like Fedora CoreOS, is Debian)"
EOF

# "uninitialized" makes systemd take this for a first boot, the only one that evaluates presets.
echo uninitialized >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_*
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/user/*.wants
mkdir -p "$root/usr/lib/systemd/system-preset"
printf 'disable *\n' >"$root/usr/lib/systemd/system-preset/99-default-disable.preset"
printf 'enable %s\n' ssh.service systemd-networkd.service systemd-networkd-wait-online.service systemd-resolved.service \
	lab-hostkeys.service lab-online.service lab-proc.service >"$root/usr/lib/systemd/system-preset/10-lab.preset"
ln -s /dev/null "$root/etc/systemd/system/systemd-firstboot.service"

# Ignition relabels; there is no SELinux here.
mkdir -p "$root/etc/selinux"
printf 'SELINUX=disabled\nSELINUXTYPE=targeted\n' >"$root/etc/selinux/config"

# FCOS: core works through sudo, keys come from Ignition.
groupadd --root "$root" --system wheel
groupadd --root "$root" --gid 1000 core
useradd --root "$root" --uid 1000 --gid core --groups wheel --home-dir /var/home/core --shell /bin/bash --create-home core
printf '%%wheel ALL=(ALL) NOPASSWD: ALL\n' >"$root/etc/sudoers.d/10-wheel"
chmod 0440 "$root/etc/sudoers.d/10-wheel"
mkdir -p "$root/etc/ssh/sshd_config.d"
printf 'AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys.d/ignition\nPasswordAuthentication no\n' \
	>"$root/etc/ssh/sshd_config.d/40-lab.conf"

# Fedora CoreOS asks for its addresses on every device.
printf '[Match]\nName=eth0\n[Network]\nDHCP=yes\n[DHCPv4]\nClientIdentifier=mac\n' >"$root/usr/lib/systemd/network/70-lab-dhcp.network"

units=$root/usr/lib/systemd/system
cat >"$units/lab-hostkeys.service" <<-'EOF'
	[Unit]
	Description=Make the SSH host keys of this host
	Before=ssh.service
	[Service]
	Type=oneshot
	RemainAfterExit=yes
	ExecStart=/usr/bin/ssh-keygen -A
	[Install]
	WantedBy=multi-user.target
EOF
# Rootless Quadlets wait for network-online.target; something must pull it in.
cat >"$units/lab-online.service" <<-'EOF'
	[Unit]
	Description=Wait for the network
	Wants=network-online.target
	After=network-online.target
	[Service]
	Type=oneshot
	RemainAfterExit=yes
	ExecStart=/bin/true
	[Install]
	WantedBy=multi-user.target
EOF
# nspawn masks parts of /proc; the kernel then refuses new proc mounts in user namespaces unless one is unmasked. No mount unit: systemd, which
# sees all mounts of a boot at once, lets the next one wait for a second.
cat >"$units/lab-proc.service" <<-'EOF'
	[Unit]
	Description=Mount a whole /proc for containers
	ConditionVirtualization=container
	DefaultDependencies=no
	Before=sysinit.target
	[Service]
	Type=oneshot
	RemainAfterExit=yes
	ExecStart=/usr/bin/mkdir -p /run/lab-proc
	ExecStart=/usr/bin/mount -t proc proc /run/lab-proc
	[Install]
	WantedBy=sysinit.target
EOF

# Stand-ins for what Debian lacks, and a crun that copes with hybrid cgroups.
guest=$(dirname "$(readlink -f "$0")")/guest
mkdir -p "$root/usr/lib/lab" "$root/etc/containers/containers.conf.d"
install -m 0755 "$guest/crun" "$guest/finalize" "$root/usr/lib/lab"
install -m 0644 "$guest/os.sh" "$root/usr/lib/lab"
install -m 0755 "$guest/rpm-ostree" "$guest/bootc" "$guest/update-ca-trust" "$root/usr/bin"
install -m 0644 "$guest/ostree-finalize-staged.service" "$units"
mkdir -p "$root/var/lib/lab-os"
printf '[engine.runtimes]\ncrun = ["/usr/lib/lab/crun"]\n' >"$root/etc/containers/containers.conf.d/50-lab.conf"
