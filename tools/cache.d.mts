export function cacheFolder(): string;
export function contentKey(
	...parts: readonly (string | NodeJS.ArrayBufferView)[]
): string;
export function withLock<T>(name: string, work: () => Promise<T>): Promise<T>;
export function cached(
	path: string,
	fill: (temporaryFolder: string) => Promise<void>,
): Promise<string>;
export function step<T>(title: string, work: () => Promise<T>): Promise<T>;
