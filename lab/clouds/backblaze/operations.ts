import type { Operation } from "./native.ts";
import * as buckets from "./native-buckets.ts";
import * as files from "./native-files.ts";
import * as keys from "./native-keys.ts";
import * as large from "./native-large.ts";

/** Every JSON operation of the native API that this stand-in knows, by the name in its URL. */
export const operations: Readonly<Record<string, Operation>> = {
	b2_create_bucket: buckets.create,
	b2_update_bucket: buckets.update,
	b2_list_buckets: buckets.list,
	b2_delete_bucket: buckets.remove,
	b2_create_key: keys.create,
	b2_list_keys: keys.list,
	b2_delete_key: keys.remove,
	b2_get_upload_url: files.uploadUrl,
	b2_list_file_names: files.listNames,
	b2_list_file_versions: files.listVersions,
	b2_get_file_info: files.info,
	b2_hide_file: files.hide,
	b2_copy_file: files.copy,
	b2_delete_file_version: files.remove,
	b2_update_file_retention: files.updateRetention,
	b2_update_file_legal_hold: files.updateLegalHold,
	b2_get_download_authorization: files.downloadAuthorization,
	b2_start_large_file: large.start,
	b2_get_upload_part_url: large.partUrl,
	b2_finish_large_file: large.finish,
	b2_cancel_large_file: large.cancel,
	b2_list_parts: large.listParts,
	b2_list_unfinished_large_files: large.listUnfinished,
};
