# Shared by backup, restore and drill: files that are mostly holes. restic reads every zero of a hole, so one such file of terabytes, which
# costs no disk, would keep a backup from ever ending. They travel in an archive that holds their data only. Needs lib.sh and store.sh.
# shellcheck shell=bash disable=SC2153 # names of store.sh

readonly HOLES=holes.tar
readonly LEFT_OUT=$SAVED/left-out.json
attributes=(--acls --xattrs '--xattrs-include=*' --xattrs-exclude=security.selinux --numeric-owner)

# sort_holes <tree> <folder>: writes the files with holes for three quarters or more into <folder>/packed, NUL after each. The archive
# takes as much disk as they have data. What finds no room there stays as it is, up to 16 GiB; the rest goes into <folder>/left-out and
# from the tree.
sort_holes() {
	local tree=$1 lists=$2 room zeros=$((16 << 30)) blocks size path
	: >"$lists/packed"
	: >"$lists/left-out"
	room=$(($(df --output=avail --block-size=512 "$tree" | tail --lines=1) - (1 << 21)))
	while IFS= read -r -d '' path; do
		blocks=${path%% *} path=${path#* }
		size=${path%% *} path=${path#* }
		if ((blocks <= room)); then
			room=$((room - blocks))
			printf '%s\0' "$path" >>"$lists/packed"
		elif ((size <= zeros)); then
			zeros=$((zeros - size))
		else
			printf '%s\0' "$path" >>"$lists/left-out"
		fi
	done < <(LC_ALL=C find "$tree" -type f -size +64k -printf '%S %b %s %P\0' |
		sed --null-data --quiet --regexp-extended 's/^(0|0\.[01][0-9]*|0\.2[0-4][0-9]*|[0-9.]+e-[0-9]+) //p' | sort --zero-terminated --numeric-sort)
	(cd "$tree" && xargs --null --no-run-if-empty rm -f --) <"$lists/left-out"
}

# pack_holes <tree> <folder>: what sort_holes found gives way to the archive. Folders travel with their files, because taking a file out of one changes its time.
pack_holes() {
	local tree=$1 lists=$2
	[[ -s $lists/packed ]] || return 0
	{
		cat "$lists/packed"
		sed --null-data 's|/[^/]*$||' "$lists/packed" | sort --zero-terminated --unique
	} | tar --create --file="$tree/$HOLES" --directory="$tree" --format=posix --sparse --no-recursion --null --files-from=- "${attributes[@]}" ||
		fail "the files with holes could not be put into one archive: see the lines before"
	(cd "$tree" && xargs --null --no-run-if-empty rm -f --) <"$lists/packed"
}

# unpack_holes <tree>: in the container of the backup image, so that no link in what is restored leads out of the folders it may see.
unpack_holes() {
	local tree=$1
	[[ -e $tree/$HOLES ]] || return 0
	in_image tar --extract --file="$tree/$HOLES" --directory="$tree" --same-permissions --same-owner "${attributes[@]}" </dev/null &&
		rm -f "$tree/$HOLES"
}

# tell_left_out <folder>: says what is not saved, once for each set of files.
tell_left_out() {
	local names
	if [[ ! -s $1/left-out ]]; then
		rm -f "$LEFT_OUT"
	else
		names=$(jq --raw-input --slurp --compact-output 'split("\u0000") | map(select(. != ""))' <"$1/left-out")
		echo "backup: left out, for want of room for what they hold beside their holes: $names" >&2
		if printf '%s\n' "$names" | put "$LEFT_OUT" 0600 0:0; then
			/usr/local/libexec/moltbot/notify "$(jq --raw-output '"\(length) files are not saved, because the disk has no room for a copy of what they hold beside their holes: \(.[:5] | join(", "))"' <<<"$names")" || true
		fi
	fi
}
