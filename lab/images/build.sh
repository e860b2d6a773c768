#!/bin/bash
# Builds one Containerfile with the lab host's own podman, in a root of its own: the machine needs no container engine and keeps
# nothing. Called by builder.ts inside `unshare --mount --propagation private`, with the environment:
#   TREE     tree with podman     WORK  scratch folder, removed by the caller     CONTEXT  folder of the Containerfile
#   INPUTS   folder that the build sees as /inputs     BASE_TAR, BASE_NAME  stand-in of the base image and its name
# and the arguments for `podman import` (--change …), then --, then those for `podman build`. Leaves WORK/layout, an OCI layout.
set -euo pipefail

cd "$WORK"
mkdir -p upper overlay root storage run
mount -t overlay overlay -o "lowerdir=$TREE,upperdir=$WORK/upper,workdir=$WORK/overlay" root
# What the tree links to /var is laid out at the first boot of a host, which this is not.
mkdir -p root/work root/inputs root/context root/base root/var/tmp root/run root/tmp
mount --rbind /dev root/dev
mount -t proc proc root/proc
mount -t sysfs sysfs root/sys
mount -t tmpfs tmpfs root/run
mount --bind "$WORK" root/work
mount --bind "$INPUTS" root/inputs
mount --bind "$CONTEXT" root/context
mount --bind "$(dirname "$BASE_TAR")" root/base
rm -f root/etc/resolv.conf
cp /etc/resolv.conf root/etc/resolv.conf
printf '{"default":[{"type":"insecureAcceptAnything"}]}\n' >root/etc/containers/policy.json

podman() {
	chroot root /usr/bin/env -i PATH=/usr/sbin:/usr/bin HOME=/work TMPDIR=/work PODMAN_IGNORE_CGROUPSV1_WARNING=1 \
		/usr/bin/podman --root=/work/storage --runroot=/work/run --storage-driver=overlay --cgroup-manager=cgroupfs \
		--events-backend=none "$@"
}
import=()
while [[ $1 != -- ]]; do
	import+=("$1")
	shift
done
shift
podman import --quiet "${import[@]}" "/base/$(basename "$BASE_TAR")" "$BASE_NAME"
# Without CAP_SYS_RESOURCE no limit can be raised above what this process has.
limit() { echo "$1=$(ulimit -S"$2"):$(ulimit -H"$2")" | sed 's/unlimited/-1/g'; }
# A fixed time, so that the same content has the same digest; one layer, so that what a build removes of its base is gone. So does
# .github/workflows/images.yml.
podman build --isolation=chroot --network=host --pull=never --timestamp=0 --squash-all --volume=/inputs:/inputs:ro \
	--ulimit="$(limit nofile n)" --ulimit="$(limit nproc u)" "$@" \
	--tag=localhost/built /context
# Unpacked in a fraction of the time that gzip takes; so does that too.
podman push --quiet --compression-format=zstd localhost/built oci:/work/layout:built
