#!/bin/bash
# Runs a command as the person who operates the lab: in the operator's network namespace, with a resolver configuration
# and a stack file of the lab's own laid over the machine's in a private mount namespace, which ends with the command.
# The folder with the disks and consoles of the lab's machines is empty there: nobody has those of a rented VM at hand either.
# Usage: operator.sh NAMESPACE RESOLV_CONF MACHINES [FILE OVER]… -- COMMAND…   (FILE is bound over OVER)
# LAB_CGROUP, where it is set, names the cgroup to enter first: by it the lab finds what a killed command has left.
set -euo pipefail

if [ "${1:-}" != inside ]; then
	net=$1
	shift
	if [ "${LAB_CGROUP:-}" ]; then echo $$ >"$LAB_CGROUP/cgroup.procs"; fi
	unset LAB_CGROUP
	exec nsenter --net="$net" unshare --mount --propagation private "$0" inside "$@"
fi
shift
mount --bind "$1" "$(readlink -f /etc/resolv.conf)"
mount -t tmpfs -o ro,size=4k none "$2"
shift 2
while [ "$1" != -- ]; do
	mount --bind "$1" "$2"
	shift 2
done
shift
exec "$@"
