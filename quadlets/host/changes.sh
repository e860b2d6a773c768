#!/bin/bash
# Sourced by copy: finds what has changed. Both ways to look fail where they lost their way among moving folders: what was not seen is not gone.
# They leave the same behind in $work, records that end with a zero:
#   touched   what is not a folder and has to be copied
#   dirs      folders that changed, or are new here: path//inode
#   flat, whole   folders whose content was listed, of themselves or with all below them
#   there, of_flat   what those hold: path//type
#   next      what was not there any more: the next look tries it as `again`
# and in `found` the folders that are in place once that is copied: their inodes by path.
# shellcheck disable=SC2154,SC2164,SC2034 # copy has the variables and set -e

excluded=(-false)
for name in ${MOLTBOT_STATE_EXCLUDE:-}; do excluded+=(-o -type d -name "$name"); done
# Memory-mapped writes leave no new time behind, so whatever SQLite maps always counts as changed. Where they are is known from the look at
# everything: comparing each name with their names takes as long as reading all change times.
databases=(-false)
read -ra patterns <<<"${MOLTBOT_STATE_DATABASES:-}"
for name in "${patterns[@]}"; do databases+=(-o -name "$name" -o -name "$name-*"); done
skipped=(\( "${excluded[@]}" \) -prune -o -type s) # sockets mean nothing to another host

# Which file it is, and when it changed last (which nobody can set back).
identity='%p//%y %i %C@\0'
name='%p//%y\0'
walk() { find "${folders[@]}" -ignore_readdir_race "${skipped[@]}" -o "$@"; }
records() { (($# == 0)) || printf '%s\0' "$@"; }

# Of the folders in the copy that inode by path is known; and the paths of databases.
declare -A known=() found=() bases=()

# lose <path…>: removes from the copy what the agent's folders do not have now. They may have it back by the next pass, as old as it is.
lose() {
	local path
	for path; do known[$path]='' found[$path]=''; done
	printf '%s\0' "$@" >"$work/losing"
	cat "$work/losing" >>"$work/next"
	(cd "$target" && xargs --null --arg-file="$work/losing" rm -rf --)
}

# look_all <since>: compares everything with what was seen and with the names in the copy.
look_all() {
	local entry list
	found=() bases=()
	cd "$from"
	walk \( -fprintf "$work/now" "$identity" , -type f -links +1 -fprintf "$work/links" '%i//%p\0' , \
		\( ! -type d \( "${databases[@]}" \) -fprintf "$work/bases" '%p\0' -o -newerct "@$1" \) \
		\( -type d -fprintf "$work/dirs" '%p//%i\0' -o -fprintf "$work/touched" '%p\0' \) \) || return
	sort --zero-terminated --output="$work/now" "$work/now"
	sed --null-data 's/ [^ ]* [^ ]*$//' "$work/now" >"$work/there"
	records "${folders[@]}" >"$work/whole"
	: >"$work/flat"
	: >"$work/of_flat"
	names_in_copy >"$work/copied" || return
	while IFS= read -r -d '' entry; do
		case $entry in
			*//d) printf '%s//\0' "${entry%//d}" >&3 ;;
			*) printf '%s\0' "${entry%//?}" >&4 ;;
		esac
	done < <({
		comm --zero-terminated -13 "$work/seen" "$work/now" | sed --null-data 's/ [^ ]* [^ ]*$//'
		comm --zero-terminated -13 "$work/copied" "$work/there"
	} | sort --zero-terminated --unique) 3>>"$work/dirs" 4>>"$work/touched"
	while IFS= read -r -d '' entry; do
		entry=${entry% *}
		found[${entry%//d *}]=${entry##* }
	done < <(grep --null-data '//d [^ ]* [^ ]*$' "$work/now")
	mapfile -d '' -t list <"$work/bases"
	for entry in "${list[@]}"; do bases[$entry]=yes; done
	add_again
	add_links "$work/links"
}

# look_since <since>: what has a newer change time. That is enough: whatever is made, removed or moved changes the time of its folder, and what
# is moved its own; but in a folder that was moved here all looks as old as it is, so one whose inode is not the known one counts with all in it.
look_since() {
	local entry path half listing list flat=() moved=() touched=()
	local -A new=()
	let_go || return
	# A clock that was set back since the walks were started: all is new.
	if [[ $1 != "$walks_since" ]]; then
		look_all "$1"
		return
	fi
	found=()
	for half in 1 2; do
		mapfile -d '' -t list <"$work/walk.$half"
		for entry in "${list[@]}"; do
			path=${entry:1}
			case $entry in
				d*)
					entry=${path##*//} path=${path%//*}
					found[$path]=$entry
					[[ ${known[$path]:-} == "$entry" ]] || new[$path]=yes
					;;
				t*) touched+=("$path") ;;
				b*) bases[$path]=yes ;;
			esac
		done
	done
	for path in "${!bases[@]}"; do
		[[ ! -f $path || -L $path ]] || touched+=("$path")
	done
	records "${touched[@]}" >"$work/touched"
	for path in "${!found[@]}"; do
		if [[ -z ${new[$path]:-} ]]; then
			flat+=("$path")
		elif [[ $path != */* || -z ${new[${path%/*}]:-} ]]; then
			moved+=("$path")
		fi
		printf '%s\0' "$path//${found[$path]}"
	done >"$work/dirs"
	records "${flat[@]}" >"$work/flat"
	records "${moved[@]}" >"$work/whole"
	add_again
	names_of_flat >"$work/of_flat" 2>"$work/lost.flat" &
	listing=$!
	: >"$work/there"
	if [[ -s $work/whole ]]; then
		# shellcheck disable=SC2185 # the files say where
		find -files0-from "$work/whole" -ignore_readdir_race "${skipped[@]}" -o \( -printf "$name" , -type d -fprintf "$work/inside" '%p//%i\0' , \
			! -type d -fprintf "$work/below" '%p\0' \( "${databases[@]}" \) -fprintf "$work/bases" '%p\0' \) >"$work/there" 2>"$work/lost.whole" &
		looked $! "$work/lost.whole" || return
		mapfile -d '' -t list <"$work/inside"
		for entry in "${list[@]}"; do found[${entry%//*}]=${entry##*//}; done
		records "${list[@]}" >>"$work/dirs"
		mapfile -d '' -t list <"$work/below"
		records "${list[@]}" >>"$work/touched"
		mapfile -d '' -t list <"$work/bases"
		for entry in "${list[@]}"; do bases[$entry]=yes; done
	fi
	# A change time is that of all names of a file; what is copied for its place may have names elsewhere.
	if [[ -s $work/whole || -s $work/again ]]; then add_links "$work/links.1" "$work/links.2"; else add_links; fi
	looked "$listing" "$work/lost.flat"
}

# What folders hold of themselves; where we are says of which side.
names_of_flat() {
	# shellcheck disable=SC2185 # the files say where
	[[ ! -s $work/flat ]] || find -files0-from "$work/flat" -mindepth 1 -maxdepth 1 -ignore_readdir_race "${skipped[@]}" -o -printf "$name"
}

# What the folders hold that were listed, in the copy, sorted.
names_in_copy() (
	cd "$target"
	{
		# shellcheck disable=SC2185 # the files say where
		[[ ! -s $work/whole ]] || find -files0-from "$work/whole" "${skipped[@]}" -o -printf "$name"
		names_of_flat
	} | sort --zero-terminated --unique
)

# What the pass before could not copy, or removed from the copy, may be there by now, or by the next pass.
add_again() {
	local path
	[[ -s $work/again ]] || return 0
	while IFS= read -r -d '' path; do
		if [[ $path == *// && -d ${path%//} && ! -L ${path%//} ]]; then
			printf '%s\0' "$path" >&3
		elif [[ $path == *// || -S $path || ! -e $path && ! -L $path ]]; then
			printf '%s\0' "$path" >&6
		elif [[ -d $path && ! -L $path ]]; then
			printf '%s\0' "$path" >&5
		else
			printf '%s\0' "$path" >&4
		fi
	done <"$work/again" 3>>"$work/dirs" 4>>"$work/touched" 5>>"$work/whole" 6>>"$work/next"
}

# add_links <file…>: what is one file under several names, which the files list, stays so only if all of them are copied in one call, as far as
# a command line goes. And nothing is copied twice.
add_links() {
	local file entry path list links=()
	local -A is=() linked=()
	mapfile -d '' -t list <"$work/touched"
	for path in "${list[@]}"; do is[$path]=yes; done
	for file; do
		mapfile -d '' -t -O "${#links[@]}" links <"$file"
	done
	for entry in "${links[@]}"; do
		[[ -z ${is[${entry#*//}]:-} ]] || linked[${entry%%//*}]=yes
	done
	for entry in "${links[@]}"; do
		[[ -z ${linked[${entry%%//*}]:-} ]] || is[${entry#*//}]=yes
	done
	records "${!is[@]}" >"$work/touched"
}
