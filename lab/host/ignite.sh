# shellcheck shell=bash
# Shared by the ways a lab host boots: the two stages of Ignition that a disk without partitions needs, on a mounted, not yet running root.

# ignite ROOT: applies the document of the environment (IGNITION, PLATFORM, CONFIG, see boot.sh); logs below ign/. Ends with 64 where it is refused.
ignite() {
	local stage
	mkdir -p ign/stub
	# Ignition relabels; there is no SELinux here.
	printf '#!/bin/sh\nexec cat >/dev/null\n' >ign/stub/setfiles
	chmod +x ign/stub/setfiles
	for stage in fetch files; do
		PATH=$PWD/ign/stub:$PATH IGNITION_CONFIG_FILE=${CONFIG:-} "$IGNITION" --platform="$PLATFORM" --stage=$stage \
			--root="$1" --config-cache="$PWD/ign/config.json" --state-file="$PWD/ign/state" \
			--neednet="$PWD/ign/neednet" --log-to-stdout >"ign/$stage.log" 2>&1 || {
			echo "Ignition stage $stage failed:" >&2
			tail -n 20 "ign/$stage.log" >&2
			exit 64
		}
	done
}
