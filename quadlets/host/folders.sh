#!/bin/bash
# Sourced by copy: what folders are besides their content (times, owner, mode, ACLs, attributes). To copy into a folder or to remove from it
# changes its times, so each that was touched gets all that back. $work/parents names them, $work/folders.tar says how they were.
# shellcheck disable=SC2154,SC2164 # copy has the variables and set -e

attributes=(--acls --xattrs '--xattrs-include=*' --xattrs-exclude=security.selinux --numeric-owner)
# The same of two folders that are alike in all that counts. Names on standard input, a folder before what is in it: tar gives a folder its
# time when it leaves it.
pack_folders() {
	tar --create --format=posix --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --no-recursion --null --files-from=- "${attributes[@]}"
}
unpack_folders() { tar --extract --file="$1" --same-permissions --same-owner "${attributes[@]}"; }

# remove_gone <path…>: removes what the copy alone has; the folders that it was in stay as they were.
remove_gone() {
	local path
	local -A removed=() around=()
	cd "$target"
	for path; do removed[$path]=yes; done
	for path; do
		[[ -n ${removed[${path%/*}]:-} || $path != */* ]] || around[${path%/*}]=yes
	done
	rm -f "$work/around.tar"
	if ((${#around[@]})); then printf '%s\0' "${!around[@]}" | sort --zero-terminated | pack_folders >"$work/around.tar"; fi
	lose "$@"
	[[ ! -e $work/around.tar ]] || unpack_folders "$work/around.tar"
}

finish_folders() {
	local path both=() new=.new
	[[ -s $work/folders.tar ]] || return 0
	cd "$target"
	unpack_folders "$work/folders.tar"
	! pack_folders <"$work/parents" 2>/dev/null | cmp --silent - "$work/folders.tar" || return 0
	# Some were gone already; or one has lost an attribute. That tar does not take away: a new folder takes the place of such a one.
	mkdir .fresh
	(cd .fresh && unpack_folders "$work/folders.tar")
	while IFS= read -r -d '' path; do
		[[ ! -d .fresh/$path || ! -d $path ]] || both+=("$path")
	done <"$work/parents"
	: >"$work/parents"
	((!${#both[@]})) || printf '%s\0' "${both[@]}" >"$work/parents"
	pack_folders <"$work/parents" | cmp --silent - <(cd .fresh && pack_folders <"$work/parents") || for path in "${both[@]}"; do
		! cmp --silent <(printf '%s\0' "$path" | pack_folders) <(cd .fresh && printf '%s\0' "$path" | pack_folders) || continue
		mkdir "$new"
		find "$path" -mindepth 1 -maxdepth 1 -exec mv --target-directory="$new" {} +
		rmdir "$path"
		mv --no-target-directory "$new" "$path"
	done
	rm -rf .fresh
	unpack_folders "$work/folders.tar"
}
