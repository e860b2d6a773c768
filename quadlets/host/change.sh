# The one way from a version to another, part of `deliver`: databases migrate forward only, so before a new image starts the state
# is saved, and if the agent does not become well with it, the old image and the state of before come back.
# Needs lib.sh. What is under way is written down in $CHANGE, its snapshot last, so that a power cut at any point is mended by the next delivery.
# shellcheck shell=bash

readonly CHANGE=/var/lib/moltbot/backup/change
quadlets_of_agent=/etc/containers/systemd/users/$AGENT_ID

# Waits until the agent answers; says 1 when it does not in time or has given up. A chat that refuses it is no fault of its version.
agent_well() {
	local deadline=$((SECONDS + ${1})) verdict
	until curl --silent --fail --max-time 5 --output /dev/null "$MOLTBOT_HEALTH_URL"; do
		verdict=$(/usr/local/libexec/moltbot/status | jq --raw-output '
			if any(.channels[]; .permanent) then "well" elif any(.problems[]; .permanent) then "never" else "wait" end') || verdict="wait"
		case $verdict in
			well) return 0 ;;
			never) return 1 ;;
		esac
		((SECONDS < deadline)) || return 1
		sleep 2
	done
}

# What ails the agent, with the last lines of the unit: of an image rather than of the unit that waits for it in vain.
ailment() {
	/usr/local/libexec/moltbot/status |
		jq --raw-output '[.problems[] | select(.lines != [])] | last // empty | "\(.unit): \(.message)", (.lines[-6:][] | "    \(.)")' || true
}

# Old image and state of before. What the new version has written goes with it.
go_back() {
	local unit file snapshot
	snapshot=$(<"$CHANGE/snapshot")
	for unit in $MOLTBOT_UNITS; do agent_systemctl stop "$unit" || true; done
	while IFS= read -r -d '' file; do
		put "$quadlets_of_agent/${file#"$CHANGE/images/"}" 0644 0:0 <"$file" || true
	done < <(find "$CHANGE/images" -type f -print0)
	put /etc/containers/policy.json 0644 0:0 <"$CHANGE/policy.json" || true
	rm -rf /etc/moltbot/running
	agent_systemctl daemon-reload
	MOLTBOT_SAVED_ALREADY=yes /usr/local/libexec/moltbot/restore --snapshot "$snapshot" >&2 ||
		fail "the new version did not become well, and the state of before ($snapshot) could not be brought back yet: the next pulumi up tries again"
	rm -rf "$CHANGE"
}

# An earlier delivery ended in the middle of a change: if the agent is well, that was it; otherwise back.
finish_change() {
	[[ -e $CHANGE/snapshot ]] || { rm -rf "$CHANGE" && return 0; }
	if agent_well 60; then rm -rf "$CHANGE"; else go_back; fi
}

# before_change: the state as the old version left it, saved with the agent stopped.
before_change() {
	local unit file line
	mkdir -p "$CHANGE/images"
	while IFS= read -r -d '' file; do
		mkdir -p "$CHANGE/images/$(dirname "${file#"$quadlets_of_agent/"}")"
		cp "$file" "$CHANGE/images/${file#"$quadlets_of_agent/"}"
	done < <(find "$quadlets_of_agent" -name 50-delivered.conf -print0)
	cp /etc/containers/policy.json "$CHANGE/policy.json"
	for unit in $MOLTBOT_UNITS; do agent_systemctl stop "$unit"; done
	if ! line=$(/usr/local/libexec/moltbot/backup); then
		for unit in $MOLTBOT_UNITS; do agent_systemctl start --no-block "$unit" || true; done
		rm -rf "$CHANGE"
		fail "the state could not be saved, so the version was not changed: see the lines before"
	fi
	sync --file-system "$CHANGE"
	jq --raw-output .snapshot <<<"$line" | put "$CHANGE/snapshot" 0600 0:0 || true
}

# after_change: the verdict. The pull of an image takes its time.
after_change() {
	local why
	[[ -e $CHANGE/snapshot ]] || return 0
	if agent_well "${MOLTBOT_CHANGE_SECONDS:-1800}"; then
		rm -rf "$CHANGE"
		return 0
	fi
	why=$(ailment)
	go_back
	/usr/local/libexec/moltbot/notify "a new version did not become well; the one before runs again" || true
	echo "$why" >&2
	fail "the agent did not become well with the new image, so the old image and the state of before run again: see moltbot logs, set gatewayImage back or to another one, then pulumi up"
}
