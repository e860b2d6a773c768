/** The request of a pull request, as `git diff --name-status` tells its change. @throws Error in one sentence. */
export function check(changes: string, folder: string): Record<string, string>;
