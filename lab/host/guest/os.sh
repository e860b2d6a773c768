# shellcheck shell=bash
# Image-based operating system of the lab host: what rpm-ostree and bootc have in common. An image is taken from a real
# registry under the host's real signature policy; of its content, what lies below /usr is laid over the host at shutdown,
# as ostree-finalize-staged does. Like there, a staged deployment lives in /run: a power cut before the shutdown loses it.
staged=/run/ostree/staged-deployment
# shellcheck disable=SC2034 # for those who source this
booted=/var/lib/lab-os/booted.json
staging=/var/lib/lab-os/staging

# Prints the deployment in a file as JSON; null when there is none.
deployment() {
	if [[ -e $1 ]]; then cat "$1"; else echo null; fi
}

# stage REFERENCE signed|unverified: fetches the image and makes it the next boot's.
stage() {
	local reference=$1 policy=() layer
	if [[ $2 == unverified ]]; then
		policy=(--insecure-policy)
	elif jq --exit-status 'any(.default[]; .type == "insecureAcceptAnything")' /etc/containers/policy.json >/dev/null; then
		# shellcheck disable=SC2016 # wording of the real one
		echo 'error: containers-policy.json specifies a default of `insecureAcceptAnything`; refusing usage' >&2
		return 1
	fi
	rm -rf "$staging"
	mkdir -p "$staging/tree" "${staged%/*}"
	skopeo "${policy[@]}" copy --quiet "docker://$reference" "dir:$staging/image"
	while read -r layer; do
		tar --extract --file="$staging/image/$layer" --directory="$staging/tree" --same-owner
	done < <(jq --raw-output '.layers[].digest | ltrimstr("sha256:")' "$staging/image/manifest.json")
	if [[ ! -f $staging/tree/usr/lib/os-release ]]; then
		echo "error: $reference has no /usr/lib/os-release: not an operating system image" >&2
		return 1
	fi
	jq --arg reference "$reference" --arg signature "$2" --arg at "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" \
		--arg digest "sha256:$(sha256sum "$staging/image/manifest.json" | cut -d ' ' -f 1)" \
		'{reference: $reference, signature: $signature, digest: $digest, at: $at,
			version: .config.Labels["org.opencontainers.image.version"]}' \
		"$staging/image/$(jq --raw-output '.config.digest | ltrimstr("sha256:")' "$staging/image/manifest.json")" >"$staged.new"
	mv "$staged.new" "$staged"
	# Its stop at shutdown is what writes the deployment.
	systemctl start ostree-finalize-staged.service
}
