export { type FileEntry, type FileSource, filesDir } from "./files.ts";
export { maxBytes, type ParseOptions, parse } from "./parse.ts";
export { type Path, type Position, type Problem, Report } from "./report.ts";
export type { Fcos, Resource } from "./schema.ts";
export { serialize } from "./serialize.ts";
export { type TranslateOptions, translate } from "./translate.ts";
export { type Ignition, validate } from "./validate.ts";
export { type Version, versions } from "./versions.ts";
