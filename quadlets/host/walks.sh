#!/bin/bash
# Sourced by copy after changes.sh: reads all change times while the agent stands still, in two programs that were started before.
# shellcheck disable=SC2154,SC2164,SC2034 # copy has the variables and set -e

# start_walks <since>: starts what look_since needs to read all change times, one half each: two programs that wait until let_go.
start_walks() {
	local half middle paths=("${!known[@]}")
	middle=$(((${#paths[@]} + 1) / 2))
	records "${paths[@]:0:middle}" >"$work/half.1"
	records "${paths[@]:middle}" >"$work/half.2"
	cd "$from"
	[[ -e $work/gate.1 ]] || mkfifo "$work/gate.1" "$work/gate.2"
	walks=() walks_since=$1
	for half in 1 2; do
		# shellcheck disable=SC2185 # the files say where
		cat "$work/gate.$half" "$work/half.$half" |
			find -files0-from - -maxdepth 1 -ignore_readdir_race "${skipped[@]}" -o \( -type f -links +1 -fprintf "$work/links.$half" '%i//%p\0' , -newerct "@$1" \
				\( -type d -printf 'd%p//%i\0' -o -printf 't%p\0' \( "${databases[@]}" \) -printf 'b%p\0' \) \) >"$work/walk.$half" 2>"$work/lost.$half" &
		walks+=($!)
	done
	# They end with whoever holds these.
	exec {gate_1}>"$work/gate.1" {gate_2}>"$work/gate.2"
}

# let_go: ends when the walks have.
let_go() {
	exec {gate_1}>&- {gate_2}>&-
	looked "${walks[0]}" "$work/lost.1" && looked "${walks[1]}" "$work/lost.2"
}

# looked <process> <messages>: waits for a find; fails where it lost more than a folder that is not where it was. That need not be told: the folder
# around that one has a new time.
looked() {
	local line code=0
	wait "$1" || code=$?
	((code < 2)) || return "$code"
	while IFS= read -r line; do
		[[ $line == *': No such file or directory' || $line == *': Not a directory' || $line == *': Too many levels of symbolic links' ]] || {
			printf '%s\n' "$line" >&2
			return 1
		}
	done <"$2"
}
