// Neither may stop short of its end: a bracket inside a comment is no bracket.
const comment = String.raw`\/\/[^\n]*(?:\n|$)|\/\*(?:(?!\*\/)[\s\S])*\*\/`;
const noise = new RegExp(
	String.raw`("(?:[^"\\]|\\.)*")|${comment}|,(?=(?:\s|${comment})*[\]}])`,
	"g",
);

/**
 * HuJSON (JSON with comments and trailing commas, as the policy file is written) to a value.
 *
 * @throws SyntaxError where it is not even that.
 */
export function parseHuJson(text: string): unknown {
	// A string is kept; everything else that matches becomes as much white space, so that positions in errors stay true.
	return JSON.parse(
		text.replace(
			noise,
			(match, string: string | undefined) =>
				string ?? match.replace(/[^\n]/g, " "),
		),
	);
}
