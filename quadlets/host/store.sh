# Shared by backup, restore and last-backup: how they reach the bucket. Keys and password travel in files and on standard input,
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
	exec 8>/run/moltbot/state.lock
	flock --wait 900 8 || fail "another backup or restore has been running for 15 minutes"
}

need_keys() {
	local name
	for name in backup-password backup-key-id backup-key; do
		[[ -s $SECRETS/$name ]] || fail "secret \"$name\" has not been delivered yet: run pulumi up"
	done
	[[ -s /etc/moltbot/backup-image ]] || fail "image \"backup\" has not been delivered yet: run pulumi up"
}

# restic <arguments>: exit codes are restic's own (10: no repository, 11: locked, 12: wrong password).
# No cgroup of its own: at shutdown the service manager makes none any more.
restic() {
	local env=/run/moltbot/restic.env
	(umask 077 && printf '%s\n' "AWS_ACCESS_KEY_ID=$(<"$SECRETS/backup-key-id")" "AWS_SECRET_ACCESS_KEY=$(<"$SECRETS/backup-key")" \
		"AWS_DEFAULT_REGION=$MOLTBOT_S3_REGION" "RESTIC_PASSWORD_FILE=$SECRETS/backup-password" \
		"RESTIC_REPOSITORY=s3:$ENDPOINT/$MOLTBOT_BUCKET/$MOLTBOT_BUCKET_PREFIX" "RESTIC_CACHE_DIR=$SAVED/cache" >"$env")
	timeout --kill-after=30 3600 podman run --rm --cgroups=disabled --network=host --pull=missing --security-opt=label=disable \
		--hostname="$MOLTBOT_HOSTNAME" --env-file="$env" --volume="$DATA:$DATA" --volume="$SECRETS:$SECRETS:ro" \
		--volume=/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem:/etc/ssl/certs/ca-certificates.crt:ro \
		"$(</etc/moltbot/backup-image)" "$@" 8>&-
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

# An outdated host serves nobody and writes nothing more, also after a reboot.
refuse_if_superseded() {
	local answer=0 unit
	superseded || answer=$?
	case $answer in
		0)
			rm -f "$DELIVERY"
			for unit in $MOLTBOT_UNITS; do agent_systemctl stop "$unit" || true; done
			fail "a later host has taken over from generation $MOLTBOT_GENERATION: the agent is stopped here and nothing more is saved"
			;;
		1) ;;
		*) fail "cannot list the bucket \"$MOLTBOT_BUCKET\" at $ENDPOINT, so nothing was done; it is tried again" ;;
	esac
}
