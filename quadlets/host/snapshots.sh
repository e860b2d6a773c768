# Shared by restore and drill: which snapshots count, and how one is fetched and proven. Needs lib.sh, store.sh and holes.sh.
# shellcheck shell=bash disable=SC2153,SC2034 # names of store.sh

# Which snapshot each generation began with, as its restore wrote down: what an outdated host added after that is nobody's past.
record_name() { printf 'moltbot/restored/%08d.json' "$1"; }

# Says 0 when the repository opens, or restic's exit code.
repository() {
	local code=0
	restic cat config --no-lock >/dev/null || code=$?
	return "$code"
}

# The last such record up to this generation, or null. Fails when the bucket cannot be asked.
last_record() {
	local own=$MOLTBOT_GENERATION from list name last=''
	from=$(record_name "$((own > 900 ? own - 900 : 0))")
	list=$(s3 "?list-type=2&max-keys=1000&prefix=moltbot%2Frestored%2F&start-after=${from//\//%2F}") || return 1
	[[ $list == *'<ListBucketResult'* ]] || return 1
	while IFS= read -r name; do
		[[ ! $name > $(record_name "$own") ]] && last=$name
	done < <(grep --only-matching '<Key>[^<]*' <<<"$list" | cut -c 6-)
	if [[ -n $last ]]; then s3 "/$last"; else echo null; fi
}

# JSON of the snapshots that count, the one to be restored first. Highest generation, then the host's own count: never a clock.
# What claims a generation later than this host's cannot be.
candidates() {
	local list record
	list=$(restic snapshots --json --no-lock --tag moltbot) || return 1
	record=$(last_record) || return 1
	jq --argjson own "$MOLTBOT_GENERATION" --argjson record "$record" '
		def number(name): first(.tags[] | select(startswith(name + ":")) | ltrimstr(name + ":") | tonumber?) // 0;
		map({id, time, generation: number("generation"), sequence: number("sequence"), summary: (.summary // {})})
		| map(select(.generation <= $own))
		| map(select($record == null or .generation >= $record.generation or .generation < $record.from.generation
			or (.generation == $record.from.generation and .sequence <= $record.from.sequence)))
		| sort_by(.generation, .sequence, .time) | reverse' <<<"$list"
}

# fetch <id> <folder>: restores it there and proves it: every byte, the number of entries, every database. Says 1 when it is damaged
# or incomplete, with the reason on standard error.
fetch() {
	local id=$1 into=$2 files folder image_seconds=86400
	rm -rf "$into"
	mkdir "$into"
	restic restore "$id:$COPY" --target "$into" --sparse --verify --no-lock --exclude-xattr security.selinux >&2 || return 1
	[[ -s $into/manifest.json ]] || { echo "$id has no manifest" >&2 && return 1; }
	unpack_holes "$into" >&2 || { echo "$HOLES of $id cannot be unpacked" >&2 && return 1; }
	files=$(find "$into" -mindepth 1 ! -path "$into/manifest.json" -printf . | wc --chars)
	[[ $(jq .files "$into/manifest.json") == "$files" ]] || { echo "$id has $files entries, its manifest says $(jq .files "$into/manifest.json")" >&2 && return 1; }
	for folder in $MOLTBOT_STATE; do
		[[ -d $into/$folder ]] || { echo "$id lacks $folder" >&2 && return 1; }
	done
	check_databases "$into"
}

# Each database is opened as after a power cut, on a copy, so that what is restored stays as it was saved. A broken one counts in the
# platform's own folder, the first of its state; in the others it is the agent's own business and only told.
check_databases() {
	local folder=$1 scratch=$SAVED/check paths=() path suffix answers number answer result=0
	rm -rf "$scratch"
	mkdir "$scratch"
	while IFS= read -r -d '' path; do
		is_database "$path" || continue
		paths+=("$path")
		for suffix in '' -wal -journal; do
			[[ ! -f $path$suffix ]] || cp --reflink=auto -- "$path$suffix" "$scratch/${#paths[@]}$suffix" || fail "no room to check the databases"
		done
	done < <(find "$folder" -type f "${DATABASES[@]}" -print0)
	if ((${#paths[@]})); then
		# shellcheck disable=SC2016 # expanded by the inner shell
		answers=$(in_image sh -c 'set -e; cd "$1"; command -v sqlite3 >/dev/null; i=1; while [ "$i" -le "$2" ]; do
			echo "$i $(sqlite3 "$i" "pragma integrity_check" 2>&1 | head -n 1)"; i=$((i + 1)); done' sh "$scratch" "${#paths[@]}" </dev/null) ||
			fail "the databases cannot be checked: the backup image must bring sqlite3 (images/backup does)"
		while read -r number answer; do
			[[ $answer != ok ]] || continue
			path=${paths[number - 1]}
			echo "database ${path#"$folder"/} is damaged: $answer" >&2
			[[ ${path#"$folder"/} != "${MOLTBOT_STATE%% *}"/* ]] || result=1
		done <<<"$answers"
	fi
	rm -rf "$scratch"
	return "$result"
}

# refuse_older_program <manifest>: databases migrate forward only.
refuse_older_program() {
	local saved here
	saved=$(jq --raw-output '.program // empty' "$1")
	[[ -n $saved && -n ${MOLTBOT_VERSION:-} ]] || return 0
	here=$(program_version) || fail "the delivered image does not say which version it is; it is tried again"
	[[ $(printf '%s\n' "$saved" "$here" | sort --version-sort | tail --lines=1) == "$here" ]] ||
		fail "the state was saved by version $saved and its databases cannot go back to the delivered $here: deliver an image of $saved or later (gatewayImage, then pulumi up), or choose an older state: moltbot restore --list"
}
