# Shared by backup, restore, drill and watch: how they reach the bucket. Keys and password travel in files and on standard input,
# never in arguments. restic runs in a container of the delivered digest (0.18 or later), at the same paths as on the host.
# shellcheck shell=bash

readonly SECRETS=/etc/moltbot/host-secrets
readonly DATA=/var/lib/moltbot
# shellcheck disable=SC2034 # used by those who source this file
readonly MARKER=$DATA/.restored
readonly SAVED=$DATA/backup # the copy that is saved, what is known about it, the cache
# shellcheck disable=SC2034 # used by those who source this file
readonly LAST=$SAVED/last.json
readonly ENDPOINT=https://${MOLTBOT_S3_ENDPOINT#https://}

# One backup, restore or last backup at a time.
lock_state() {
	mkdir -p /run/moltbot
	install --directory --mode=0700 "$SAVED"
	exec 8>"$STATE_LOCK"
	flock --wait 900 8 || fail "another backup or restore has been running for 15 minutes"
}

need_keys() {
	local name
	for name in backup-password backup-key-id backup-key; do
		[[ -s $SECRETS/$name ]] || fail "secret \"$name\" has not been delivered yet: run pulumi up"
	done
	[[ -s /etc/moltbot/backup-image ]] || fail "image \"backup\" has not been delivered yet: run pulumi up"
}

# Pulls the backup image where this boot has not seen it yet.
have_image() {
	local image seen=/run/moltbot/backup-image store=/usr/local/libexec/moltbot/image-store code=0
	image=$(</etc/moltbot/backup-image)
	[[ $(cat "$seen" 2>/dev/null) != "$image" ]] || return 0
	if ! podman image exists "$image"; then
		"$store" adding backup
		podman pull --quiet "$image" >&2 || code=$?
	fi
	"$store" settled backup
	((code == 0)) || return "$code"
	printf '%s\n' "$image" >"$seen"
}

# in_image <program> <arguments>: runs a program of the backup image, with the rights that reading and giving back files of others
# needs. No cgroup of its own: at shutdown the service manager makes none any more. Ends after an hour, or after $image_seconds, also
# where whoever called it is gone.
in_image() {
	local env=/run/moltbot/restic.env program=$1 new
	shift
	have_image || return 1
	new=$(mktemp "$env.XXXXXXXX")
	printf '%s\n' "AWS_ACCESS_KEY_ID=$(<"$SECRETS/backup-key-id")" "AWS_SECRET_ACCESS_KEY=$(<"$SECRETS/backup-key")" \
		"AWS_DEFAULT_REGION=$MOLTBOT_S3_REGION" "RESTIC_PASSWORD_FILE=$SECRETS/backup-password" \
		"RESTIC_REPOSITORY=s3:$ENDPOINT/$MOLTBOT_BUCKET/$MOLTBOT_BUCKET_PREFIX" "RESTIC_CACHE_DIR=$SAVED/cache" >"$new"
	mv "$new" "$env"
	timeout --foreground --kill-after=30 "${image_seconds:-3600}" podman run --rm --interactive --timeout="${image_seconds:-3600}" --cgroups=disabled --network=host --pull=missing --security-opt=label=disable \
		--security-opt=no-new-privileges --cap-drop=all --cap-add=CHOWN,DAC_OVERRIDE,FOWNER,FSETID,SETFCAP \
		--hostname="$MOLTBOT_HOSTNAME" --env-file="$env" --volume="$DATA:$DATA" --volume="$SECRETS:$SECRETS:ro" \
		--volume=/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem:/etc/ssl/certs/ca-certificates.crt:ro \
		--entrypoint="$program" "$(</etc/moltbot/backup-image)" "$@" 8>&-
}

# restic <arguments>: exit codes are restic's own (10: no repository, 11: locked, 12: wrong password). From 0.19 it
# opens nothing with a cache whose version a kill or a power cut has left empty (cache.go, readVersion); the rest of a cache it checks itself.
restic() {
	local version
	for version in "$SAVED"/cache/*/version; do
		[[ ! -e $version || -s $version ]] || rm -rf "${version%/*}"
	done
	in_image restic "$@" </dev/null
}

# The names that the platform's databases have, as arguments of find.
DATABASES=(\( -false)
read -ra patterns <<<"${MOLTBOT_STATE_DATABASES:-}"
for name in "${patterns[@]}"; do DATABASES+=(-o -name "$name"); done
DATABASES+=(\))

# Whether a file is what its name says.
is_database() { [[ $(head --bytes=15 "$1" | tr --delete '\0') == 'SQLite format 3' ]]; }

# Paths on standard input, NUL after each: those of databases, each with its user_version, NUL after both. SQLite's file format has it at
# offset 60, highest byte first.
schemas_of() {
	local path a b c d
	while IFS= read -r -d '' path; do
		is_database "$path" || continue
		{ read -r a b c d < <(od --address-radix=n --skip-bytes=60 --read-bytes=4 --format=u1 "$path"); } || continue
		printf '%s\0%d\0' "${path#./}" $((((a * 256 + b) * 256 + c) * 256 + d))
	done
}

# Images that are delivered to the agent, a line each.
images_of_agent() { sed -n 's/^Image=//p' /etc/containers/systemd/users/"$AGENT_ID"/*.image.d/50-delivered.conf 2>/dev/null || true; }

# Version of the program that is delivered to this host, asked once for each image; fails where nobody can say.
program_version() {
	[[ -n ${MOLTBOT_VERSION:-} ]] || return 0
	local cache=$SAVED/program image text
	image=$(images_of_agent | sha256sum)
	if [[ $(head --lines=1 "$cache" 2>/dev/null) != "$image" ]]; then
		text=$("$MOLTBOT_VERSION" </dev/null) || return 1
		printf '%s\n' "$image" "$text" | put "$cache" 0600 0:0 || true
	fi
	tail --lines=1 "$cache"
}

# s3 <object or ?query> [curl options]: one signed request. A query must be sorted and encoded: it is signed as it stands.
s3() {
	local path=$1
	shift
	curl --silent --show-error --fail --max-time 60 --aws-sigv4 "aws:amz:$MOLTBOT_S3_REGION:s3" \
		--header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@" \
		--config <(printf 'user = "%s:%s"\n' "$(<"$SECRETS/backup-key-id")" "$(<"$SECRETS/backup-key")") "$ENDPOINT/$MOLTBOT_BUCKET$path"
}

# Says 0 when a later host has claimed the bucket, 1 when none has, 2 when that could not be found out.
superseded() {
	local own list
	printf -v own '%08d' "$MOLTBOT_GENERATION"
	list=$(s3 "?list-type=2&max-keys=1&prefix=moltbot%2Fgeneration%2F&start-after=moltbot%2Fgeneration%2F$own.json") || return 2
	[[ $list == *'<ListBucketResult'* ]] || return 2
	[[ $list == *'<Key>'* ]]
}

# Nothing of the agent starts any more without another delivery, also after a reboot.
close_gate() {
	rm -f "$DELIVERY"
	sync "${DELIVERY%/*}"
}

# An outdated host serves nobody and writes nothing more.
retire() {
	local unit
	if [[ -e $DELIVERY ]]; then
		close_gate
		/usr/local/libexec/moltbot/notify "a later host has taken over; the agent is stopped on this one" || true
	fi
	for unit in $MOLTBOT_UNITS; do agent_systemctl stop "$unit" || true; done
}

# ask: whether a later host has taken over. heed: waits for the answer, and ends where one has or that is not known.
ask() {
	superseded 8>&- &
	asked=$!
}
heed() {
	local answer=0
	wait "$asked" || answer=$?
	case $answer in
		0)
			retire
			fail "a later host has taken over from generation $MOLTBOT_GENERATION: the agent is stopped here and nothing more is saved"
			;;
		1) ;;
		*) fail "cannot list the bucket \"$MOLTBOT_BUCKET\" at $ENDPOINT, so nothing was done; it is tried again" ;;
	esac
}
