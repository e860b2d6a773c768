import {
	isText,
	isToolResult,
	isToolUse,
	type MessagesRequest,
	type ReplyBlock,
	type ToolResult,
	type Turn,
	turns,
} from "./wire.ts";

/** How the lab model introduces itself, so that nobody takes it for a real one. */
export const introduction = "I am the lab model, a scripted stand-in.";

/** OpenClaw's tool that runs a command in the sandbox. */
const execTool = "exec";

/**
 * The answer of the lab model: a pure function of the request. It follows simple requests (run a command, remember
 * something, say what was said) and keeps no memory of its own: what it knows stands in the conversation.
 */
export function reply(request: MessagesRequest): ReplyBlock[] {
	const conversation = turns(request);
	const last = conversation.at(-1);
	if (last?.role !== "user") return say("Go on.");

	// OpenClaw adds a block with context after the result, so the result is looked for in the whole turn.
	const results = last.blocks.filter(isToolResult);
	if (results.length > 0) return afterTools(conversation, results);

	const text = textOf(last);
	// OpenClaw asks for titles and recaps without offering tools; and for a sign of life with a word of its own.
	if (!request.tools?.length && asksForTitle(request, text))
		return say("Lab conversation");
	if (/reply (?:exactly |only |with )*`?HEARTBEAT_OK/i.test(text))
		return say("HEARTBEAT_OK");

	const command = commandIn(text);
	if (command !== undefined) {
		if (!request.tools?.some(({ name }) => name === execTool))
			return say(
				`${introduction} I was offered no tool "${execTool}", so I cannot run a command here.`,
			);
		return [{ type: "tool_use", name: execTool, input: { command } }];
	}
	const said = conversation
		.slice(0, -1)
		.filter((turn) => turn.role === "user" && !turn.blocks.some(isToolResult))
		.map((turn) => plainWords(textOf(turn)))
		.filter((words) => words !== "");
	if (/what (?:do you|did i ask you to) remember/i.test(text)) {
		const notes = said.map(noteIn).filter((note) => note !== undefined);
		return say(
			notes.length > 0
				? `You asked me to remember: ${notes.join("; ")}`
				: "You have not asked me to remember anything in this conversation.",
		);
	}
	if (/what did i (?:just )?(?:say|write|tell)/i.test(text)) {
		const before = said.at(-1);
		return say(
			before === undefined
				? "This is the first thing you say to me."
				: `You said: ${before}`,
		);
	}
	const note = noteIn(plainWords(text));
	if (note !== undefined) return say(`I shall remember: ${note}`);
	return say(
		`${introduction} I read: "${plainWords(text)}". I can follow "run this command: <command>", "remember that <something>", "what do you remember?" and "what did I say?".`,
	);
}

function say(text: string): ReplyBlock[] {
	return [{ type: "text", text }];
}

/** All text of a turn, one block below the other. */
function textOf(turn: Turn): string {
	return turn.blocks
		.filter(isText)
		.map(({ text }) => text)
		.join("\n");
}

/** Answers with the output in plain text: OpenClaw drops an answer that only quotes a result's JSON. */
function afterTools(conversation: Turn[], results: ToolResult[]): ReplyBlock[] {
	const calls = conversation.at(-2)?.blocks.filter(isToolUse) ?? [];
	return say(
		results
			.map((result) => {
				const command = calls.find(({ id }) => id === result.tool_use_id)?.input
					.command;
				const output = outputOf(result).trim();
				const verb = result.is_error ? "failed with" : "printed";
				return output === ""
					? `The command ${String(command)} ${result.is_error ? "failed without a word" : "printed nothing"}.`
					: `The command ${String(command)} ${verb}:\n${output}`;
			})
			.join("\n"),
	);
}

function outputOf(result: ToolResult): string {
	const content = result.content ?? "";
	return typeof content === "string"
		? content
		: content
				.map((part) =>
					part.type === "text" ? String(part.text) : `(${part.type})`,
				)
				.join("\n");
}

/** "run this command: …" to the end of the line, or what stands between backticks or fences after "run". */
function commandIn(text: string): string | undefined {
	const fenced = /\brun\b[^\n`]*:?\s*```\w*\n([\s\S]*?)\n?```/i.exec(text);
	const quoted = /\brun\b[^\n`]*`([^`\n]+)`/i.exec(text);
	const line = /\brun(?: this| the)?(?: command)?\s*:[ \t]*(\S[^\n]*)/i.exec(
		text,
	);
	return (fenced ?? quoted ?? line)?.[1]?.trim();
}

function noteIn(words: string): string | undefined {
	return /\bremember(?: that| this)?\s*:?\s+(\S[^\n]*)/i
		.exec(words)?.[1]
		?.trim();
}

function asksForTitle(request: MessagesRequest, text: string): boolean {
	const { system = "" } = request;
	const instructions =
		typeof system === "string"
			? system
			: system.map((each) => each.text).join("\n");
	return /\b(?:title|label|recap|summar(?:y|ize|ise)|slug)\b/i.test(
		`${instructions}\n${text}`,
	);
}

/** What the person wrote, without the blocks of metadata and the time stamp that OpenClaw puts around it. */
function plainWords(text: string): string {
	return text
		.replace(
			/<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>[\s\S]*?<<<END_OPENCLAW_INTERNAL_CONTEXT>>>/g,
			"",
		)
		.replace(
			/^[^\n]*(?:\(untrusted[^\n]*\)|⟦openclaw:ctx⟧):?\n```\w*\n[\s\S]*?\n```/gim,
			"",
		)
		.replace(/<(system-reminder|context|metadata)\b[\s\S]*?<\/\1>/gi, "")
		.replace(/^\[[^\]\n]*\]\s*/gm, "")
		.trim();
}
