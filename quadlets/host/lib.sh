# Shared by the scripts of this folder: who the agent is, and how a file is written so that a power cut leaves the old or the new one.
# shellcheck shell=bash

# Whose service manager and engine run the agent, and the agent itself: uid 2001 in its containers, as the host sees it (/etc/subuid).
readonly AGENT_ID=2001
# shellcheck disable=SC2034 # used by those who source this file
readonly OWNER_ID=2002000
# shellcheck disable=SC2034 # used by those who source this file
readonly DELIVERY=/etc/moltbot/delivery.json

fail() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# Runs a command as the user of the agent's service manager and container engine, with both in reach.
as_agent() {
	setpriv --reuid="$AGENT_ID" --regid="$AGENT_ID" --clear-groups --inh-caps=-all -- \
		env --chdir=/ HOME=/var/home/moltbot XDG_RUNTIME_DIR="/run/user/$AGENT_ID" "$@"
}

# Runs a command as whom the agent's files belong to.
as_owner() {
	setpriv --reuid="$OWNER_ID" --regid="$OWNER_ID" --clear-groups --inh-caps=-all -- env --chdir=/ "$@"
}

agent_systemctl() {
	as_agent systemctl --user "$@"
}

# Callers ask `put` whether something changed, and in a condition or a pipeline a failure alone would not stop them.
unwritten() {
	rm -f "${2:-}"
	echo "${0##*/}: cannot write $1" >&2
	kill -TERM $$
	exit 2
}

# put <path> <mode> <owner:group>: standard input becomes the file. Says 0 when it changed, 1 when it was so already.
# Written in the target's own folder (same file system, same SELinux label), synced, then renamed.
put() {
	local path=$1 mode=$2 owner=$3 new
	new=$(mktemp "${path%/*}/.new.XXXXXXXX") || unwritten "$path"
	cat >"$new" || unwritten "$path" "$new"
	if [[ -f $path && ! -L $path ]] && cmp --silent "$new" "$path" &&
		[[ $(stat --format='%a %u:%g' "$path") == "$(printf '%o %s' "$((8#$mode))" "$owner")" ]]; then
		rm -f "$new"
		return 1
	fi
	{ chown "$owner" "$new" && chmod "$mode" "$new" && sync "$new" && mv --no-target-directory "$new" "$path" && sync "${path%/*}"; } ||
		unwritten "$path" "$new"
}

# The copy that stays between two backups (see copy). Its mark goes first: without that it counts for nothing.
readonly COPY=/var/lib/moltbot/backup/tree
drop_copy() {
	rm --force "$COPY.mark" && rm --recursive --force "$COPY" "$COPY.seen"
}

# Held by whoever changes the state or the copy (see lock_state).
readonly STATE_LOCK=/run/moltbot/state.lock
# unless_busy <command>: runs it where nobody holds the lock; where somebody does, or it fails, nothing is said.
unless_busy() { (flock --nonblock 9 && "$@") 9>"$STATE_LOCK" || true; }
