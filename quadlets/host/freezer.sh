#!/bin/bash
# Sourced after lib.sh: lets all processes of the agent stand still, and run again. The cgroup is written to, because each
# call of systemctl would be a program and a message to the service manager while the agent stands still.

readonly AGENT_CGROUP=/sys/fs/cgroup/user.slice/user-$AGENT_ID.slice

# 0 if there is an agent that could be frozen.
agent_runs() { [[ -e $AGENT_CGROUP/cgroup.freeze ]]; }

# 0 if all of it stands still: the kernel says so only then.
agent_frozen() {
	local events
	mapfile -t events <"$AGENT_CGROUP/cgroup.events"
	[[ " ${events[*]} " == *' frozen 1 '* ]]
}

# Ends when all stands still; 1 where something does not within ten seconds.
freeze_agent() {
	local last=$((SECONDS + 10)) never
	exec {never}<> <(:) # nothing ever comes from here: a pause without a program
	echo 1 >"$AGENT_CGROUP/cgroup.freeze"
	until agent_frozen; do
		((SECONDS < last)) || return 1
		read -rt 0.001 -u "$never" || true
	done
	exec {never}>&-
}

# Also where nothing is frozen, or nothing runs (any more).
thaw_agent() { ! agent_runs || echo 0 >"$AGENT_CGROUP/cgroup.freeze" || ! agent_runs; }
